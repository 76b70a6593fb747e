/**
 * What the person says about data, and boxes of four numbers by it. Units and order are stated or asked for, never guessed. The same as
 * instdiff_modules/importers/given.py.
 */
import { LayoutError } from "./error.js";
import * as fields from "./fields.js";
import { isObject, shorten } from "./json.js";
import { Question } from "./oddItems.js";

export const NOT_DECLARED = "not declared";
export const [XYWH, XYXY, YXYX, CXCYWH] = [
  "x, y, width, height", "left, top, right, bottom", "top, left, bottom, right", "center x, center y, width, height",
];
export const [PIXELS, FRACTIONS, THOUSANDTHS, PERCENT] = ["pixels", "fractions (0..1)", "thousandths (0..1000)", "percent"];
export const ORDERS = [XYXY, XYWH, YXYX, CXCYWH];
export const UNITS = [PIXELS, FRACTIONS, THOUSANDTHS, PERCENT];
const WHOLE = { [FRACTIONS]: 1, [THOUSANDTHS]: 1000, [PERCENT]: 100 };
const MAX_BRUSHED = 4e8; // pixels of all brushes of one file: a second's work
const SLACK = 1.5; // how far, in canvases, a box may stick out before its units are doubted

/**
 * @param {{width?: number | null, height?: number | null, units?: string, order?: string, image?: string}} options
 * @returns {{canvas: [number, number] | null, units: string, order: string, image: string, notes: string[], beside: number,
 *   brushes: {left: number}}} canvas: width, height in pixels of what does not say its own. notes: gathers a sentence for each thing that was
 *   put right or left out; beside: how many masks the layout may have; brushes: the pixels that may still be unpacked
 */
export function givenBy({ width = null, height = null, units = NOT_DECLARED, order = NOT_DECLARED, image = "" } = {}, notes = []) {
  const known = width != null && height != null;
  const canvas = known ? [fields.whole(width, "The canvas", "width"), fields.whole(height, "The canvas", "height")] : null;
  return { canvas, units, order, image: String(image ?? "").trim(), notes, beside: 1, brushes: { left: MAX_BRUSHED } };
}

export function knownCanvas(canvas, what = "The boxes are") {
  if (!canvas) throw new Question(`${what} in pixels, and the size of the canvas is unknown. Set its width and height.`, ["canvas"]);
  return canvas;
}

/** @returns {[number, number] | null} width, height of the first of the objects that states both, as numbers or as texts */
export function statedCanvas(...places) {
  for (const place of places.filter(isObject)) {
    for (const names of [["width", "height"], ["image_width", "image_height"], ["imageWidth", "imageHeight"], ["img_width", "img_height"], ["imgWidth", "imgHeight"]]) {
      const sides = names.map((name) => side(place[name]));
      if (sides.every(Boolean)) return sides;
    }
  }
  return null;
}

function side(value) {
  const number = typeof value === "string" && /^\d{1,7}$/.test(value) ? Number(value) : value;
  return Number.isInteger(number) && number >= 1 && number <= fields.MAX_SIDE ? number : 0;
}

/** @param {string[]} missing "order", "units" or both @param {*} example of the data */
export function askFor(missing, example, hint = "") {
  const names = missing.join(" and ");
  const sentence = `The data do not state the ${names} of the boxes, such as ${shorten(example)}. Choose ${names}.`;
  return new Question(hint ? `${sentence} ${hint}` : sentence, missing, example);
}

/** A Question if all the numbers of all boxes lie in 0..1, but should be larger. */
export function checkUnits(numbers, units, example) {
  let top = 0;
  for (const number of numbers) top = Math.max(top, Math.abs(number));
  if (units === FRACTIONS || !(top > 0 && top <= 1)) return;
  const sentence =
    units === PIXELS
      ? `All boxes are at most one pixel in size, taken as ${units}. If their numbers are fractions, choose '${FRACTIONS}' as units.`
      : `All numbers lie in 0..1, too small for ${units}. Choose the units of the boxes.`;
  throw new Question(sentence, ["units"], example);
}

/** @returns {[number, number]} what is as wide and as high as the canvas, in the units */
export function sidesOf(units, canvas) {
  return units === PIXELS ? knownCanvas(canvas) : [WHOLE[units], WHOLE[units]];
}

/** @returns {number[]} four numbers in their order -> left, top, right, bottom, which may be reversed */
export function edgesOf([a, b, c, d], order) {
  if (order === YXYX) return [b, a, d, c];
  if (order === XYWH) return [a, b, a + c, b + d];
  if (order === CXCYWH) return [a - c / 2, b - d / 2, a + c / 2, b + d / 2];
  return [a, b, c, d];
}

/**
 * @returns {[number, number, number, number]} box in 0..1, cut to the canvas with a note. LayoutError if it is empty, reversed, outside,
 *   or too far out for its units
 */
export function boxOf(numbers, order, units, [width, height], where, notes) {
  const [x0, y0, x1, y1] = edgesOf(numbers, order);
  const shown = `[${numbers.map((v) => Number(v.toPrecision(6))).join(", ")}]`;
  if (x1 < x0 || y1 < y0) {
    throw new LayoutError(`${where}: ${shown} cannot be ${order}: an edge would lie on the wrong side. Choose another order.`);
  }
  if (x1 === x0 || y1 === y0) throw new LayoutError(`${where}: the box ${shown} is empty, taken as ${order}.`);
  const canvas = units === PIXELS ? `${width}x${height} pixels` : units;
  if ([x0 / width, x1 / width, y0 / height, y1 / height].some((v) => Math.abs(v) > SLACK)) {
    throw new LayoutError(
      `${where}: the box ${shown} is empty or lies outside the canvas, taken as ${order} in ${canvas}. Check its order and units.`,
    );
  }
  if (x0 >= width || y0 >= height || x1 <= 0 || y1 <= 0) {
    throw new LayoutError(`${where}: the box ${shown} lies outside the canvas, taken as ${order} in ${canvas}.`);
  }
  return fields.box([x0 / width, y0 / height, x1 / width, y1 / height], where, notes);
}
