/**
 * Label Studio's run-lengths of brushes: the RGBA values of a picture, row by row, packed into bits (thi.ng's rle-pack). A head of 32 bits
 * (how many values), 5 (bits of a value, less 1) and four times 4 (bits of a run's length, less 1); then for each run 1 bit (whether it
 * repeats a single value), 2 bits (which of the four sizes), the length less 1, and one value or as many as the length.
 */
import { LayoutError } from "./error.js";
import * as fields from "./fields.js";
import { shorten } from "./json.js";
import { encodeMask } from "./rle.js";

const CHANNELS = 4;
const ALPHA = 3;
const MAX_BYTES = 8 * 2 ** 20;

/** @returns {object} the mask: where alpha is above 0. LayoutError if the bytes are no such run-lengths of width x height pixels */
export function brushMask(rle, width, height, where, { brushes }) {
  const isByte = (v) => Number.isInteger(v) && v >= 0 && v < 256;
  if (!Array.isArray(rle) || !rle.length || rle.length > MAX_BYTES || !rle.every(isByte)) {
    throw new LayoutError(`${where}: the brush's rle must be a list of bytes, got ${shorten(rle)}.`);
  }
  brushes.left -= width * height;
  if (width * height > fields.MAX_MASK_PIXELS || brushes.left < 0) {
    throw new LayoutError(`${where}: a brush of ${width}x${height} pixels is too large, alone or with the ones before it.`);
  }
  const read = bitReader(rle, where);
  const total = width * height * CHANNELS;
  if (read(32) !== total) throw new LayoutError(`${where}: the brush is not of ${width}x${height} pixels.`);
  const word = read(5) + 1;
  const sizes = [0, 1, 2, 3].map(() => read(4) + 1);
  const data = new Uint8Array(width * height);
  let any = false;
  const set = (from, to) => {
    for (let i = from - (from % CHANNELS) + ALPHA; i < to; i += CHANNELS) {
      data[(i - ALPHA) / CHANNELS] = 1;
      any = true;
    }
  };
  for (let done = 0; done < total; ) {
    const repeats = read(1);
    const end = Math.min(done + read(sizes[read(2)]) + 1, total);
    for (let from = done; from < end; from = repeats ? end : from + 1) {
      if (read(word)) set(from, repeats ? end : from + 1);
    }
    done = end;
  }
  if (!any) throw new LayoutError(`${where}: the brush is empty.`);
  return encodeMask({ height, width, data });
}

/** @returns {(size: number) => number} numbers of up to 32 bits each, read one after the other */
function bitReader(bytes, where) {
  let at = 0;
  return (size) => {
    if (at + size > 8 * bytes.length) throw new LayoutError(`${where}: the brush's run-lengths end too early.`);
    let value = 0;
    for (let left = size; left; ) {
      const inByte = Math.min(left, 8 - (at % 8));
      const bits = (bytes[at >> 3] >> (8 - (at % 8) - inByte)) & ((1 << inByte) - 1);
      value = value * 2 ** inByte + bits;
      at += inByte;
      left -= inByte;
    }
    return value;
  };
}
