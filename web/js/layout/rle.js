/**
 * Masks: COCO's compressed run-length encoding <-> bitmaps, byte for byte as pycocotools writes it.
 *
 * A mask is {size: [height, width], counts: text}: lengths of alternating runs of 0 and 1 that go down the columns, first run of zeros.
 * A bitmap is {height, width, data: Uint8Array}, row-major, 0 or 1. Masks are immutable, so what is worked out about one is remembered.
 */
import { LayoutError } from "./error.js";

const FIRST_CHARACTER = 48; // each character holds 6 bits: 5 of the number, 1 that says whether more follow
const MAX_BITS = 45; // a run this long is longer than any picture, and still an exact Number

/**
 * @param {string} counts
 * @returns {number[]} run lengths in pixels. LayoutError if the text is not such an encoding.
 */
export function decodeRuns(counts) {
  const runs = [];
  let value = 0;
  let shift = 0;
  for (let i = 0; i < counts.length; i++) {
    const bits = counts.charCodeAt(i) - FIRST_CHARACTER;
    if (bits < 0 || bits > 63) throw new LayoutError(`character '${counts[i]}' is not part of COCO's run-length encoding`);
    value += shift < 25 ? (bits & 31) << shift : (bits & 31) * 2 ** shift;
    shift += 5;
    if (bits & 32) {
      if (shift > MAX_BITS) throw new LayoutError("a run is longer than any picture");
      continue;
    }
    if (bits & 16) value -= shift < 30 ? 1 << shift : 2 ** shift;
    if (runs.length > 2) value += runs[runs.length - 2]; // from the fourth run on, the difference to the run before last is stored
    if (value < 0) throw new LayoutError("a run has a negative length");
    runs.push(value);
    value = shift = 0;
  }
  if (shift) throw new LayoutError("the text ends in the middle of a run");
  return runs;
}

/**
 * @param {number[]} runs run lengths in pixels, whole numbers below 2^31
 * @returns {string} compressed counts, the inverse of decodeRuns
 */
export function encodeRuns(runs) {
  const bytes = new Uint8Array(runs.length * 7); // 32 bits are at most 7 characters
  let length = 0;
  for (let i = 0; i < runs.length; i++) {
    let value = i > 2 ? runs[i] - runs[i - 2] : runs[i];
    let more = true;
    while (more) {
      const bits = value & 31;
      value >>= 5;
      more = value !== (bits & 16 ? -1 : 0);
      bytes[length++] = (more ? bits | 32 : bits) + FIRST_CHARACTER;
    }
  }
  return new TextDecoder().decode(bytes.subarray(0, length));
}

/**
 * @returns {number} how many pixels the runs set. LayoutError unless they fill height x width exactly.
 */
export function checkRuns(runs, height, width) {
  let [total, area] = [0, 0];
  for (let i = 0; i < runs.length; i++) {
    total += runs[i];
    if (i & 1) area += runs[i];
  }
  if (total !== height * width) {
    throw new LayoutError(`its runs cover ${total} pixels, its size [${height}, ${width}] has ${height * width}`);
  }
  return area;
}

/**
 * @param {{size: [number, number], counts: string}} mask
 * @returns {{height: number, width: number, data: Uint8Array}} row-major, 0 or 1. LayoutError if the runs do not fill the size.
 */
export function decodeMask(mask) {
  const [height, width] = mask.size;
  const runs = decodeRuns(mask.counts);
  checkRuns(runs, height, width);
  const data = new Uint8Array(height * width);
  let x = 0;
  let y = 0;
  for (let i = 0; i < runs.length; i++) {
    let to = y + runs[i]; // counted from the top of column x; may lie columns further on
    for (; to >= height; to -= height, x++, y = 0) {
      if (i & 1) setColumn(data, width, x, y, height);
    }
    if (i & 1) setColumn(data, width, x, y, to);
    y = to;
  }
  return { height, width, data };
}

function setColumn(data, width, x, from, to) {
  for (let at = from * width + x, last = to * width; at < last; at += width) data[at] = 1;
}

/**
 * @param {{height: number, width: number, data: ArrayLike<number>}} bitmap row-major; anything but 0 is inside
 * @returns {{size: [number, number], counts: string}}
 */
export function encodeMask({ height, width, data }) {
  const runs = [];
  let start = 0; // of the current run, counted down the columns
  let inside = false;
  for (let x = 0; x < width; x++) {
    for (let y = 0, at = x; y < height; y++, at += width) {
      if ((data[at] !== 0) === inside) continue;
      runs.push(x * height + y - start);
      start = x * height + y;
      inside = !inside;
    }
  }
  runs.push(height * width - start);
  return { size: [height, width], counts: encodeRuns(runs) };
}

/** @type {WeakMap<object, {area: number, bounds: number[] | null}>} */
const measured = new WeakMap();

/** @returns {number} pixels that the mask sets, in pixels of the mask */
export function maskArea(mask) {
  return measure(mask).area;
}

/**
 * @returns {[number, number, number, number] | null} x0, y0, x1, y1 in 0..1 along the outer borders of the set pixels; null if none is set
 */
export function maskBounds(mask) {
  return measure(mask).bounds;
}

function measure(mask) {
  const known = measured.get(mask);
  if (known) return known;
  const [height, width] = mask.size;
  const runs = decodeRuns(mask.counts);
  const area = checkRuns(runs, height, width);
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let i = 0, at = 0; i < runs.length; at += runs[i++]) {
    if (!(i & 1) || runs[i] === 0) continue;
    const last = at + runs[i] - 1;
    const [x0, x1] = [Math.floor(at / height), Math.floor(last / height)];
    left = Math.min(left, x0);
    right = Math.max(right, x1 + 1);
    top = Math.min(top, x0 === x1 ? at % height : 0); // a run that goes over a column's end touches bottom and top
    bottom = Math.max(bottom, x0 === x1 ? (last % height) + 1 : height);
  }
  const result = { area, bounds: area ? [left / width, top / height, right / width, bottom / height] : null };
  measured.set(mask, result);
  return result;
}
