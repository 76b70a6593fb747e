import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeMask, encodeMask } from "../../web/js/layout/rle.js";
import { emptyLayout, layoutToJson, opacityOf, parseLayout } from "../../web/js/layout/document.js";
import { reduce } from "../../web/js/state/actions.js";
import { aligned, arranged, distributed, reordered } from "../../web/js/state/arrange.js";
import { lint } from "../../web/js/layout/lint.js";
import { missingNoun } from "../../web/js/layout/nouns.js";
import { missingInCaption, withPrompts } from "../../web/js/state/caption.js";
import { instanceBounds, mapping, moved, rectangle, resized, simplify } from "../../web/js/state/geometry.js";
import { emptyBitmap, fillPolygon, paintSegment, resample, transformed } from "../../web/js/state/raster.js";
import { snapMove, snapPoint, snapTargets } from "../../web/js/state/snap.js";

const near = (actual, expected, tolerance = 1e-9) => {
  assert.equal(actual.length, expected.length);
  actual.forEach((v, i) => assert.ok(Math.abs(v - expected[i]) <= tolerance, `${actual} is not ${expected}`));
};
const named = (...ids) => ids.map((id) => ({ id }));
const ids = (items) => items.map((item) => item.id).join("");
const withBoxes = (...boxes) => boxes.reduce((doc, box) => reduce(doc, { type: "add", instance: { box } }), emptyLayout(768, 512));

test("a rectangle has its corners in order and stays on the canvas", () => {
  near(rectangle([0.9, 0.2], [0.1, 1.4]), [0.1, 0.2, 0.9, 1]);
});

test("a move is held inside the canvas with the size kept", () => {
  near(moved([0.1, 0.2, 0.5, 0.6], -0.4, 0.9), [0, 0.6, 0.4, 1]);
});

test("each handle moves only its own edges", () => {
  near(resized([0.2, 0.2, 0.6, 0.6], "e", 0.1, 0.3), [0.2, 0.2, 0.7, 0.6]);
  near(resized([0.2, 0.2, 0.6, 0.6], "nw", -0.1, 0.1), [0.1, 0.3, 0.6, 0.6]);
});

test("a handle dragged past the opposite edge stops at the least size", () => {
  near(resized([0.2, 0.2, 0.6, 0.6], "e", -0.9, 0, { least: [0.05, 0.05] }), [0.2, 0.2, 0.25, 0.6]);
});

test("with the aspect kept a corner never leaves the canvas", () => {
  const [x0, y0, x1, y1] = resized([0.5, 0.5, 0.7, 0.6], "se", 2, 0, { keepAspect: true });
  near([x0, y0, x1, y1], [0.5, 0.5, 1, 0.75]);
});

test("from the centre both edges move", () => {
  near(resized([0.4, 0.4, 0.6, 0.6], "s", 0, 0.1, { fromCentre: true }), [0.4, 0.3, 0.6, 0.7]);
});

test("a mapping takes a side of no length along without stretching it", () => {
  near(mapping([0.5, 0.1, 0.5, 0.3], [0.7, 0.1, 0.7, 0.5])([0.5, 0.2]), [0.7, 0.3]);
});

test("simplify keeps the ends and the corners of a line", () => {
  const line = Array.from({ length: 50 }, (_, i) => [i, i < 25 ? 0 : i - 24]);
  assert.deepEqual(simplify(line, 0.5), [[0, 0], [24, 0], [49, 25]]);
});

test("a stroke paints a capsule, and only changed pixels lie in its area", () => {
  const bitmap = emptyBitmap(96, 64);
  const [x0, y0, x1, y1] = paintSegment(bitmap, 20, 30, 60, 30, 5, 1);
  let count = 0;
  bitmap.data.forEach((v, k) => {
    if (!v) return;
    count++;
    const [i, j] = [k % 96, Math.floor(k / 96)];
    assert.ok(i >= x0 && i < x1 && j >= y0 && j < y1);
  });
  assert.ok(Math.abs(count - (40 * 10 + Math.PI * 25)) < 20, String(count));
  paintSegment(bitmap, 0, 30, 96, 30, 50, 0);
  assert.ok(!bitmap.data.includes(1));
});

test("a polygon on a wide canvas covers its area", () => {
  const bitmap = emptyBitmap(96, 64);
  fillPolygon(bitmap, [[10, 10], [50, 10], [50, 40], [10, 40]], 1);
  assert.equal(bitmap.data.reduce((a, b) => a + b), 40 * 30);
  assert.equal(bitmap.data[10 * 96 + 10], 1);
  assert.equal(bitmap.data[40 * 96 + 10], 0);
});

test("a mask moved and moved back by whole pixels is the same", () => {
  const bitmap = emptyBitmap(96, 64);
  fillPolygon(bitmap, [[20, 12], [50, 20], [31, 44]], 1);
  const there = transformed(bitmap, [0, 0, 1, 1], [8 / 96, 4 / 64, 1 + 8 / 96, 1 + 4 / 64]);
  const back = transformed(there, [0, 0, 1, 1], [-8 / 96, -4 / 64, 1 - 8 / 96, 1 - 4 / 64]);
  assert.notDeepEqual(there.data, bitmap.data);
  assert.deepEqual(back.data, bitmap.data);
  assert.deepEqual(resample(bitmap, 96, 64).data, bitmap.data);
});

test("depth: one step at a time, groups keep their order", () => {
  assert.equal(ids(arranged(named("a", "b", "c", "d"), new Set(["a", "b"]), "forward")), "cabd");
  assert.equal(ids(arranged(named("a", "b", "c", "d"), new Set(["c", "d"]), "forward")), "abcd");
  assert.equal(ids(arranged(named("a", "b", "c", "d"), new Set(["b", "d"]), "backward")), "badc");
  assert.equal(ids(arranged(named("a", "b", "c", "d"), new Set(["b", "d"]), "back")), "bdac");
  assert.equal(ids(reordered(named("a", "b", "c", "d"), new Set(["a"]), 2)), "bcad");
});

test("alignment and equal gaps", () => {
  const rects = [[0, 0, 0.2, 0.2], [0.3, 0.5, 0.4, 0.6], [0.8, 0.1, 1, 0.3]];
  near(aligned(rects, [0, 0, 1, 0.6], "bottom")[0], [0, 0.4, 0.2, 0.6]);
  near(aligned(rects, [0, 0, 1, 0.6], "centre")[1], [0.45, 0.5, 0.55, 0.6]);
  near(distributed(rects, "x")[1], [0.45, 0.5, 0.55, 0.6]);
});

test("edges snap to other instances before the grid, with a guide only for the former", () => {
  const canvas = { width: 768, height: 512 };
  const targets = snapTargets([[0.25, 0.25, 0.5, 0.5]], canvas, { snap: true, grid: true, gridSize: 8 });
  const found = snapMove([0.505, 0.6, 0.7, 0.8], targets, [0.01, 0.01]);
  near(found.shift, [-0.005, Math.round(0.6 * 64) / 64 - 0.6], 1e-6);
  assert.deepEqual(found.guides, [{ axis: 0, at: 0.5 }]);
  assert.deepEqual(snapPoint([0.26, 0.1], { lines: [[0.25], []], grid: [null, null] }, [0.02, 0.02], [1]), { shift: [0, 0], guides: [] });
});

test("a new instance gets a free id and every field", () => {
  const doc = reduce(withBoxes([0, 0, 0.5, 0.5]), { type: "add", instance: { id: "i1", point: [0.5, 0.5], color: "#35d07f" } });
  assert.deepEqual(doc.instances.map((i) => i.id), ["i1", "i2"]);
  assert.deepEqual(parseLayout(layoutToJson(doc)), doc);
});

test("locked instances stay where they are", () => {
  let doc = withBoxes([0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]);
  doc = reduce(doc, { type: "update", ids: ["i1"], fields: { locked: true } });
  for (const action of [
    { type: "remove", ids: ["i1"] },
    { type: "transform", ids: ["i1"], from: [0, 0, 0.5, 0.5], to: [0.1, 0.1, 0.6, 0.6] },
    { type: "align", ids: ["i1"], edge: "right" },
    { type: "setLocation", id: "i1", kind: "point", value: [0.1, 0.1] },
  ]) {
    assert.equal(reduce(doc, action), doc, action.type);
  }
});

test("the last location of an instance can't be taken away", () => {
  let doc = withBoxes([0, 0, 0.5, 0.5]);
  assert.equal(reduce(doc, { type: "setLocation", id: "i1", kind: "box", value: null }), doc);
  doc = reduce(doc, { type: "setLocation", id: "i1", kind: "point", value: [0.2, 0.2] });
  doc = reduce(doc, { type: "setLocation", id: "i1", kind: "box", value: null });
  assert.deepEqual([doc.instances[0].box, doc.instances[0].point], [undefined, [0.2, 0.2]]);
});

test("an empty mask is refused", () => {
  const doc = withBoxes([0, 0, 0.5, 0.5]);
  assert.equal(reduce(doc, { type: "setLocation", id: "i1", kind: "mask", value: encodeMask(emptyBitmap(16, 8)) }), doc);
});

test("unknown fields of document and instance survive editing", () => {
  const doc = parseLayout('{"version": 1, "author": "me", "instances": [{"id": "a", "prompt": "x", "box": [0, 0, 1, 1], "note": {"k": [1]}}]}');
  const next = reduce(reduce(doc, { type: "update", ids: ["a"], fields: { prompt: "y" } }), { type: "duplicate", ids: ["a"], dx: 0, dy: 0 });
  assert.equal(next.author, "me");
  assert.deepEqual(next.instances.map((i) => i.note), [{ k: [1] }, { k: [1] }]);
});

test("a negative prompt is written only where there is one", () => {
  const doc = withBoxes([0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]);
  const careful = reduce(doc, { type: "update", ids: ["i1", "i2"], fields: { negative: "blur" } });
  assert.deepEqual(careful.instances.map(({ negative }) => negative), ["blur", "blur"]);
  assert.deepEqual(reduce(careful, { type: "update", ids: ["i1", "i2"], fields: { negative: "" } }), doc);
  assert.equal(reduce(doc, { type: "update", ids: ["i1"], fields: { negative: "" } }), doc);
});

test("a reference picture goes along with copies, in one step, and leaves nothing behind", () => {
  const doc = withBoxes([0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]);
  const set = (from, fields, ...ids) => reduce(from, { type: "update", ids, fields });
  const given = set(set(doc, { reference: "instdiff/cat.png" }, "i1"), { reference_strength: 9 }, "i1");
  assert.deepEqual([given.instances[0].reference, given.instances[0].reference_strength], ["instdiff/cat.png", 2]);
  const copied = reduce(given, { type: "duplicate", ids: ["i1"], dx: 0, dy: 0 });
  assert.deepEqual([copied.instances[2].reference, copied.instances[2].reference_strength], ["instdiff/cat.png", 2]);
  assert.deepEqual(parseLayout(layoutToJson(copied)), copied);
  assert.deepEqual(set(given, { reference: "", reference_strength: 1 }, "i1", "i2"), doc);
  assert.ok(!layoutToJson(doc).includes("reference"));
});

test("opacity lies in 0..1, goes along with copies and is written only where it is not 1", () => {
  const doc = withBoxes([0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]);
  const set = (from, opacity, ...ids) => reduce(from, { type: "update", ids, fields: { opacity } });
  const seeThrough = set(doc, 0.4, "i1", "i2");
  assert.deepEqual(seeThrough.instances.map(opacityOf), [0.4, 0.4]);
  assert.deepEqual(set(seeThrough, 1, "i1", "i2"), doc);
  assert.equal(set(doc, 1, "i1"), doc, "nothing to undo");
  assert.deepEqual([-1, 3, NaN].map((value) => opacityOf(set(seeThrough, value, "i1").instances[0])), [0, 1, 0.4]);
  const copied = reduce(reduce(seeThrough, { type: "duplicate", ids: ["i1"], dx: 0, dy: 0 }), { type: "convert", ids: ["i3"], kind: "mask", width: 8 });
  assert.deepEqual(copied.instances.map(opacityOf), [0.4, 0.4, 0.4]);
  assert.deepEqual(parseLayout(layoutToJson(copied)), copied);
  assert.ok(!layoutToJson(doc).includes("opacity"));
});

test("start pushes end and end pushes start", () => {
  let doc = withBoxes([0, 0, 1, 1]);
  doc = reduce(doc, { type: "update", ids: ["i1"], fields: { end: 0.4 } });
  doc = reduce(doc, { type: "update", ids: ["i1"], fields: { start: 0.7 } });
  assert.deepEqual([doc.instances[0].start, doc.instances[0].end], [0.7, 0.7]);
});

test("while dragging a mask keeps its pixels and its bounds follow", () => {
  const bitmap = emptyBitmap(96, 64);
  fillPolygon(bitmap, [[0, 0], [48, 0], [48, 32], [0, 32]], 1);
  const doc = reduce(emptyLayout(96, 64), { type: "add", instance: { mask: encodeMask(bitmap) } });
  const action = { type: "transform", ids: ["i1"], from: [0, 0, 0.5, 0.5], to: [0.5, 0.5, 1, 1] };
  const live = reduce(doc, { ...action, live: true }).instances[0];
  assert.equal(live.mask, doc.instances[0].mask);
  near(instanceBounds(live), [0.5, 0.5, 1, 1]);
  near(instanceBounds(reduce(doc, action).instances[0]), [0.5, 0.5, 1, 1]);
});

/** A small generator of numbers, the same at every run (mulberry32). */
function randomSource(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function randomAction(random, doc) {
  const wild = () => random() * 1.6 - 0.3; // also outside the canvas
  const pick = (items) => items[Math.floor(random() * items.length)];
  const point = () => [random(), random()].map((v) => Math.round(v * 1e5) / 1e5);
  const some = doc.instances.filter(() => random() < 0.3).map((i) => i.id);
  const one = doc.instances.length ? pick(doc.instances).id : "nobody";
  const rect = () => rectangle([wild(), wild()], [wild(), wild()]);
  const solid = () => {
    const [x0, y0, x1, y1] = rect();
    return x1 - x0 > 0.01 && y1 - y0 > 0.01 ? [x0, y0, x1, y1] : [0.2, 0.3, 0.6, 0.9];
  };
  const mask = () => {
    const bitmap = emptyBitmap(48, 32);
    paintSegment(bitmap, random() * 48, random() * 32, random() * 48, random() * 32, 1 + random() * 6, 1);
    return encodeMask(bitmap);
  };
  const location = (kind) => ({ box: solid, point, mask, scribble: () => [point(), point(), point()] })[kind]();
  const kind = pick(["box", "mask", "point", "scribble"]);
  const numbers = [NaN, -1, 0, 0.3, 0.7, 1, 5, Infinity];
  return pick([
    () => ({ type: "add", instance: { [kind]: location(kind), prompt: pick(["", "a fox", "(x:1.3) embedding:y"]) }, index: pick([undefined, 0, 2, 99]) }),
    () => ({ type: "add", instance: { [kind]: location(kind) } }),
    () => ({ type: "remove", ids: some.slice(0, 2) }),
    () => ({ type: "update", ids: some, fields: pick([{ prompt: "b" }, { strength: pick(numbers) }, { start: pick(numbers) }, { end: pick(numbers) }, { opacity: pick(numbers) }, { visible: random() < 0.5 }, { locked: random() < 0.2 }]) }),
    () => ({ type: "setLocation", id: one, kind, value: random() < 0.4 ? null : location(kind) }),
    () => ({ type: "transform", ids: some, from: solid(), to: solid() }),
    () => ({ type: "transform", ids: some, from: [0, 0, 1, 1], to: [wild(), wild(), 1 + wild(), 1 + wild()] }),
    () => ({ type: "duplicate", ids: some.slice(0, 2), dx: wild() - 0.5, dy: wild() - 0.5 }),
    () => ({ type: "paste", instances: doc.instances.slice(0, 1), dx: 0.02, dy: 0.02 }),
    () => ({ type: "reorder", ids: some, to: Math.floor(random() * 9) - 2 }),
    () => ({ type: "arrange", ids: some, how: pick(["front", "back", "forward", "backward"]) }),
    () => ({ type: "align", ids: some, edge: pick(["left", "centre", "right", "top", "middle", "bottom"]) }),
    () => ({ type: "distribute", ids: some, axis: pick(["x", "y"]) }),
    () => ({ type: "setParent", ids: some, parent: random() < 0.3 ? "" : one }),
    () => ({ type: "setCanvas", width: pick([512, 768, 0, NaN, 1e9]), height: pick([512, 640.4, -3]) }),
    () => ({ type: "setPrompt", prompt: pick(["", "two\nlines"]) }),
  ])();
}

function deepFreeze(value) {
  if (value && typeof value === "object" && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}

test("10,000 random actions: every document can be read back, nothing is changed in place, undo returns exactly", () => {
  const random = randomSource(20260101);
  let doc = deepFreeze(emptyLayout(768, 512));
  const history = [];
  for (let step = 0; step < 10000; step++) {
    if (doc.instances.length > 24) doc = deepFreeze({ ...doc, instances: doc.instances.slice(0, 6) });
    const action = randomAction(random, doc);
    const before = layoutToJson(doc);
    const next = deepFreeze(reduce(doc, action)); // a change in place of a frozen document throws
    const after = layoutToJson(next);
    assert.deepEqual(parseLayout(after), next, JSON.stringify(action)); // parse refuses NaN, 0..1 left, empty masks, equal ids
    assert.equal(layoutToJson(doc), before);
    if (next === doc) assert.equal(after, before);
    history.push([doc, before]);
    doc = next;
    if (random() < 0.1) {
      // undo a few steps, as the graph does: by the stored text
      for (let back = Math.floor(random() * 3) + 1; back > 0 && history.length; back--) {
        const [earlier, text] = history.pop();
        doc = deepFreeze(parseLayout(text));
        assert.deepEqual(doc, earlier);
        assert.equal(layoutToJson(doc), text);
      }
    }
    if (history.length > 50) history.shift();
  }
});

test("a mask that is moved far and shrunk never comes out empty", () => {
  const random = randomSource(7);
  for (let n = 0; n < 200; n++) {
    const bitmap = emptyBitmap(48, 32);
    paintSegment(bitmap, random() * 48, random() * 32, random() * 48, random() * 32, 1, 1);
    let doc = reduce(emptyLayout(48, 32), { type: "add", instance: { mask: encodeMask(bitmap) } });
    doc = reduce(doc, { type: "transform", ids: ["i1"], from: [0, 0, 1, 1], to: [random(), random(), random(), random()] });
    assert.ok(decodeMask(doc.instances[0].mask).data.includes(1));
  }
});

const captionOf = (prompt, ...prompts) => ({
  ...emptyLayout(),
  prompt,
  instances: prompts.map((one, i) => ({ id: `i${i}`, prompt: one, box: [0, 0, 0.5, 0.5], visible: true })),
});

test("what the caption lacks is what the hints say that it lacks", () => {
  const stars = "a red star, a striped blue circle";
  assert.deepEqual(missingInCaption(captionOf(stars, "a red star", "checkered pink heart")), ["checkered pink heart"]);
  const animals = ["a gray cat, British shorthair", "a brown Maltipoo dog", "two donkeys"];
  assert.deepEqual(missingInCaption(captionOf("a cat, a robin and a dog on rocks in the woods", ...animals)), ["two donkeys"]);
  for (const caption of ["a cat", "a dog, two donkeys", "donkeys on a plain", "雪地里的一只猫"]) {
    const asked = captionOf(caption, ...animals, "一只猫", "the");
    const hinted = lint(asked).filter(({ code }) => code === "noun_missing").map(({ id }) => asked.instances[id.slice(1)].prompt);
    assert.deepEqual(missingInCaption(asked), hinted);
  }
  // what is there in another colour or texture is not there; where the caption says neither, it is
  assert.deepEqual(missingInCaption(captionOf(stars, "a checkered pink star", "a dotted blue circle")), ["a checkered pink star", "a dotted blue circle"]);
  const clear = captionOf("a black and white cat, a red star and a star, grey dogs beside a blue (circle:1.2)", "a white cat", "a pink star",
    "a gray dog", "a striped blue circle", "a small circle", "two dogs, black");
  assert.deepEqual(missingInCaption(clear), []);
  assert.equal(missingNoun(stars, "a checkered pink star on the left"), "checkered pink star");
  for (const [caption, prompt, noun] of [
    ["a red-and-white striped ball", "a Red and White checkered ball", "red white checkered ball"],
    ["Two GREY buses", "a red bus", "red bus"], ["a gray cat", "GREY cats", null], ["a black cat", "a grey cat", "grey cat"],
    ["a white-haired woman", "a black-haired woman", null], // not a black woman
    ["an orange-haired boy", "an orange", "orange"], ["orange-haired", "Orange-haired", null], ["a", "grey", null], ["grey", "a grey cat", "cat"], ["红色的星星", "粉色的星星", "粉色的星星"],
  ]) assert.equal(missingNoun(caption, prompt), noun, `${prompt} beside ${caption}`);
  assert.deepEqual(missingInCaption(captionOf("two (Red:1.2) foxes and a dog on the grass", "a dog", "red foxes", "the", "")), []);
  assert.deepEqual(missingInCaption(captionOf("雪地里的一只猫", "一只猫", "一只狗")), ["一只狗"]);
  const doc = captionOf("", "an eagle", "its head", "a fox");
  Object.assign(doc.instances[1], { parent: "i0" });
  Object.assign(doc.instances[2], { visible: false });
  assert.deepEqual(missingInCaption(doc), ["an eagle"]);
  assert.equal(withPrompts("a meadow at noon,", ["an eagle", "a fox"]), "a meadow at noon, an eagle, a fox");
});

test("what the caption lacks is added before the background that it ends with", () => {
  for (const [caption, whole] of [
    ["a red star and a heart on a green background", "a red star and a heart, a fox on a green background"],
    ["a cat on a rock, a dog on a plain white background.", "a cat on a rock, a dog, a fox on a plain white background."],
    ["a cat, in the Background", "a cat, a fox, in the Background"],
    ["on a blue background", "a fox on a blue background"],
    ["a white background", "a white background, a fox"],
    ["a cat on a white background, best quality", "a cat on a white background, best quality, a fox"],
    ["a cat on a rock", "a cat on a rock, a fox"],
    ["", "a fox"],
  ]) {
    assert.equal(withPrompts(caption, ["a fox"]), whole);
    assert.equal(withPrompts(caption, []), caption);
  }
});

test("a caption made of the instances follows them until it is written by hand", () => {
  let doc = reduce(captionOf("mine", "a fox.", "an owl", "a fox"), { type: "setCaptionFrom", fromInstances: true });
  assert.equal(doc.prompt, "a fox, an owl");
  doc = reduce(doc, { type: "update", ids: ["i1"], fields: { prompt: "a star" } });
  doc = parseLayout(layoutToJson(reduce(doc, { type: "remove", ids: ["i2"] })));
  assert.deepEqual([doc.prompt, doc.caption_from], ["a fox, a star", "instances"]);
  doc = reduce(doc, { type: "setPrompt", prompt: "a fox" });
  doc = reduce(doc, { type: "update", ids: ["i0"], fields: { prompt: "a dog" } });
  assert.deepEqual([doc.prompt, "caption_from" in doc], ["a fox", false]);
});
