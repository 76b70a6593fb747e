/** What tells the kinds of detectors' lists apart: names of fields, in at least half of the items. As instdiff_modules/importers/recognise.py. */
import { areDetections, areItems, fromItems } from "./detectors.js";
import { chosenItems } from "./fromResults.js";
import { isObject } from "./json.js";
import { SAMPLE } from "./oddItems.js";
import { hasPlace, isCentred, isCornered, isCreateMl, isMarkedCentre } from "./places.js";
import { respelt } from "./spelling.js";
import { areGroups, fromHeld, heldList, isFour, parallelBoxes, ungrouped } from "./wrapped.js";

const FRAME_FIELDS = ["frame_number", "frame_index", "frame_idx", "file_name", "filename"];

/** @returns {string} what stands in the fences of Markdown, where a text is nothing else */
export function unfenced(text) {
  const bare = text.slice(0, 200).trimStart().startsWith("```") ? text.trim() : "";
  const start = bare.indexOf("\n");
  return start > 0 && bare.length > start + 3 && bare.endsWith("```") && !bare.slice(start, -3).includes("```") ? bare.slice(start + 1, -3) : text;
}

/** For a list of detections, an object that holds one, and a single detection. */
export function detected(test) {
  return (value) => areItems(itemsOf(value), (item) => test(respelt(item)));
}

/** The detections in a value: the list itself, the list that an object holds, or a single one as a list. */
function itemsOf(value) {
  if (isObject(value)) return hasPlace(value) && !parallelBoxes(value) ? [value] : (heldList(value) ?? []);
  if (areDetections(value)) return value;
  return areGroups(value) ? ungrouped(value) : [];
}

export function fromDetections(value, given) {
  if (isObject(value) && !hasPlace(value)) return fromHeld(value, given);
  return fromItems(chosenItems(itemsOf(value), FRAME_FIELDS, given), given);
}

export function isUltralytics(item) {
  return inBox(item, ["x1", "y1", "x2", "y2"]) && "confidence" in item && ("name" in item || "class" in item);
}

export function isPipeline(item) {
  return inBox(item, ["xmin", "ymin", "xmax", "ymax"]) && "score" in item && "label" in item;
}

export function isSupervision(item) {
  return ["x_min", "y_min", "x_max", "y_max"].every((name) => name in item);
}

export function isCentre(item) {
  const centred = isCentred(isObject(item.box) ? item.box : item) || "relative_coordinates" in item || isCreateMl(item);
  return centred || (isCornered(item) && isMarkedCentre(item));
}

export function isCorner(item) {
  return ["x", "y", "width", "height"].every((name) => name in item);
}

export function isCocoWithoutImages(value) {
  if (!isObject(value) || "images" in value || !Array.isArray(value.annotations)) return false;
  return !value.annotations.length || areItems(value.annotations, (a) => "image_id" in a || "category_id" in a);
}

/** An object whose list of detections is empty. */
export function holdsNothing(value) {
  return isObject(value) && heldList(value)?.length === 0;
}

export function areFours(value) {
  const items = Array.isArray(value) ? value.slice(0, SAMPLE) : [];
  return isFour(value) || (items.length > 0 && items.filter(isFour).length * 2 >= items.length);
}

/** @returns {boolean} whether it is a list of lists that may be frames: not of bare boxes, and not of rows of numbers */
export function areLists(value) {
  return Array.isArray(value) && value.length > 0 && value.every((v) => Array.isArray(v) && !isRow(v));
}

/** @returns {boolean} whether it is a list of numbers alone */
export function isRow(value) {
  return Array.isArray(value) && value.length > 0 && value.every((v) => typeof v === "number");
}

function inBox(item, names) {
  return isObject(item.box) && names.every((name) => name in item.box);
}
