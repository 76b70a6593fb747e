import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyBitmap } from "../../web/js/state/raster.js";
import { fillEllipse, fillLoop, spanned } from "../../web/js/state/regions.js";

const count = ({ data }) => data.reduce((sum, v) => sum + v, 0);
const near = (actual, expected, share = 0.01) => assert.ok(Math.abs(actual - expected) <= share * expected, `${actual} is not ${expected}`);

test("an ellipse has its area, lies in its rectangle and is cut at the canvas", () => {
  const bitmap = emptyBitmap(200, 100);
  fillEllipse(bitmap, [20, 10, 180, 90], 1);
  near(count(bitmap), Math.PI * 80 * 40);
  assert.ok(bitmap.data[50 * 200 + 21] && !bitmap.data[11 * 200 + 22] && !bitmap.data[9 * 200 + 100]);
  fillEllipse(bitmap, [20, 10, 180, 90], 0);
  assert.equal(count(bitmap), 0);
  fillEllipse(bitmap, [-50, -50, 50, 50], 1);
  near(count(bitmap), (Math.PI * 2500) / 4);
  fillEllipse(bitmap, [60, 60, 60, 60], 1); // of no size
});

test("a lasso fills all that it goes around, also where it crosses itself", () => {
  const bitmap = emptyBitmap(100, 100);
  const square = [[10, 10], [60, 10], [60, 60], [10, 60]];
  fillLoop(bitmap, [...square, ...square], 1); // twice around: no hole
  assert.equal(count(bitmap), 2500);
  const other = emptyBitmap(100, 100);
  fillLoop(other, [...square].reverse(), 1);
  assert.deepEqual(other, bitmap);
  fillLoop(bitmap, [[30, 30], [200, 30], [200, 200], [30, 200]], 0);
  assert.equal(count(bitmap), 2500 - 900);
  fillLoop(bitmap, [[5, 5]], 1);
  assert.equal(count(bitmap), 1600);
});

test("a span is square in pixels with Shift, and stays on the canvas", () => {
  const doc = { width: 200, height: 100 };
  assert.deepEqual(spanned(doc, [0.1, 0.1], [0.3, 0.2], { shift: false, alt: false }), [0.1, 0.1, 0.3, 0.2]);
  assert.deepEqual(spanned(doc, [0.1, 0.1], [0.3, 0.2], { shift: true, alt: false }), [0.1, 0.1, 0.3, 0.5]);
  assert.deepEqual(spanned(doc, [0.5, 0.5], [0.6, 0.6], { shift: true, alt: true }), [0.4, 0.3, 0.6, 0.7]);
  assert.deepEqual(spanned(doc, [0.9, 0.9], [1.4, 1.4], { shift: true, alt: false }), [0.9, 0.9, 0.95, 1]);
});
