/**
 * Checks of the fields of a layout document, as instdiff_modules/layout/fields.py makes them. Every function takes the JSON value and
 * `where`, the words that name it ("Instance 3 (fox)"), and returns a clean value or throws LayoutError with one sentence. `notes` gathers
 * sentences about what was put right.
 */
import { LayoutError } from "./error.js";
import { isBroken, isObject, shorten } from "./json.js";
import { checkRuns, decodeRuns, encodeRuns } from "./rle.js";

export const MAX_SIDE = 16384; // pixels, ComfyUI's own limit
export const MAX_MASK_PIXELS = 8192 * 8192;
const MAX_FRACTION = 16; // a box that sticks out is cut; one that sticks out this far was surely written in pixels
const EDGE = 1e-6; // rounding that a point on the border may carry
const NOT_PIXELS = "Coordinates are fractions 0..1 of its width and height, not pixels.";

/** @returns {number} a finite number */
export function number(value, where, field) {
  if (typeof value !== "number") throw new LayoutError(`${where}: ${field} must be a number, got ${shorten(value)}.`);
  if (!Number.isFinite(value)) throw new LayoutError(`${where}: ${field} must be a finite number, got ${shorten(value)}.`);
  return value;
}

/** @returns {number} a number in low..high */
export function numberIn(value, low, high, where, field) {
  const result = number(value, where, field);
  if (result < low || result > high) throw new LayoutError(`${where}: ${field} must lie in ${low}..${high}, got ${Number(result.toPrecision(10))}.`);
  return result;
}

/** @returns {number} a whole number of pixels, 1..high */
export function whole(value, where, field, high = MAX_SIDE) {
  const result = number(value, where, field);
  if (!Number.isInteger(result) || result < 1 || result > high) {
    throw new LayoutError(`${where}: ${field} must be a whole number of pixels in 1..${high}, got ${shorten(value)}.`);
  }
  return result;
}

export function text(value, where, field) {
  if (typeof value !== "string") throw new LayoutError(`${where}: ${field} must be text, got ${shorten(value)}.`);
  if (isBroken(value)) throw new LayoutError(`${where}: ${field} holds a broken character in ${shorten(value)}. Type it again.`);
  return value;
}

export function flag(value, where, field) {
  if (typeof value !== "boolean") throw new LayoutError(`${where}: ${field} must be true or false, got ${shorten(value)}.`);
  return value;
}

/** @returns {string} empty, or "#rgb" / "#rrggbb" */
export function color(value, where) {
  if (!/^(#[0-9a-fA-F]{3}|#[0-9a-fA-F]{6})?$/.test(text(value, where, "color"))) {
    throw new LayoutError(`${where}: color must be like "#e6194b" or empty, got ${shorten(value)}.`);
  }
  return value;
}

/** @returns {number[]} exactly `count` finite numbers */
export function numbers(value, count, where, field, meaning) {
  if (!Array.isArray(value) || value.length !== count) {
    throw new LayoutError(`${where}: ${field} must be ${meaning}, got ${shorten(value)}.`);
  }
  return value.map((v) => number(v, where, field));
}

/** @returns {[number, number, number, number]} x0, y0, x1, y1 in 0..1, cut to the canvas with a note if it sticks out */
export function box(value, where, notes = []) {
  const given = numbers(value, 4, where, "box", "[left, top, right, bottom] in 0..1");
  const [x0, y0, x1, y1] = given;
  if (x1 <= x0 || y1 <= y0) {
    throw new LayoutError(`${where}: box ${list(given)} is empty. Its right edge must lie right of its left, its bottom below top.`);
  }
  const cut = given.map(toCanvas);
  if (cut[0] >= cut[2] || cut[1] >= cut[3] || given.some((v) => Math.abs(v) > MAX_FRACTION)) {
    throw new LayoutError(`${where}: box ${list(given)} lies outside the canvas. ${NOT_PIXELS}`);
  }
  if (cut.some((v, i) => v !== given[i])) {
    notes.push(`${where}: box ${list(given)} sticks out of the canvas and was cut to ${list(cut)}.`);
  }
  return cut;
}

/** @returns {[number, number]} x, y in 0..1 */
export function point(value, where) {
  const given = numbers(value, 2, where, "point", "[x, y] in 0..1");
  if (!isOnCanvas(given)) throw new LayoutError(`${where}: point ${list(given)} lies outside the canvas. ${NOT_PIXELS}`);
  return given.map(toCanvas);
}

/** @returns {[number, number][]} points in 0..1; those outside the canvas are pulled to its border, with a note */
export function scribble(value, where, notes = []) {
  const meaning = "a list of [x, y] points in 0..1";
  if (!Array.isArray(value) || !value.length) {
    throw new LayoutError(`${where}: scribble must be ${meaning}, at least one, got ${shorten(value)}.`);
  }
  const given = value.map((xy) => numbers(xy, 2, where, "scribble", meaning));
  const outside = given.filter((xy) => !isOnCanvas(xy)).length;
  if (outside === given.length || given.some((xy) => xy.some((v) => Math.abs(v) > MAX_FRACTION))) {
    throw new LayoutError(`${where}: scribble lies outside the canvas (first point ${list(given[0])}). ${NOT_PIXELS}`);
  }
  if (outside) notes.push(`${where}: ${outside} scribble points lie outside the canvas and were pulled to its border.`);
  return given.map((xy) => xy.map(toCanvas));
}

/** @returns {{size: [number, number], counts: string}} the mask, its run-lengths as text even if they came as numbers */
export function mask(value, where) {
  if (!isObject(value) || !("size" in value) || !("counts" in value)) {
    throw new LayoutError(`${where}: mask must be {"size": [height, width], "counts": "..."}, got ${shorten(value)}.`);
  }
  const size = numbers(value.size, 2, where, "mask size", "[height, width] in pixels").map((v) => whole(v, where, "mask size"));
  const [height, width] = size;
  if (height * width > MAX_MASK_PIXELS) {
    const limit = MAX_MASK_PIXELS / 2 ** 20;
    throw new LayoutError(`${where}: a mask of ${width}x${height} is too large. Use at most ${limit} million pixels.`);
  }
  const { counts, area } = readRuns(value.counts, height, width, where);
  if (area === 0) {
    throw new LayoutError(`${where}: the mask is empty (all black). Paint where the instance belongs, or remove the mask.`);
  }
  return { size, counts };
}

/** @returns {*} an unknown field, copied as it is */
export function plain(value, where, depth = 0) {
  if (depth > 64) throw new LayoutError(`${where}: unknown fields are nested too deeply.`);
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new LayoutError(`${where}: an unknown field holds ${shorten(value)}, which JSON cannot store.`);
  }
  if (Array.isArray(value)) return value.map((v) => plain(v, where, depth + 1));
  // fromEntries: an assignment to a field named __proto__ would change the object's nature instead
  if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v, where, depth + 1)]));
  return value;
}

function readRuns(counts, height, width, where) {
  try {
    const runs = typeof counts === "string" ? decodeRuns(counts) : (Array.isArray(counts) ? counts : []).map(run);
    return { area: checkRuns(runs, height, width), counts: typeof counts === "string" ? counts : encodeRuns(runs) };
  } catch (error) {
    if (!(error instanceof LayoutError)) throw error;
    throw new LayoutError(`${where}: the mask cannot be read: ${error.message}.`);
  }
}

function run(value) {
  if (!Number.isInteger(value) || value < 0 || value > MAX_MASK_PIXELS) {
    throw new LayoutError(`a run length must be a whole number from 0, got ${shorten(value)}`);
  }
  return value;
}

function isOnCanvas(xy) {
  return xy.every((v) => v >= -EDGE && v <= 1 + EDGE);
}

function toCanvas(v) {
  return Math.min(Math.max(v, 0), 1);
}

function brief(v) {
  return String(Number(v.toPrecision(6)));
}

function list(values) {
  return `[${values.map(brief).join(", ")}]`;
}
