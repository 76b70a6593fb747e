/** Masks as COCO and others write them: rings of points in pixels, or run-lengths. */
import { amount } from "./amounts.js";
import { LayoutError } from "./error.js";
import * as fields from "./fields.js";
import { isObject, shorten } from "./json.js";
import { jsonIn } from "./jsonField.js";
import { keepGood } from "./oddItems.js";
import { drawPolygons } from "./polygons.js";

/**
 * @param {*} segmentation run-lengths (text or numbers) or polygons [[x1, y1, ...], ...] in pixels, or a single flat one
 * @param {object} given see given.js
 * @returns {object} the mask; odd rings are left out. LayoutError if nothing of it is a mask of width x height pixels
 */
export function readSegmentation(value, width, height, where, given) {
  const read = jsonIn(value);
  const segmentation = Array.isArray(read) && read.length === 1 && isObject(read[0]) ? read[0] : read;
  if (isObject(segmentation)) {
    const mask = fields.mask("counts" in segmentation ? { ...segmentation, counts: countsOf(segmentation.counts) } : segmentation, where);
    if (mask.size[0] === height && mask.size[1] === width) return mask;
    throw new LayoutError(`${where}: the segmentation is ${mask.size[1]}x${mask.size[0]} pixels, its image ${width}x${height}.`);
  }
  if (!Array.isArray(segmentation)) {
    throw new LayoutError(`${where}: segmentation must be polygons or run-lengths, got ${shorten(segmentation)}.`);
  }
  const flat = segmentation.length && (segmentation.every(isNumber) || (segmentation.length > 2 && segmentation.every(isPair)));
  const rings = flat ? [segmentation] : segmentation;
  return maskOfRings(keepGood(rings, (ring) => readRing(ring, where), given.notes), width, height, where, given);
}

/** @returns {object} rings [x1, y1, ...] in pixels -> the mask of all of them. LayoutError if it covers no pixel, or cannot be drawn in time */
export function maskOfRings(rings, width, height, where, given) {
  const mask = drawPolygons(rings, height, width, where, given);
  if (!mask) throw new LayoutError(`${where}: the segmentation covers no pixel of the ${width}x${height} canvas.`);
  return mask;
}

function readRing(given, where) {
  let ring = given;
  while (Array.isArray(ring) && ring.length === 1 && Array.isArray(ring[0])) [ring] = ring;
  if (Array.isArray(ring) && ring.length && ring.every(isPair)) ring = ring.flatMap((xy) => (isObject(xy) ? [xy.x, xy.y] : xy));
  if (!Array.isArray(ring) || ring.length < 6 || ring.length % 2) {
    throw new LayoutError(`${where}: a polygon must be [x1, y1, x2, y2, x3, y3, ...] in pixels, got ${shorten(given)}.`);
  }
  return ring.map((v) => fields.number(amount(v), where, "segmentation"));
}

/** Run-lengths as other programs leave them: as Python shows pycocotools' bytes, or numbers in a text. */
function countsOf(given) {
  let counts = given;
  if (typeof counts === "string" && /^b(["']).*\1$/s.test(counts)) return counts.slice(2, -1).replaceAll("\\\\", "\\");
  if (typeof counts === "string" && /[, ]/.test(counts)) counts = counts.split(/[\s,[\]]+/).filter(Boolean);
  return Array.isArray(counts) ? counts.map(amount) : counts;
}

function isPair(value) {
  return (Array.isArray(value) && value.length === 2) || (isObject(value) && "x" in value && "y" in value);
}

function isNumber(value) {
  return typeof value === "number";
}
