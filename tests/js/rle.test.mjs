import assert from "node:assert/strict";
import { test } from "node:test";
import { checkRuns, decodeMask, decodeRuns, encodeMask, encodeRuns, maskArea, maskBounds } from "../../web/js/layout/rle.js";
import { bitmapOf, fastest } from "./support/layouts.mjs";

const disc = (x, y) => (x - 256) ** 2 + (y - 256) ** 2 < 200 ** 2;

test("a bitmap survives its encoding, whatever its shape", () => {
  for (const [height, width] of [[1, 1], [1, 7], [7, 1], [5, 3], [3, 5], [33, 65]]) {
    for (const rule of [() => true, () => false, (x) => x % 2, (x, y) => y % 2, (x, y) => (x * 7 + y * 3) % 5 < 2, (x, y) => x + y === 0]) {
      const bitmap = bitmapOf(height, width, rule);
      assert.deepEqual(decodeMask(encodeMask(bitmap)), bitmap);
    }
  }
});

test("runs go down the columns and the first is of zeros", () => {
  const bitmap = bitmapOf(2, 3, (x, y) => x === 0 || (x === 1 && y === 0));
  assert.deepEqual(decodeRuns(encodeMask(bitmap).counts), [0, 3, 3]);
  assert.deepEqual(encodeMask(bitmap).size, [2, 3]);
});

test("anything but zero is inside", () => {
  assert.deepEqual(encodeMask({ height: 1, width: 3, data: [0, 255, 7] }), encodeMask({ height: 1, width: 3, data: [0, 1, 1] }));
});

test("run lengths survive their encoding, up to those of the largest mask", () => {
  const most = 8192 * 8192;
  for (const runs of [[], [0], [1], [31], [32], [16, 15], [0, 5, 3, 1, 900, 2, 2], [most], [5, most - 9, 4, 0, 1], [0, 1, 0, 1, 0]]) {
    assert.deepEqual(decodeRuns(encodeRuns(runs)), runs);
  }
});

test("runs of length zero do no harm", () => {
  const mask = { size: [4, 6], counts: encodeRuns([3, 0, 2, 4, 0, 1, 14, 0]) };
  const bitmap = decodeMask(mask);
  assert.equal(bitmap.data.reduce((a, b) => a + b), 5);
  assert.equal(maskArea(mask), 5);
  assert.deepEqual(maskBounds(mask), [1 / 6, 0, 3 / 6, 1]);
});

test("broken run lengths are refused", () => {
  for (const counts of ["not run lengths!", "\u00e9", "P", "ppppppppppppppp0", "O"]) {
    assert.throws(() => decodeRuns(counts), { name: "LayoutError" });
  }
  assert.throws(() => checkRuns([3, 4], 2, 3), /cover 7 pixels, its size \[2, 3\] has 6/);
  assert.throws(() => decodeMask({ size: [2, 2], counts: encodeRuns([3]) }), { name: "LayoutError" });
});

test("the bounds of a mask are the outer borders of its pixels, in fractions", () => {
  const mask = encodeMask(bitmapOf(10, 20, (x, y) => x >= 4 && x < 9 && y >= 2 && y < 7));
  assert.deepEqual(maskBounds(mask), [4 / 20, 2 / 10, 9 / 20, 7 / 10]);
  assert.equal(maskArea(mask), 25);
  assert.equal(maskBounds(encodeMask(bitmapOf(4, 4, () => false))), null);
  assert.deepEqual(maskBounds(encodeMask(bitmapOf(4, 4, () => true))), [0, 0, 1, 1]);
});

test("bounds agree with a look at every pixel", () => {
  for (let seed = 1; seed < 200; seed++) {
    const [height, width] = [1 + (seed % 9), 1 + ((seed * 7) % 11)];
    const { data } = bitmapOf(height, width, (x, y) => Math.sin(seed * 12.9898 + x * 78.233 + y * 37.719) > 0.6);
    const set = [...data.keys()].filter((i) => data[i]);
    const [xs, ys] = [set.map((i) => i % width), set.map((i) => Math.floor(i / width))];
    const expected = set.length
      ? [Math.min(...xs) / width, Math.min(...ys) / height, (Math.max(...xs) + 1) / width, (Math.max(...ys) + 1) / height]
      : null;
    assert.deepEqual(maskBounds(encodeMask({ height, width, data })), expected);
  }
});

test("a mask of 512x512 is decoded and encoded in less than 5 ms each", (t) => {
  const bitmap = bitmapOf(512, 512, disc);
  const mask = encodeMask(bitmap);
  const [encoding, decoding] = [fastest(() => encodeMask(bitmap)), fastest(() => decodeMask(mask))];
  t.diagnostic(`encode ${encoding.toFixed(2)} ms, decode ${decoding.toFixed(2)} ms`);
  assert.ok(encoding < 5 && decoding < 5, `encode ${encoding} ms, decode ${decoding} ms`);
});
