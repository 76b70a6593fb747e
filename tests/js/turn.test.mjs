import assert from "node:assert/strict";
import { test } from "node:test";
import { layoutToJson, emptyLayout, parseLayout } from "../../web/js/layout/document.js";
import { decodeMask, encodeMask } from "../../web/js/layout/rle.js";
import { reduce } from "../../web/js/state/actions.js";
import { instanceBounds } from "../../web/js/state/geometry.js";
import { maskHull } from "../../web/js/state/outline.js";
import { emptyBitmap, fillPolygon } from "../../web/js/state/raster.js";

const near = (actual, expected, tolerance = 1e-4) => {
  assert.equal(actual.length, expected.length);
  actual.forEach((v, i) => assert.ok(Math.abs(v - expected[i]) <= tolerance, `${actual} is not ${expected}`));
};
const SIDES = [300, 200];
const holding = (...instances) => instances.reduce((doc, instance) => reduce(doc, { type: "add", instance }), emptyLayout(...SIDES));
const maskOf = (...points) => {
  const bitmap = emptyBitmap(...SIDES);
  fillPolygon(bitmap, points, 1);
  return encodeMask(bitmap);
};
const bar = maskOf([100, 90], [201, 90], [201, 110], [100, 110]); // 101 x 20 pixels: no quarter turn lands on pixels
const turn = (doc, degrees, ids = doc.instances.map(({ id }) => id)) => reduce(doc, { type: "turn", ids, degrees });
const area = (mask) => decodeMask(mask).data.reduce((sum, v) => sum + v, 0);

/** Set pixels that cannot be reached from the border over unset ones, and unset ones that cannot. */
function holes(mask) {
  const { width, height, data } = decodeMask(mask);
  const seen = Uint8Array.from(data);
  const open = [0];
  while (open.length) {
    const at = open.pop();
    if (seen[at]) continue;
    seen[at] = 1;
    if (at % width) open.push(at - 1);
    if (at % width < width - 1) open.push(at + 1);
    if (at >= width) open.push(at - width);
    if (at < width * (height - 1)) open.push(at + width);
  }
  return seen.filter((v) => !v).length;
}

test("a mask turns in pixels, not in fractions, without holes and without loss", () => {
  for (const degrees of [7, 30, 45, 61.5, 118, 200, 359]) {
    const [{ mask }] = turn(holding({ mask: bar }), degrees).instances;
    assert.equal(holes(mask), 0, `${degrees} degrees`);
    assert.ok(Math.abs(area(mask) - 2020) < 40, `${area(mask)} pixels at ${degrees} degrees`);
  }
  const [turned] = turn(holding({ mask: bar }), 45).instances;
  const [x0, y0, x1, y1] = instanceBounds(turned);
  const reach = (101 + 20) * Math.SQRT1_2;
  near([(x1 - x0) * 300, (y1 - y0) * 200], [reach, reach], 2);
});

test("quarter turns and mirrors are exact, and lead back to where they began", () => {
  const doc = holding({ mask: maskOf([100, 90], [201, 90], [130, 111]) }, { box: [0.3, 0.3, 0.5, 0.6], point: [0.4, 0.35] });
  const right = turn(doc, 90);
  assert.equal(area(right.instances[0].mask), area(doc.instances[0].mask));
  assert.ok(right.instances[1].box, "a box stays one");
  const places = ({ instances }) => instances.map(({ mask, box, point }) => ({ mask, box: box?.map((v) => v.toFixed(3)), point: point?.map((v) => v.toFixed(3)) }));
  assert.deepEqual(places(turn(turn(turn(right, 90), 90), 90)), places(doc), "four times");
  assert.deepEqual(places(turn(right, -90)), places(doc), "and back");
  for (const axis of [0, 1]) {
    const mirror = { type: "mirror", ids: ["i1", "i2"], axis };
    const once = reduce(doc, mirror);
    assert.notDeepEqual(places(once), places(doc));
    assert.deepEqual(places(reduce(once, mirror)), places(doc));
  }
});

test("several turn about their common middle, with their parts; what is locked stays", () => {
  const doc = holding(
    { point: [0.4, 0.5] },
    { scribble: [[0.6, 0.5], [0.6, 0.4]] },
    { point: [0.5, 0.45], parent: "i2" },
    { point: [0.1, 0.1], locked: true }
  );
  const { instances } = turn(doc, 180, ["i1", "i2", "i4"]);
  near(instances[0].point, [0.6, 0.4]);
  near(instances[1].scribble.flat(), [0.4, 0.4, 0.4, 0.5]);
  near(instances[2].point, [0.5, 0.45]);
  assert.equal(instances[3], doc.instances[3]);
  assert.equal(turn(doc, 360), doc);
  assert.equal(turn(doc, 0), doc);
  assert.equal(turn(doc, 30, ["i4"]), doc);
  assert.equal(turn(doc, 30, ["i1"]), doc, "a point has no side to turn");
  const square = holding({ box: [0.2, 0.2, 0.4, 0.5] });
  assert.equal(reduce(square, { type: "mirror", ids: ["i1"], axis: 0 }), square, "nothing to undo");
});

test("a box turned by anything but quarters is the mask of the turned rectangle; beside a mask it stays its frame", () => {
  const doc = holding({ box: [0.3, 0.3, 0.6, 0.5], point: [0.4, 0.4], prompt: "a flag" }, { box: [1 / 3, 0.45, 0.67, 0.55], mask: bar });
  const [flag] = turn(doc, 30, ["i1"]).instances;
  assert.ok(!flag.box && flag.point && flag.prompt === "a flag");
  assert.ok(Math.abs(area(flag.mask) - 90 * 40) < 60);
  const framed = turn(doc, 30, ["i2"]).instances[1];
  near(framed.box, instanceBounds({ mask: framed.mask }), 0.01);
  const thin = turn(holding({ box: [0.5, 0.5, 0.5001, 0.5001] }), 30).instances[0];
  assert.ok(thin.box && !thin.mask, "what is smaller than a pixel stays a box");
  assert.deepEqual(parseLayout(layoutToJson(turn(doc, 30))), turn(doc, 30));
});

test("what has room on the canvas does not leave it by a turn", () => {
  const [{ mask }] = turn(holding({ mask: maskOf([0, 0], [100, 0], [100, 10], [0, 10]) }), 90).instances;
  assert.equal(area(mask), 1000);
  near(instanceBounds({ mask }).map((v, i) => v * SIDES[i % 2]), [45, 0, 55, 100], 1.01);
  const wide = turn(holding({ mask: maskOf([0, 90], [300, 90], [300, 110], [0, 110]) }), 90).instances[0];
  assert.equal(area(wide.mask), 20 * 200, "the rest is beyond the canvas");
});

test("while it is turned a mask keeps its pixels, and its bounds follow", () => {
  const doc = holding({ mask: bar }, { box: [0.3, 0.3, 0.6, 0.5] });
  const live = reduce(doc, { type: "turn", ids: ["i1"], degrees: 30, live: true }).instances[0];
  assert.equal(live.mask, bar);
  near(instanceBounds(live), instanceBounds(turn(doc, 30, ["i1"]).instances[0]), 0.011);
  const box = reduce(doc, { type: "turn", ids: ["i2"], degrees: 30, live: true }).instances[1];
  near(instanceBounds(box), instanceBounds(turn(doc, 30, ["i2"]).instances[1]), 0.011);
});

test("a stroke of more points than a call may have arguments turns and mirrors as any", () => {
  const doc = holding({ scribble: Array.from({ length: 200_000 }, (_, i) => [0.3 + (i % 100) / 500, 0.5]) });
  const [{ scribble }] = turn(doc, 90).instances;
  near(instanceBounds({ scribble }), [0.399, 0.3515, 0.399, 0.6485], 1e-3);
  assert.equal(reduce(doc, { type: "mirror", ids: ["i1"], axis: 0 }).instances[0].scribble.length, 200_000);
});

test("the hull of a mask has its corners only", () => {
  near(maskHull(bar).flat().sort(), [100 / 300, 0.45, 201 / 300, 0.45, 201 / 300, 0.55, 100 / 300, 0.55].sort());
  assert.deepEqual(maskHull(encodeMask(emptyBitmap(8, 8))), []);
});
