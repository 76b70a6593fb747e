/** Demo files of the model's authors: pixels of a canvas, boxes [x, y, width, height], masks as run-lengths. */
import { LayoutError, MAX_INSTANCES, instanceOf, uniqueIds } from "./document.js";
import * as fields from "./fields.js";
import { isObject, shorten } from "./json.js";
import { anObject, goodLocations, keepGood } from "./oddItems.js";

export function isAuthors(value) {
  return isObject(value) && "annos" in value;
}

/**
 * @param {object} document {caption, width, height, annos: [{bbox, mask, category_name, caption, point, scribble}]}
 * @param {object} given see given.js
 * @returns {object} the layout. A scribble may be flat [x1, y1, ...] as their README says or pairs as their code reads it. An anno with
 *   an empty box and nothing else, which their script takes, is left out with a note, as every odd one
 */
export function fromAuthors(document, { canvas, notes }) {
  const unknown = canvas && document.width == null && document.height == null;
  const [width, height] = unknown ? canvas : ["width", "height"].map((side) => fields.whole(document[side], "The demo", side));
  const { annos } = document;
  if (!Array.isArray(annos)) throw new LayoutError(`The demo's "annos" must be a list, got ${shorten(annos)}.`);
  if (annos.length > MAX_INSTANCES) throw new LayoutError(`The demo has ${annos.length} annos, at most ${MAX_INSTANCES} are read.`);
  const instances = uniqueIds(keepGood(annos, (anno, position) => readAnno(anno, position, width, height, notes), notes));
  return { version: 1, width, height, prompt: fields.text(document.caption ?? "", "The demo", "caption"), instances };
}

/** @returns {boolean} whether a field says anything: neither absent nor 0, "", [] or {} */
export function isGiven(value) {
  return typeof value === "object" && value !== null ? Object.keys(value).length > 0 : Boolean(value);
}

/** @returns {[number, number, number, number]} [x, y, width, height] in pixels -> box in 0..1, cut to the canvas with a note */
export function pixelBox(value, width, height, where, notes) {
  const given = fields.numbers(value, 4, where, "bbox", "[x, y, width, height] in pixels");
  const [x, y, w, h] = given;
  if (w <= 0 || h <= 0) throw new LayoutError(`${where}: bbox ${shorten(given)} is empty. Width and height must be above 0.`);
  if (x >= width || y >= height || x + w <= 0 || y + h <= 0) {
    throw new LayoutError(`${where}: bbox ${shorten(given)} lies outside the canvas of ${width}x${height} pixels.`);
  }
  return fields.box([x / width, y / height, (x + w) / width, (y + h) / height], where, notes);
}

function readAnno(anno, position, width, height, notes) {
  const where = `Instance ${position}`;
  anObject(anno, where);
  const scaled = (xy, field) => {
    const [x, y] = fields.numbers(xy, 2, where, field, "[x, y] in pixels");
    return [x / width, y / height];
  };
  const readers = {
    box: () => pixelBox(anno.bbox, width, height, where, notes),
    point: () => fields.point(scaled(anno.point, "point"), where),
    scribble: () => fields.scribble(pairs(anno.scribble, where).map((xy) => scaled(xy, "scribble")), where, notes),
    mask: () => fields.mask(anno.mask, where),
  };
  const there = Object.entries(readers).filter(([kind]) => isGiven(anno[kind === "box" ? "bbox" : kind]));
  const locations = goodLocations(Object.fromEntries(there), `${where} has no bbox, point, scribble or mask. Give it a location.`, notes);
  const category = isGiven(anno.category_name) ? { category_name: fields.text(anno.category_name, where, "category_name") } : {};
  return instanceOf({ id: `i${position}`, prompt: fields.text(anno.caption ?? "", where, "caption"), ...locations, ...category });
}

function pairs(value, where) {
  if (!Array.isArray(value)) {
    throw new LayoutError(`${where}: scribble must be a list of points in pixels, got ${shorten(value)}.`);
  }
  if (!value.every((v) => typeof v === "number")) return value;
  if (value.length % 2) {
    throw new LayoutError(`${where}: a flat scribble must hold x and y in turn, got ${value.length} numbers.`);
  }
  return value.flatMap((v, i) => (i % 2 ? [] : [[v, value[i + 1]]]));
}
