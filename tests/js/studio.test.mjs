import assert from "node:assert/strict";
import { test } from "node:test";
import { placeBefore, placeId, placesAfter, placesOf } from "../../web/js/graph.js";
import { createJobs } from "../../web/js/studio/jobs.js";
import { downstream, pictures } from "../../web/js/studio/prompt.js";
import { choose, comparedWith, earlierSeeds, LAYOUT, MOST, natural, newStudio, repeated, started, stepped, turned, withResult } from "../../web/js/studio/results.js";
import { isFixed, seedsAfter, sentSeed, setSeed } from "../../web/js/studio/seeds.js";
import { failure, objection, progress, refusal } from "../../web/js/studio/sentences.js";
import { strings } from "../../web/js/text.js";
import { graph, link, nest } from "./support/graph.mjs";

const words = strings("en").studio;
const node = (kind, inputs = {}) => ({ class_type: kind, inputs, _meta: { title: `my ${kind}` } });
const image = (filename, type = "temp") => ({ filename, type });

// two editors: 1 leads through 3 (apply), 5 (sampler), 6 (decode) to 7 (saved) and 8 (shown); 9 shows the layout; 2 leads to 10 alone
const PROMPT = {
  1: node("Editor", { layout: "A" }),
  2: node("Editor", { layout: "B" }),
  3: node("Apply", { model: ["4", 0], instances: ["1", 0] }),
  4: node("Load"),
  5: node("KSampler", { model: ["3", 0], seed: 7, steps: 4 }),
  6: node("Decode", { samples: ["5", 0] }),
  7: node("Save", { images: ["6", 0] }),
  8: node("Show", { images: ["6", 0] }),
  9: node("ShowLayout", { instances: ["1", 0] }),
  10: node("Show", { images: ["2", 6] }),
  11: node("Score", { image: ["12", 0], word: ["not", "a", "link"], pair: [3, 4] }),
  12: node("LoadImage"),
};

test("what comes after an editor", () => {
  assert.deepEqual([...downstream(PROMPT, ["1"])].sort(), ["3", "5", "6", "7", "8", "9"]);
  assert.deepEqual([...downstream(PROMPT, ["2"])], ["10"]);
  assert.deepEqual([...downstream(PROMPT, ["12"])], ["11"]);
  const round = { a: node("x", { i: ["b", 0] }), b: node("x", { i: ["a", 0] }) };
  assert.deepEqual([...downstream(round, ["a"])], ["b"], "a circle ends");
});

test("pictures after the sampler, saved ones first; without a sampler all that follow", () => {
  const outputs = new Map([["9", [image("layout")]], ["8", [image("shown")]], ["7", [image("s1", "output"), image("s2", "output")]], ["10", [image("other")]]]);
  const names = (from) => pictures(PROMPT, downstream(PROMPT, [from]), outputs).map((one) => one.filename);
  assert.deepEqual(names("1"), ["s1", "s2", "shown"]);
  assert.deepEqual(names("2"), ["other"]);
  const noise = { ...PROMPT, 5: node("SamplerCustomAdvanced", { guider: ["3", 0], noise: ["13", 0] }), 13: node("RandomNoise", { noise_seed: 5 }) };
  assert.deepEqual(pictures(noise, downstream(noise, ["1"]), outputs).map((one) => one.filename), ["s1", "s2", "shown"]);
});

function watched() {
  const log = [];
  const jobs = createJobs((job, what, detail) => log.push(`${job.id} ${what} ${job.state}${detail?.blob ?? ""}`));
  return { jobs, log, add: (id) => jobs.add({ id, prompt: PROMPT, takers: [] }) };
}

test("a run from the queue to its picture; messages that come before the answer count", () => {
  const { jobs, log, add } = watched();
  jobs.tell("execution_start", { prompt_id: "r" });
  jobs.tell("b_preview_with_metadata", { jobId: "r", blob: " early" });
  jobs.tell("executed", { prompt_id: "other", node: "7", output: { images: [image("no")] } });
  const job = add("r");
  assert.deepEqual(log, ["r queued queued", "r execution_start running"], "pictures are not kept for runs that may never be known");
  jobs.tell("b_preview_with_metadata", { jobId: "r", blob: " seen" });
  assert.equal(log.at(-1), "r b_preview_with_metadata running seen");
  jobs.tell("progress_state", { prompt_id: "r", nodes: { 4: { state: "finished", value: 1, max: 1, node_id: "4" }, 5: { state: "running", value: 3, max: 4, node_id: "5.0.1", display_node_id: "5" } } });
  assert.deepEqual(progress(job, words), { text: "Step 3 of 4: my KSampler", share: 0.75 });
  jobs.tell("executed", { prompt_id: "r", node: "7.0", display_node: "7", output: { images: [image("a")] } });
  jobs.tell("executed", { prompt_id: "r", node: "8", output: { text: ["no picture"] } });
  assert.deepEqual([...job.outputs.keys()], ["7"]);
  jobs.tell("execution_success", { prompt_id: "r" });
  jobs.tell("execution_error", { prompt_id: "r", exception_message: "late" });
  assert.deepEqual([job.state, job.error, jobs.active().length], ["done", null, 0]);
  assert.equal(progress(job, words).text, "");
});

test("what the queue says: places, runs that ended unseen, runs that are gone", () => {
  const { jobs, add } = watched();
  const [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map(add);
  jobs.tell("execution_start", { prompt_id: "d" });
  const error = { node_id: "5", exception_message: "out of memory\n at line 3" };
  const ended = { c: { outputs: { 7: { images: [image("c")] } }, status: { messages: [["execution_error", error]] } } };
  jobs.settle({ asked: [a, b, c, d], running: ["x", "a"], pending: ["y", "b"], ended });
  assert.deepEqual([a, b, c, d, e].map((job) => job.state), ["running", "queued", "failed", "gone", "queued"], "e was not asked about");
  assert.equal(progress(b, words).text, "In the queue: 3 runs before it");
  assert.equal(failure(c.error, PROMPT, words), "my KSampler: out of memory");
  jobs.settle({ asked: [b, e], running: [], pending: [], ended: { e: { status: { messages: [["execution_interrupted", {}]] } } } });
  assert.deepEqual([b.state, e.state], ["cancelled", "cancelled"]);
});

test("only the last runs that are over are kept", () => {
  const { jobs, add } = watched();
  for (let i = 0; i < 100; i++) {
    add(String(i));
    jobs.tell("execution_success", { prompt_id: String(i) });
  }
  assert.ok(jobs.all().length <= 7 && jobs.get("99"));
});

test("objections to a graph are one sentence, the editor's own first", () => {
  const errors = { 11: { errors: [{ message: "Value too small", details: "x" }] }, 5: { errors: [{ message: "Required input is missing", details: "positive\nmore" }] }, 6: { errors: [] } };
  const ours = (id) => id === "5";
  assert.deepEqual(objection(errors, ours), { node: "5", message: "Required input is missing: positive" });
  assert.equal(objection({}, ours), null);
  assert.equal(refusal({ response: { node_errors: errors } }, PROMPT, () => false, words), "my KSampler: Required input is missing: positive");
  assert.equal(refusal({ response: { error: { message: "Prompt has no outputs", details: "" } } }, PROMPT, ours, words), "Prompt has no outputs");
  assert.equal(refusal(new TypeError("Failed to fetch"), PROMPT, ours, words), words.noServer);
  assert.equal(failure({ node: "", message: "" }, PROMPT, words), words.noReason);
  assert.ok(failure({ node: "5", message: "x".repeat(900) }, PROMPT, words).length <= 300);
});

const made = (state, id, seed = null) => withResult(state, { id, images: [image(`${id}1`), image(`${id}2`)], layout: id, seed: seed && { id: "5", value: seed } });
const names = (state) => state.results.map((one) => one.id).join("");

test("twelve results are kept, never without the shown one and the compared one", () => {
  let state = made(newStudio(), "a");
  assert.deepEqual([state.shown, state.results[0].number], ["a", 1]);
  state = choose(made(state, "b"), "a");
  for (const id of "cdefghijklm") state = made(state, id);
  assert.equal(state.shown, "a", "a result that one looks at is not taken away by a new one");
  state = comparedWith(state, "c");
  for (const id of "nop") state = made(state, id);
  assert.equal(names(state), "acghijklmnop");
  assert.equal(state.results.length, MOST);
  assert.equal(made(state, "q").results.at(-1).number, 17);
  assert.equal(made(started(state), "q").shown, "q", "a run that one started is shown");
});

test("more pictures of the same run, its batch, and steps along the strip", () => {
  let state = made(made(newStudio(), "a"), "b");
  state = turned(state, -1);
  assert.equal(state.results[1].image, 1);
  state = withResult(state, { id: "b", images: [image("b1")] });
  assert.deepEqual([state.results[1].image, state.results[1].layout, state.results.length], [0, "b", 2]);
  assert.equal(stepped(state, -1).shown, "a");
  assert.equal(stepped(stepped(state, -Infinity), -1).shown, "a");
  assert.equal(stepped(newStudio(), 1).shown, null);
  assert.equal(choose(state, "nothing"), state);
});

test("what is compared: the result before, or the layout; never a result with itself", () => {
  const state = made(made(newStudio(), "a"), "b");
  assert.deepEqual([natural(state), natural(choose(state, "a"))], ["a", LAYOUT]);
  assert.equal(comparedWith(state, "b").other, null);
  assert.equal(comparedWith(newStudio(), LAYOUT).other, null, "there is nothing to compare yet");
  assert.equal(choose(comparedWith(state, "a"), "a").other, null);
  assert.equal(started(comparedWith(state, "a")).other, null);
});

test("seeds that were used, the latest first", () => {
  const state = [5, null, 9, 5].reduce((now, seed, i) => made(now, String(i), seed), newStudio());
  assert.deepEqual(earlierSeeds(state), [5, 9]);
});

test("a graph is walked through subgraphs, and nothing flows through a muted node", () => {
  const root = graph();
  const [editor, apply, show] = [root.add("Editor"), root.add("Apply"), root.add("Show")];
  const inner = graph();
  const [sampler, muted, last] = [inner.add("KSampler", { seed: 3 }), inner.add("Upscale", {}, 2), inner.add("Last")];
  const holder = nest(root, inner, { inputs: ["model", "number"], outputs: ["image"] });
  holder.widgets = [{ name: "number", value: 5 }];
  link(editor, apply);
  link(apply, holder, "model");
  inner.enter("model", sampler);
  link(sampler, muted);
  link(muted, last);
  inner.leave("image", sampler);
  link(holder, show);
  const ids = placesAfter(placesOf(root, editor)).map(placeId);
  assert.deepEqual(ids.sort(), ["2", "3", "4:1"]);
  assert.deepEqual(placesOf(root, sampler).map(placeId), ["4:1"]);
  assert.equal(placeId(placeBefore(placesOf(root, sampler)[0], 0)), "2");
  assert.equal(placeId(placeBefore({ node: show, path: [] }, 0)), "4:1");
  const seed = () => seedsAfter(placesOf(root, editor)).map(({ id, widget }) => [id, widget.value]);
  assert.deepEqual(seed(), [["4:1", 3]]);
  inner.enter("number", sampler, "seed");
  assert.deepEqual(seed(), [["4", 5]], "the subgraph's node shows the seed, and its value counts");
  link(root.add("PrimitiveInt", { value: 6 }), holder, "number");
  assert.deepEqual(seed(), [["5", 6]]);
  root.links.delete(root.links.size);
  holder.inputs.pop();
  assert.deepEqual(seed(), [], "a link that leads nowhere is no seed, and no error");
});

test("seeds: of samplers, of their noise, of a node that gives it; not of bypassed ones", () => {
  const root = graph();
  const [editor, first, custom, noise, third, number, off] = [
    root.add("Editor"),
    root.add("KSampler", { seed: 3, control_after_generate: "randomize" }),
    root.add("SamplerCustomAdvanced"),
    root.add("RandomNoise", { noise_seed: 4 }),
    root.add("KSampler", { seed: 0 }),
    root.add("PrimitiveInt", { value: 12 }),
    root.add("KSampler", { seed: 1 }, 4),
  ];
  const words = root.add("LanguageModel", { seed: 2 });
  for (const sampler of [first, custom, third]) sampler.outputs[0].type = "LATENT";
  link(editor, words, "text");
  for (const [to, name] of [[first, "model"], [custom, "guider"], [third, "model"], [off, "model"]]) link(editor, to, name);
  link(noise, custom, "noise", "NOISE");
  link(number, third, "seed");
  const seeds = seedsAfter(placesOf(root, editor));
  assert.deepEqual(seeds.map(({ id, widget }) => [id, widget.value]), [["2", 3], ["4", 4], ["6", 12], ["8", 2]], "samplers first");
  assert.deepEqual(seeds.map(isFixed), [false, null, null, null]);
  setSeed(seeds[0], { value: 8.4, fixed: true });
  assert.deepEqual([seeds[0].widget.value, isFixed(seeds[0])], [8, true]);
  const sent = { 2: node("KSampler", { seed: 8 }), 5: node("KSampler", { seed: 12 }) };
  assert.deepEqual(seeds.map((seed) => sentSeed(seed, sent)), [{ id: "2", value: 8 }, null, { id: "6", value: 12 }, null]);
});

test("the first seed is that of the sampler whose picture the others go on with, however the graph is wired", () => {
  const root = graph();
  const [editor, text, second, apply, first] = ["Editor", "Text", "KSampler", "Apply", "KSampler"].map((type, i) =>
    root.add(type, type === "KSampler" ? { seed: i } : {})
  );
  for (const sampler of [first, second]) sampler.outputs[0].type = "LATENT";
  // as near to the editor as the first pass, and connected before it
  for (const [from, to] of [[editor, text], [editor, apply], [text, second], [apply, second], [apply, first], [first, second]]) link(from, to);
  assert.deepEqual(seedsAfter(placesOf(root, editor)).map(({ node }) => node), [first, second]);
});

test("a run for which nothing was computed adds no result, and shows the one whose pictures it has", () => {
  const made = (id, names, more = {}) => ({ id, images: names.map((name) => image(name)), layout: "L", seed: null, ...more });
  let state = [made("a", ["a1", "a2"]), made("b", ["b1"])].reduce(withResult, newStudio());
  state = withResult(state, made("c", ["a2"], { cached: true }));
  assert.deepEqual([state.results.length, state.made, state.shown], [2, 2, "a"]);
  assert.equal(repeated(state, made("c", ["a1", "a2"])).number, 1);
  assert.equal(repeated(state, made("c", ["a1", "b1"])), null);
  assert.equal(repeated(state, made("c", [])), null);
  state = withResult({ ...state, follow: false, shown: "b" }, made("d", ["a1"], { cached: true }));
  assert.equal(state.shown, "b", "who looks at another one goes on looking at it");
  state = withResult(state, made("e", ["a1"]));
  assert.equal(state.results.length, 3, "a file of an earlier server may have the same name");

  const { jobs, add } = watched();
  const job = add("r");
  jobs.tell("execution_cached", { prompt_id: "r", nodes: ["5", 7] });
  jobs.tell("executed", { prompt_id: "r", node: "7", output: { images: [image("a")] } });
  assert.deepEqual([...job.cached], ["5", "7"]);
  assert.deepEqual(pictures(PROMPT, downstream(PROMPT, ["1"]), job.outputs).map(({ node: from, title }) => [from, title]), [["7", "my Save"]]);
});
