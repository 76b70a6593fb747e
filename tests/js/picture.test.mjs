import assert from "node:assert/strict";
import { test } from "node:test";
import { canvasOf, fitted, fittedMask, isOfShape, maskIn } from "../../web/js/editor/picture.js";

/** RGBA of width x height pixels, each [r, g, b, a] from (x, y). */
function image(width, height, pixel) {
  const data = new Uint8ClampedArray(4 * width * height);
  for (let k = 0; k < width * height; k++) data.set(pixel(k % width, Math.floor(k / width)), 4 * k);
  return { width, height, data };
}

test("a picture is fitted, never stretched", () => {
  assert.deepEqual(fitted({ width: 200, height: 100 }, { left: 10, top: 20, width: 400, height: 400 }), { left: 10, top: 120, width: 400, height: 200 });
  assert.deepEqual(fitted({ width: 50, height: 100 }, { left: 0, top: 0, width: 400, height: 400 }), { left: 100, top: 0, width: 200, height: 400 });
});

test("the canvas of a picture has its size, in steps of 8, and its shape where it is huge", () => {
  assert.deepEqual(canvasOf({ width: 768, height: 512 }), { width: 768, height: 512 });
  assert.deepEqual(canvasOf({ width: 643, height: 3 }), { width: 640, height: 8 });
  assert.deepEqual(canvasOf({ width: 8192, height: 4096 }), { width: 2048, height: 1024 });
  assert.ok(isOfShape({ width: 643, height: 481 }, canvasOf({ width: 643, height: 481 })));
  assert.ok(!isOfShape({ width: 640, height: 480 }, { width: 512, height: 512 }));
});

test("a picture in black and white and one with holes are masks, a photo is none", () => {
  const disc = (x, y) => (x - 20) ** 2 + (y - 20) ** 2 < 100;
  const blackWhite = maskIn(image(64, 40, (x, y) => (disc(x, y) ? [250, 252, 249, 255] : [3, 0, 6, 255])));
  assert.deepEqual([blackWhite(20, 20), blackWhite(40, 20)], [true, false]);
  const cutOut = maskIn(image(64, 40, (x, y) => [200, 20 * (x % 7), 30, disc(x, y) ? 255 : 0]));
  assert.deepEqual([cutOut(20, 20), cutOut(40, 20)], [true, false]);
  assert.equal(maskIn(image(64, 40, (x, y) => [4 * x, 6 * y, 128, 255])), null);
  assert.equal(maskIn(image(64, 40, (x) => [4 * x, 4 * x, 4 * x, 255])), null); // shades of grey
  for (const grey of [0, 255]) assert.equal(maskIn(image(64, 40, () => [grey, grey, grey, 255])), null);
});

test("a mask lies where its picture is drawn", () => {
  const picture = image(80, 40, (x) => (x < 40 ? [255, 255, 255, 255] : [0, 0, 0, 255]));
  const bitmap = fittedMask(maskIn(picture), picture, { width: 64, height: 64 });
  const at = (x, y) => bitmap.data[y * bitmap.width + x];
  assert.deepEqual([at(10, 32), at(50, 32), at(10, 8), at(10, 56)], [1, 0, 0, 0]);
  assert.equal(bitmap.data.reduce((a, b) => a + b), 32 * 32);
});
