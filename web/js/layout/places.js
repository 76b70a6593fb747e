/**
 * Where an item of a list is: the four numbers of its box in any of the forms that programs write, and its outline. The same as
 * instdiff_modules/importers/places.py.
 */
import { amount, amounts } from "./amounts.js";
import { declaredBeside, declaredByName, over } from "./declared.js";
import { LayoutError } from "./error.js";
import * as fields from "./fields.js";
import { CXCYWH, FRACTIONS, PIXELS, XYWH, XYXY } from "./given.js";
import { isObject, shorten } from "./json.js";
import { isGiven } from "./fromAuthors.js";
import { maskOfRings, readSegmentation } from "./segmentation.js";
import { respelt } from "./spelling.js";

export const BOX_FIELDS = (
  "bbox box bounding_box boundingbox boundingBox BoundingBox bbox_xyxy box_xyxy xyxy bbox_xywh box_xywh xywh xyxyn xywhn bbox_cxcywh box_cxcywh " +
  "bbox_normalized bbox_norm bbox_2d box_2d box2d bbox2d rect coordinates relative_coordinates"
).split(" ");
const sets = (text) => text.split(", ").map((names) => names.split(" "));
// Names of four sides: they state the order themselves.
const SIDES = [
  [XYXY, sets("x_min y_min x_max y_max, xmin ymin xmax ymax, x1 y1 x2 y2, x0 y0 x1 y1, left top right bottom, minX minY maxX maxY, " +
    "x y x2 y2, x_start y_start x_end y_end, l t r b")],
  [CXCYWH, sets(
    "cx cy w h, cx cy width height, center_x center_y width height, x_center y_center width height, center_x center_y w h, " +
      "x_center y_center w h, xcenter ycenter w h, xc yc w h, xcenter ycenter width height",
  )],
  [XYWH, sets("left top width height, xmin ymin width height, x_min y_min width height, origin_x origin_y width height, Left Top Width Height")],
];
const CORNER = sets("x y width height, x y w h"); // of a corner or of the centre: told by what stands beside
// Of two numbers each.
const PAIRS = [[XYXY, "top_left", "bottom_right"], [CXCYWH, "center", "size"], [XYWH, "position", "size"], [XYWH, "top_left", "size"]];
const SAM_MARKS = ["predicted_iou", "stability_score"]; // of Segment Anything's masks
const CENTRE_MARKS = ["class_id", "detection_id", "confidence"]; // Roboflow, darknet
const CORNER_MARKS = ["label", "score", "metadata"]; // ComfyUI's BOUNDING_BOX
const DETECTOR_MARKS = ["confidence", "conf", "class", "class_id", "score"];
export const OUTLINES = ["segmentation", "segments", "points", "polygon", "mask"];

/** @returns {boolean} whether an item has something where a box should be, sound or not */
export function hasPlace(given) {
  const item = respelt(given);
  return isObject(item) && (sidesOf(item) !== null || BOX_FIELDS.some((key) => item[key] != null) || pairedIn(item) !== null);
}

/** @returns {boolean} whether it is one of Apple's annotations, {label, coordinates: {x, y, width, height}}: the centre, in pixels */
export function isCreateMl(item) {
  return "label" in item && isObject(item.coordinates) && CORNER[0].every((name) => name in item.coordinates);
}

/** @returns {boolean} whether an object names the sides of a box by its centre */
export function isCentred(item) {
  return SIDES[1][1].some((names) => names.every((name) => name in item));
}

/** @returns {boolean} whether an object has x, y, width and height, of a corner or of a centre */
export function isCornered(item) {
  return CORNER.some((names) => names.every((name) => name in item));
}

export function isMarkedCentre(item) {
  return CENTRE_MARKS.some((mark) => mark in item);
}

/**
 * @returns {{numbers: number[], declared: object, usual: string | null} | null} the box of an item; null if it has none. declared: what the
 *   item says of its numbers; usual: units of the program that writes such items. LayoutError if it is no box
 */
export function placeOf(item, where) {
  if ("x4" in inner(item)) return null; // four corners: an outline
  const named = sidesOf(item);
  if (named) return placeIn(named, item, item, where);
  const key = BOX_FIELDS.find((name) => item[name] != null);
  const corners = key === undefined ? cornersIn(item.points) : null;
  if (corners) return { numbers: corners, declared: { order: XYXY, units: declaredBeside(item).units }, usual: PIXELS };
  if (key === undefined) {
    const paired = pairedIn(item);
    return paired && pairedPlace(paired, item, declaredBeside(item));
  }
  let value = respelt(item[key]);
  const beside = SAM_MARKS.some((mark) => mark in item) ? over(declaredBeside(item), { order: XYWH, units: PIXELS }) : declaredBeside(item);
  const declared = key === "relative_coordinates" ? { units: FRACTIONS } : over(declaredByName(key), beside);
  if (isObject(value)) {
    const inside = sidesOf(value);
    const paired = inside ? null : pairedIn(value);
    if (paired) return pairedPlace(paired, item, declared);
    if (!inside) throw new LayoutError(`${where}: ${key} must name four sides or hold four numbers, got ${shorten(value)}.`);
    const [stated, names] = inside;
    if (!stated && !isCreateMl(item)) { // what stands beside an inner x, y, width, height does not tell what they are
      const numbers = names.map((name) => fields.number(amount(value[name]), where, name));
      return { numbers, declared, usual: names === CORNER[0] ? PIXELS : null };
    }
    const place = placeIn(inside, value, item, where);
    return { ...place, declared: over(declared, isCreateMl(item) ? { order: CXCYWH } : place.declared) };
  }
  if (Array.isArray(value) && value.length === 1 && Array.isArray(value[0])) [value] = value;
  if (Array.isArray(value) && [2, 4].includes(value.length) && value.every((v) => Array.isArray(v) && v.length === 2)) {
    const corners = value.map((v) => fields.numbers(amounts(v), 2, where, key, "four numbers, or corners [x, y]"));
    if (corners.length === 4) { // one after the other
      const [xs, ys] = [0, 1].map((axis) => corners.map((corner) => corner[axis]));
      const numbers = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
      return { numbers, declared: { order: XYXY, units: declared.units }, usual: null };
    }
    value = corners.flat();
  }
  return { numbers: fields.numbers(amounts(value), 4, where, key, "four numbers"), declared, usual: null };
}

/** The four sides of a rectangle by its two corners: Supervisely's {exterior: [[x, y], [x, y]]}, SuperAnnotate's {x1, x2, y1, y2}. */
function cornersIn(points) {
  if (!isObject(points)) return null;
  const { exterior } = points;
  const paired = Array.isArray(exterior) && exterior.length === 2 && exterior.every(pairOf);
  const given = (paired ? exterior.flatMap(amounts) : ["x1", "y1", "x2", "y2"].map((name) => points[name])).map(amount);
  if (!given.every(Number.isFinite)) return null;
  const [x0, y0, x1, y1] = given;
  return [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)];
}

/** @returns {[string, number[]] | null} order and four numbers of an object with two corners, or a place and a size */
function pairedIn(item) {
  for (const [order, first, second] of PAIRS) {
    const pairs = [pairOf(item[first]), pairOf(item[second])];
    if (pairs.every(Boolean)) return [order, pairs.flat()];
  }
  return null;
}

function pairedPlace([order, numbers], item, { units }) {
  const usual = order === CXCYWH || DETECTOR_MARKS.some((mark) => mark in item) ? PIXELS : null;
  return { numbers, declared: { order, units }, usual };
}

function pairOf(value) {
  const names = isObject(value) ? [["x", "y"], ["width", "height"], ["w", "h"]].find(([a, b]) => a in value && b in value) : undefined;
  const found = amounts(names ? names.map((name) => value[name]) : value);
  return Array.isArray(found) && found.length === 2 && found.every(Number.isFinite) ? found : null;
}

/** @returns {[string | null, string[]] | null} the order and the names of an object's four sides; order null for a corner or a centre */
function sidesOf(item) {
  const there = (names) => names.every((name) => name in item);
  for (const [order, nameSets] of SIDES) {
    const names = nameSets.find(there);
    if (names) return [order, names];
  }
  const names = CORNER.find(there);
  return names ? [null, names] : null;
}

function placeIn([stated, names], holder, item, where) {
  const numbers = names.map((name) => fields.number(amount(holder[name]), where, name));
  const beside = declaredBeside(item);
  const has = (marks) => marks.some((mark) => mark in item);
  if (stated) {
    return { numbers, declared: { order: stated, units: beside.units }, usual: stated === CXCYWH || has(DETECTOR_MARKS) ? PIXELS : null };
  }
  const long = names === CORNER[0];
  const order = has(CENTRE_MARKS) ? CXCYWH : long && has(CORNER_MARKS) ? XYWH : undefined;
  return { numbers, declared: over(beside, { order }), usual: long || order ? PIXELS : null };
}

export function hasOutline(item) {
  return OUTLINES.some((key) => isGiven(item[key]) && !cornersIn(item[key])) || "x4" in inner(item);
}

/**
 * @param {[number, number]} size of the canvas @param {[number, number]} scale its pixels for one of the item's units, along x and y
 * @returns {object | null} the mask of an item: run-lengths, rings, ultralytics' {x: [...], y: [...]} or Roboflow's [{x, y}, ...]
 */
export function outlineOf(item, [width, height], scale, where, given) {
  const drawn = (points) => maskOfRings([scaled(points, scale, where)], width, height, where, given);
  const box = inner(item);
  if ("x4" in box) return drawn([1, 2, 3, 4].map((i) => [box[`x${i}`], box[`y${i}`]]));
  const key = OUTLINES.find((name) => isGiven(item[name]) && !cornersIn(item[name]));
  if (key === undefined) return null;
  let value = item[key];
  if (isObject(value) && Array.isArray(value.paths)) value = value.paths; // Darwin's
  if (isObject(value) && Array.isArray(value.exterior)) { // Supervisely's
    if (isGiven(value.interior)) throw new LayoutError(`${where}: ${key} has holes, which are not read. Export it as COCO.`);
    value = value.exterior;
  }
  if (isObject(value) && "x" in value && "y" in value) {
    const { x, y } = value;
    if (!Array.isArray(x) || !Array.isArray(y) || x.length !== y.length) {
      throw new LayoutError(`${where}: ${key} must hold as many x as y, got ${shorten(value)}.`);
    }
    return drawn(x.map((v, i) => [v, y[i]]));
  }
  if (Array.isArray(value) && value.every(isObject)) return drawn(value.map((point) => [point.x, point.y]));
  if (scale.some((s) => s !== 1) && !isObject(value)) throw new LayoutError(`${where}: ${key} is read in pixels only.`);
  return readSegmentation(value, width, height, where, given);
}

function inner(item) {
  return isObject(item.box) ? item.box : item;
}

function scaled(points, scale, where) {
  if (points.length < 3) throw new LayoutError(`${where}: an outline needs at least three points, got ${points.length}.`);
  return points.flatMap((xy) => xy.map((v, i) => fields.number(v, where, "an outline") * scale[i]));
}
