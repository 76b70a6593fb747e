/** Masks as COCO and others write them: rings of points in pixels, or run-lengths. */
import { LayoutError } from "./error.js";
import * as fields from "./fields.js";
import { isObject, shorten } from "./json.js";
import { keepGood } from "./oddItems.js";
import { drawPolygons } from "./polygons.js";

/**
 * @param {*} segmentation run-lengths (text or numbers) or polygons [[x1, y1, ...], ...] in pixels, or a single flat one
 * @param {object} given see given.js
 * @returns {object} the mask; odd rings are left out. LayoutError if nothing of it is a mask of width x height pixels
 */
export function readSegmentation(segmentation, width, height, where, given) {
  if (isObject(segmentation)) {
    const mask = fields.mask(segmentation, where);
    if (mask.size[0] === height && mask.size[1] === width) return mask;
    throw new LayoutError(`${where}: the segmentation is ${mask.size[1]}x${mask.size[0]} pixels, its image ${width}x${height}.`);
  }
  if (!Array.isArray(segmentation)) {
    throw new LayoutError(`${where}: segmentation must be polygons or run-lengths, got ${shorten(segmentation)}.`);
  }
  const rings = segmentation.length && segmentation.every(isNumber) ? [segmentation] : segmentation;
  return maskOfRings(keepGood(rings, (ring) => readRing(ring, where), given.notes), width, height, where, given);
}

/** @returns {object} rings [x1, y1, ...] in pixels -> the mask of all of them. LayoutError if it covers no pixel, or cannot be drawn in time */
export function maskOfRings(rings, width, height, where, given) {
  const mask = drawPolygons(rings, height, width, where, given);
  if (!mask) throw new LayoutError(`${where}: the segmentation covers no pixel of the ${width}x${height} canvas.`);
  return mask;
}

function readRing(given, where) {
  const ring = Array.isArray(given) && given.length && given.every((xy) => Array.isArray(xy) && xy.length === 2) ? given.flat() : given;
  if (!Array.isArray(ring) || ring.length < 6 || ring.length % 2) {
    throw new LayoutError(`${where}: a polygon must be [x1, y1, x2, y2, x3, y3, ...] in pixels, got ${shorten(given)}.`);
  }
  return ring.map((v) => fields.number(v, where, "segmentation"));
}

function isNumber(value) {
  return typeof value === "number";
}
