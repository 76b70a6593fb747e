/** Demo files of the model's authors: pixels of a canvas, boxes [x, y, width, height], masks as run-lengths. */
import { LayoutError, MAX_INSTANCES, instanceOf, uniqueIds } from "./document.js";
import * as fields from "./fields.js";
import { isObject, shorten } from "./json.js";

/**
 * @param {object} document {caption, width, height, annos: [{bbox, mask, category_name, caption, point, scribble}]}
 * @param {string[]} notes
 * @returns {object} the layout. A scribble may be flat [x1, y1, ...] as their README says or pairs as their code reads it.
 */
export function fromAuthors(document, notes) {
  const [width, height] = ["width", "height"].map((side) => fields.whole(document[side], "The demo", side));
  const { annos } = document;
  if (!Array.isArray(annos)) throw new LayoutError(`The demo's "annos" must be a list, got ${shorten(annos)}.`);
  if (annos.length > MAX_INSTANCES) throw new LayoutError(`The demo has ${annos.length} annos, at most ${MAX_INSTANCES} are read.`);
  const instances = uniqueIds(annos.map((anno, i) => readAnno(anno, i + 1, width, height, notes)));
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
  if (!isObject(anno)) throw new LayoutError(`${where} must be a JSON object, got ${shorten(anno)}.`);
  const scaled = (xy, field) => {
    const [x, y] = fields.numbers(xy, 2, where, field, "[x, y] in pixels");
    return [x / width, y / height];
  };
  const locations = {};
  if (isGiven(anno.bbox)) locations.box = pixelBox(anno.bbox, width, height, where, notes);
  if (isGiven(anno.point)) locations.point = fields.point(scaled(anno.point, "point"), where);
  if (isGiven(anno.scribble)) {
    const points = pairs(anno.scribble, where).map((xy) => scaled(xy, "scribble"));
    locations.scribble = fields.scribble(points, where, notes);
  }
  if (isGiven(anno.mask)) locations.mask = fields.mask(anno.mask, where);
  if (!isGiven(locations)) throw new LayoutError(`${where} has no bbox, point, scribble or mask. Give it a location.`);
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
