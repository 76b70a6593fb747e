/** Pictures that are drawn on: where they lie on the canvas, which canvas would suit them, and whether they are masks. */
import { emptyBitmap } from "../state/raster.js";

const STEP = 8; // pixels: sides of latents are multiples of it
const LONGEST_CANVAS = 2048; // pixels; larger pictures give a canvas of their shape
const CLEAR = 128; // alpha from which on a pixel counts as there
const [BLACK, WHITE] = [48, 207]; // darker, brighter counts as black, white: JPEG is not exact
const GREY = 24; // how far the channels of a grey pixel may lie apart
const PLAIN_SHARE = 0.97; // of the pixels of a black-and-white picture that are black or white; its edges are soft
const LEAST_SHARE = 0.001; // of the pixels that either side of a mask has

/**
 * @param {{width: number, height: number}} picture
 * @param {{left: number, top: number, width: number, height: number}} frame
 * @returns {{left: number, top: number, width: number, height: number}} the largest place in the frame that has the picture's shape
 */
export function fitted(picture, { left, top, width, height }) {
  const scale = Math.min(width / picture.width, height / picture.height);
  const [w, h] = [picture.width * scale, picture.height * scale];
  return { left: left + (width - w) / 2, top: top + (height - h) / 2, width: w, height: h };
}

/** @returns {{width: number, height: number}} the canvas of a picture's size, in steps that a latent can have */
export function canvasOf({ width, height }) {
  const scale = Math.min(1, LONGEST_CANVAS / Math.max(width, height));
  const side = (pixels) => Math.max(STEP, Math.round((pixels * scale) / STEP) * STEP);
  return { width: side(width), height: side(height) };
}

/** @returns {boolean} whether a picture fills the canvas but for what rounding to its steps takes */
export function isOfShape(picture, canvas) {
  const { width, height } = fitted(picture, { left: 0, top: 0, ...canvas });
  return canvas.width - width < STEP && canvas.height - height < STEP;
}

/**
 * @param {{width: number, height: number, data: Uint8ClampedArray}} image RGBA
 * @returns {((x: number, y: number) => boolean) | null} whether a pixel is in the mask: what is opaque of a picture with holes, what is
 *   white of one in black and white; null: the picture is no mask
 */
export function maskIn({ width, height, data }) {
  const count = width * height;
  let [there, white, plain] = [0, 0, 0];
  for (let at = 0; at < 4 * count; at += 4) {
    if (data[at + 3] >= CLEAR) there++;
    const [low, high] = [Math.min(data[at], data[at + 1], data[at + 2]), Math.max(data[at], data[at + 1], data[at + 2])];
    if (high - low > GREY) continue;
    if (low >= WHITE) white++;
    if (low >= WHITE || high <= BLACK) plain++;
  }
  const both = (share) => share > LEAST_SHARE * count && share < (1 - LEAST_SHARE) * count;
  const at = (x, y) => 4 * (y * width + x);
  if (both(there)) return (x, y) => data[at(x, y) + 3] >= CLEAR;
  if (there === count && plain >= PLAIN_SHARE * count && both(white)) return (x, y) => data[at(x, y)] >= 128;
  return null;
}

/** @returns a mask's bitmap for a canvas, with the picture where it is drawn; `isIn` as maskIn gives it */
export function fittedMask(isIn, picture, doc) {
  const bitmap = emptyBitmap(doc.width, doc.height);
  const place = fitted(picture, { left: 0, top: 0, width: bitmap.width, height: bitmap.height });
  for (let j = 0, k = 0; j < bitmap.height; j++) {
    const y = Math.floor(((j + 0.5 - place.top) * picture.height) / place.height);
    for (let i = 0; i < bitmap.width; i++, k++) {
      const x = Math.floor(((i + 0.5 - place.left) * picture.width) / place.width);
      if (x >= 0 && y >= 0 && x < picture.width && y < picture.height && isIn(x, y)) bitmap.data[k] = 1;
    }
  }
  return bitmap;
}
