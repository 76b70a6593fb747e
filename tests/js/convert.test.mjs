import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyLayout } from "../../web/js/layout/document.js";
import { wholeAround } from "../../web/js/layout/parts.js";
import { decodeMask } from "../../web/js/layout/rle.js";
import { reduce } from "../../web/js/state/actions.js";
import { instanceBounds } from "../../web/js/state/geometry.js";

const add = (doc, instance) => reduce(doc, { type: "add", instance });
const convert = (doc, kind, ids = doc.instances.map((one) => one.id)) => reduce(doc, { type: "convert", ids, kind, width: 20 });
const area = (mask) => decodeMask(mask).data.reduce((sum, v) => sum + v, 0);

test("a box and a scribble become masks of what they cover, and boxes again", () => {
  const doc = add(add(emptyLayout(100, 200), { box: [0.1, 0.25, 0.5, 0.75], point: [0.2, 0.3] }), { scribble: [[0.2, 0.5], [0.8, 0.5]] });
  const masks = convert(doc, "mask");
  const [first, second] = masks.instances;
  assert.deepEqual([first.box, second.scribble, first.point], [undefined, undefined, [0.2, 0.3]]);
  assert.equal(area(first.mask), 40 * 100);
  assert.ok(Math.abs(area(second.mask) - (60 * 20 + Math.PI * 100)) < 40);
  const boxes = convert(masks, "box").instances.map(({ box }) => box);
  assert.deepEqual(boxes, [[0.1, 0.25, 0.5, 0.75], [0.1, 0.45, 0.9, 0.55]]);
});

test("a mask stays what it is where a box goes, and takes a scribble along", () => {
  let doc = convert(add(emptyLayout(100, 100), { box: [0, 0, 0.1, 0.1] }), "mask");
  doc = reduce(doc, { type: "setLocation", id: "i1", kind: "box", value: [0, 0, 1, 1] });
  assert.equal(area(convert(doc, "mask").instances[0].mask), 100);
  doc = reduce(doc, { type: "setLocation", id: "i1", kind: "scribble", value: [[0.5, 0.5], [0.7, 0.5]] });
  assert.ok(area(convert(doc, "mask").instances[0].mask) > 500);
});

test("what cannot be converted stays: a point, a lone box to a box, what is locked", () => {
  const doc = [{ point: [0.5, 0.5] }, { box: [0, 0, 0.5, 0.5] }, { scribble: [[0, 0], [1, 1]], locked: true }].reduce(add, emptyLayout());
  assert.equal(convert(doc, "box"), doc);
  assert.equal(convert(doc, "mask", ["i1", "i3"]), doc);
  const flat = convert(add(emptyLayout(100, 100), { scribble: [[0.2, 1], [0.8, 1]] }), "box").instances[0].box;
  assert.deepEqual(flat, [0.2, 0.99, 0.8, 1]);
});

test("the whole of a part is the smallest larger one that holds its middle", () => {
  const doc = [[0, 0, 1, 1], [0.1, 0.1, 0.6, 0.6], [0.2, 0.2, 0.4, 0.4], [0.7, 0.7, 0.9, 0.9]].reduce((d, box) => add(d, { box }), emptyLayout());
  const whole = (d, id) => wholeAround(d, id, instanceBounds)?.id ?? null;
  assert.deepEqual(["i1", "i2", "i3", "i4"].map((id) => whole(doc, id)), [null, "i1", "i2", "i1"]);
  const grouped = reduce(doc, { type: "setParent", ids: ["i3"], parent: "i2" });
  assert.equal(whole(grouped, "i3"), "i1"); // it is a part of i2 already
});
