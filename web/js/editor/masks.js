/** Masks as tinted pictures, made once per mask and colour. */
import { decodeMask } from "../layout/rle.js";

const kept = new WeakMap(); // mask object -> {color, canvas}; masks are immutable, so a changed mask is another object
const bitmaps = new WeakMap();

/** @returns the bitmap of a mask, decoded once */
export function maskBitmap(mask) {
  let bitmap = bitmaps.get(mask);
  if (!bitmap) bitmaps.set(mask, (bitmap = decodeMask(mask)));
  return bitmap;
}

/** @returns {HTMLCanvasElement} the mask as a picture: the colour where it is set, transparent elsewhere */
export function maskPicture(mask, color) {
  let entry = kept.get(mask);
  if (!entry || entry.color !== color) {
    entry = { color, canvas: tintedCanvas(maskBitmap(mask), color) };
    kept.set(mask, entry);
  }
  return entry.canvas;
}

/** @returns {HTMLCanvasElement} a bitmap as a picture of its own, to be painted on */
export function tintedCanvas(bitmap, color) {
  const canvas = document.createElement("canvas");
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  repaint(canvas, bitmap, color, [0, 0, bitmap.width, bitmap.height]);
  return canvas;
}

/** Bring a part [x0, y0, x1, y1) of the picture up to date with its bitmap. */
export function repaint(canvas, bitmap, color, [x0, y0, x1, y1]) {
  if (x1 <= x0 || y1 <= y0) return;
  const image = new ImageData(x1 - x0, y1 - y0);
  const pixels = new Uint32Array(image.data.buffer);
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  const word = new Uint32Array(new Uint8Array([r, g, b, 255]).buffer)[0]; // in the machine's own byte order
  for (let j = y0, k = 0; j < y1; j++) {
    for (let i = x0; i < x1; i++, k++) if (bitmap.data[j * bitmap.width + i]) pixels[k] = word;
  }
  canvas.getContext("2d").putImageData(image, x0, y0);
}
