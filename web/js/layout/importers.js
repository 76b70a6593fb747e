/** Layouts written by others: recognised by what they hold, never by guessing units or the order of axes. */
import { DEFAULT_SIDE, LayoutError, parseLayoutWithNotes } from "./document.js";
import { fromAuthors } from "./fromAuthors.js";
import { fromBoundingBoxes, fromElements, isBoundingBox, isElement } from "./fromBoxes.js";
import { fromCoco } from "./fromCoco.js";
import { isObject, loadJson, shorten } from "./json.js";

const KNOWN_FORMATS =
  'our layout document ("version", "instances"), the authors\' demo JSON ("annos"), COCO ("images", "annotations"), ' +
  'boxes {x, y, width, height} in pixels and elements of a box editor ("bbox" in 0..1000)';

/**
 * @param {string | object | Array} value JSON of any known format, as text or parsed
 * @param {{width?: number, height?: number, image?: string}} [options] canvas in pixels, for boxes, which know none; image: id or file
 *   name, for COCO files with several
 * @returns {object} a complete layout document. LayoutError for anything else.
 */
export function importLayout(value, options) {
  return importLayoutWithNotes(value, options).doc;
}

/** As importLayout. @returns {{doc: object, notes: string[]}} with a sentence for each thing that was put right */
export function importLayoutWithNotes(value, { width = DEFAULT_SIDE, height = DEFAULT_SIDE, image = "" } = {}) {
  const given = single(typeof value === "string" ? loadJson(value) : value);
  const notes = [];
  const done = (doc) => ({ doc, notes });
  if (Array.isArray(given)) return done(fromList(given, { width, height }, notes));
  if (!isObject(given)) throw new LayoutError(`A layout must be a JSON object, got ${shorten(given)}. Known formats: ${KNOWN_FORMATS}.`);
  if ("version" in given || "instances" in given) return parseLayoutWithNotes(given);
  if ("annos" in given) return done(fromAuthors(given, notes));
  if ("annotations" in given) return done(fromCoco(given, String(image ?? ""), notes));
  if (isBoundingBox(given) || isElement(given)) return done(fromList([given], { width, height }, notes));
  const elements = given.elements ?? given.compositional_deconstruction?.elements;
  if (Array.isArray(elements) && elements.some(isElement)) return done(fromElements(elements, { width, height }));
  const keys = Object.keys(given).sort().slice(0, 8).join(", ");
  throw new LayoutError(`This JSON is not a layout that InstDiff knows (its fields: ${keys || "none"}). Known formats: ${KNOWN_FORMATS}.`);
}

/** A list of frames (layouts, or lists of boxes) -> the frame; several do not fit on one canvas. */
function single(value) {
  const framed = Array.isArray(value) && value.length && value.every((v) => Array.isArray(v) || (isObject(v) && isLayout(v)));
  if (!framed) return value;
  if (value.length > 1) throw new LayoutError(`The JSON holds ${value.length} frames, the editor shows one. Keep the one that you need.`);
  return value[0];
}

function isLayout(value) {
  return ["version", "instances", "annos", "annotations"].some((key) => key in value);
}

function fromList(items, canvas, notes) {
  if (!items.length || isBoundingBox(items[0])) return fromBoundingBoxes(items, canvas, notes);
  if (isElement(items[0])) return fromElements(items, canvas);
  throw new LayoutError(`A list must hold boxes or elements of a box editor, got ${shorten(items[0])}. Known formats: ${KNOWN_FORMATS}.`);
}
