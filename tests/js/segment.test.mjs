import assert from "node:assert/strict";
import { test } from "node:test";
import { DETECT, findSegmenter, loadableName, LOADER, pixelAt, RESULT, segmentGraph, WEIGHTS } from "../../web/js/segment/graph.js";
import { runGraph } from "../../web/js/segment/run.js";

const PICTURE = { width: 400, height: 200 };

test("a place on the canvas is a pixel of the fitted picture, or beside it", () => {
  assert.deepEqual(pixelAt([0, 0.25], PICTURE, { width: 512, height: 512 }), [0, 0]);
  assert.deepEqual(pixelAt([1, 0.75], PICTURE, { width: 512, height: 512 }), [399, 199]);
  assert.deepEqual(pixelAt([0.5, 0.5], PICTURE, { width: 512, height: 256 }), [200, 100]);
  assert.equal(pixelAt([0.5, 0.1], PICTURE, { width: 512, height: 512 }), null);
});

test("the weights are found among the checkpoints, as both kinds of schema list them", async () => {
  const server = (files, detect = true) => async (node) =>
    node === LOADER ? { [LOADER]: { input: { required: { ckpt_name: files } } } } : detect ? { [DETECT]: {} } : {};
  assert.deepEqual(await findSegmenter(server([["a.ckpt", "sub/SAM3.safetensors", `x/${WEIGHTS}`]])), { weights: `x/${WEIGHTS}` });
  assert.deepEqual(await findSegmenter(server(["COMBO", { options: ["sam-3_large.pt"] }])), { weights: "sam-3_large.pt" });
  assert.deepEqual(await findSegmenter(server([["sam2.pt", "v1-5.safetensors"]])), { missing: "weights" });
  assert.deepEqual(await findSegmenter(server([["sam3.pt"]], false)), { missing: "node" });
});

test("the graph asks with points or with a box in pixels", () => {
  const of = { picture: "a.png [temp]", weights: WEIGHTS, size: PICTURE };
  const points = segmentGraph({ ...of, asked: { positive: [[10, 20]], negative: [[1, 2], [3, 4]], box: null } });
  assert.deepEqual(JSON.parse(points.detect.inputs.positive_coords), [{ x: 10, y: 20 }]);
  assert.equal(JSON.parse(points.detect.inputs.negative_coords).length, 2);
  const box = segmentGraph({ ...of, asked: { positive: [], negative: [], box: [40, 50, 199, 149] } });
  assert.deepEqual([box.drawn.inputs.left, box.drawn.inputs.top, box.drawn.inputs.right, box.drawn.inputs.bottom], [0.1, 0.25, 0.5, 0.75]);
  assert.ok(box.detect.inputs.bboxes && !("positive_coords" in box.detect.inputs));
  for (const graph of [points, box]) {
    for (const { inputs } of Object.values(graph)) for (const value of Object.values(inputs)) if (Array.isArray(value)) assert.ok(value[0] in graph);
    assert.ok(RESULT in graph);
  }
});

test("pictures of the server are named for LoadImage, others are not", () => {
  assert.equal(loadableName("http://x/api/view?filename=a%20b.png&subfolder=instdiff&type=input"), "instdiff/a b.png [input]");
  assert.equal(loadableName("/view?filename=a.png&type=temp&subfolder="), "a.png [temp]");
  for (const url of ["blob:http://x/1", "http://x/other.png", "http://x/view?type=temp"]) assert.equal(loadableName(url), null);
});

/** A server whose run goes through the given states of its history entry. */
function serverOf(states, calls = []) {
  const answer = (body, ok = true) => Promise.resolve({ ok, json: async () => body });
  return {
    fetchApi(route, options) {
      calls.push([route, options && JSON.parse(options.body)]);
      if (route === "/prompt") return answer({ prompt_id: "p" });
      if (route === "/queue" && !options) return answer({ queue_running: [[0, "other"], [1, "p"]] });
      if (route.startsWith("/history/")) return answer(states.length > 1 ? states.shift() : states[0]);
      return answer({});
    },
  };
}

test("a run ends with what its nodes showed, with an error, or is cancelled alone", async () => {
  const signal = new AbortController();
  const options = { signal: signal.signal, onProgress() {} };
  const done = { p: { status: { completed: true }, outputs: { result: { images: [] } } } };
  const calls = [];
  assert.deepEqual(await runGraph(serverOf([{}, done], calls), { a: {} }, options), { result: { images: [] } });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(calls.at(-1), ["/history", { delete: ["p"] }]);
  const failed = (type) => ({ p: { status: { completed: false, messages: [[type, {}]] } } });
  await assert.rejects(runGraph(serverOf([failed("execution_error")]), {}, options), { why: "failed" });
  await assert.rejects(runGraph(serverOf([failed("execution_interrupted")]), {}, options), { why: "cancelled" });
  await assert.rejects(runGraph({ fetchApi: () => Promise.reject(new TypeError()) }, {}, options), { why: "gone" });
  await assert.rejects(runGraph({ fetchApi: async () => ({ ok: false }) }, {}, options), { why: "refused" });
  const log = [];
  setTimeout(() => signal.abort(), 20);
  await assert.rejects(runGraph(serverOf([{}, {}, {}, failed("execution_interrupted")], log), {}, options), { why: "cancelled" });
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.deepEqual(log.filter(([, body]) => body).map(([route]) => route), ["/prompt", "/queue", "/interrupt", "/history"]);
  assert.deepEqual(log.find(([route]) => route === "/interrupt")[1], { prompt_id: "p" });
});
