/**
 * Objects that hold a detector's list, and what they say of it: Roboflow's answer, darknet's frames, parallel lists of boxes and labels.
 * The same as instdiff_modules/importers/wrapped.py.
 */
import { declaredBeside, declaredByName, over } from "./declared.js";
import { WORDS, areDetections, areItems, checkCount, fromItems, wordsIn } from "./detectors.js";
import { LayoutError } from "./error.js";
import { areElements } from "./fromElements.js";
import { PIXELS, XYXY, statedCanvas } from "./given.js";
import { isObject } from "./json.js";
import { textOf } from "./oddItems.js";
import { BOX_FIELDS } from "./places.js";
import { respelt } from "./spelling.js";

const words = (text) => text.split(" ");
const LISTS = words("predictions detections objects annotations instances results items boxes bboxes data output outputs");
export const MAX_FIELDS = 200; // of an object, in which a list is looked for
const MAX_DEPTH = 3; // of objects in objects that are looked into
const EMPTY = ["predictions", "detections"]; // an empty list under these names is "nothing found"
const BOXES = words("boxes bboxes boxes_xyxy bboxes_xyxy boxes_xywh bboxes_xywh boxes_cxcywh pred_boxes detection_boxes xyxy xywh xyxyn xywhn");
const LABELS = words(
  "labels text_labels bboxes_labels class_names names classes phrases captions prompts class_ids pred_classes category_ids class_id class " +
    "cls label class_name detection_classes",
);
const TABLES = words("names class_names classes categories id2label label_map labels"); // of class numbers
const NUMBERS = words("class_id class cls classId category_id category label");
const OF_ALL = words("label class_name class category object"); // words of an object for all the boxes that it holds
const MAX_CLASSES = 10000;
const SCORES = words("scores confidences confidence conf score logits probabilities detection_scores");
// Lists of numbers whose count is known; `labels` may count from 0 or from 1.
const NUMBERED = new Map([["category_ids", "category_id"], ...words("class_ids class_id cls class pred_classes").map((key) => [key, "class_id"])]);

/** @returns {Array | null} the detector's list in an object: under a usual name, or the only list of items with a place */
export function heldList(value) {
  return held(value).items;
}

/** The list, and the object that holds it, which may stand some levels deeper. */
function held(value, depth = 0) {
  for (const key of LISTS) {
    const items = value[key];
    const mayBeEmpty = EMPTY.includes(key);
    const ofFrame = key === "objects" && "frame_id" in value; // darknet's
    if (areDetections(items) || ((mayBeEmpty || ofFrame) && Array.isArray(items) && !items.length)) return { holder: value, items };
    if (mayBeEmpty && isObject(items) && EMPTY.some((name) => Array.isArray(items[name]))) {
      return { holder: items, items: held(items).items }; // Roboflow's workflows
    }
  }
  const inner = Object.values(value).slice(0, MAX_FIELDS);
  const found = inner.filter((items) => areDetections(items) && !(depth && areElements(items))); // elements have units of their own
  if (found.length || depth === MAX_DEPTH) return { holder: value, items: found.length === 1 ? found[0] : null };
  const objects = inner.map((v) => (Array.isArray(v) && v.length === 1 ? v[0] : v)).filter(isObject); // outputs of one picture
  const holders = objects.map((v) => held(v, depth + 1)).filter(({ items }) => items !== null);
  return holders.length === 1 ? holders[0] : { holder: value, items: null };
}

export function fromHeld(value, given) {
  const { holder, items } = held(value);
  const table = tableIn(holder) ?? tableIn(value) ?? new Map();
  return fromItems(items.map((item) => withWords(respelt(item), holder, table)), given, canvasOf(holder) ?? canvasOf(value), over(declaredBeside(holder), declaredBeside(value)));
}

/** The names of class numbers that stand beside a list, by the number as text; null if there are none. */
function tableIn(value) {
  for (const given of TABLES.map((key) => value[key])) {
    const rows = Array.isArray(given) ? given.slice(0, MAX_CLASSES).map((v, i) => (isObject(v) ? [v.id, v.name] : [i, v])) : [];
    const pairs = isObject(given) ? Object.entries(given).slice(0, MAX_CLASSES) : rows;
    if (pairs.length && pairs.every(([number, name]) => typeof name === "string" && /^\d+$/.test(textOf(number)))) {
      return new Map(pairs.map(([number, name]) => [textOf(number), name]));
    }
  }
  return null;
}

/** An item without words with those of its number, or of what holds it. */
function withWords(item, holder, table) {
  if (!isObject(item) || WORDS.some((key) => wordsIn(item[key]))) return item;
  const number = NUMBERS.map((key) => textOf(item[key])).find((text) => table.has(text));
  const found = number === undefined ? OF_ALL.map((key) => wordsIn(holder[key])).find(Boolean) : table.get(number);
  return found ? { ...item, class_name: found } : item;
}

/** @returns {boolean} whether it is a list of objects that have words and several boxes each: {"label": "head", "bboxes": [[...], [...]]} */
export function areGroups(value) {
  return areItems(value, (item) => parallelBoxes(item) !== undefined && OF_ALL.some((key) => typeof item[key] === "string" && wordsIn(item[key])));
}

/** @returns {Array} an item for each box of the groups */
export function ungrouped(value) {
  return value.flatMap((item) => {
    const key = parallelBoxes(item);
    if (key === undefined) return [item];
    const { [key]: boxes, ...rest } = item;
    const name = BOX_FIELDS.includes(singular(key)) ? singular(key) : "bbox";
    return boxes.map((box) => ({ ...rest, [name]: box }));
  });
}

function singular(key) {
  return key.replace("bboxes", "bbox").replace("boxes", "box");
}

/** A label of Florence-2's without the mark of the text's end, which it leaves in the first one. */
function clean(label) {
  return typeof label === "string" ? label.replaceAll("</s>", "").replaceAll("<s>", "") : label;
}

export function canvasOf(value) {
  const [height, width] = Array.isArray(value.shape) ? value.shape : []; // ultralytics
  return statedCanvas(value, value.image, value.canvas, value.image_size, value.size, value.resolution, value.metadata, value.info, { width, height });
}

/** @returns {string | undefined} the field with the boxes, in an object of parallel lists: four numbers each, or none beside labels or scores */
export function parallelBoxes(value) {
  if (!isObject(value)) return undefined;
  const beside = () => [...LABELS, ...SCORES].some((key) => key in value);
  return BOXES.find((key) => Array.isArray(value[key]) && (value[key].some(isFour) || (!value[key].length && beside())));
}

/** @returns {object | null} what stands under a task of Florence-2, such as <OD>, if that is all: boxes in pixels, left, top, right, bottom */
export function florenceTask(value) {
  const entries = isObject(value) ? Object.entries(value) : [];
  if (entries.length !== 1) return null;
  const [[task, inner]] = entries;
  return task.startsWith("<") && task.endsWith(">") && (parallelBoxes(inner) || outlinesOf(inner)) ? inner : null;
}

/** Rings of pixels for each of Florence-2's labels: of its polygons, or of boxes with four corners; null if there are none. */
function outlinesOf(value) {
  if (!isObject(value) || !Array.isArray(value.labels)) return null;
  const { quad_boxes: quads, polygons } = value;
  if (Array.isArray(quads) && quads.length) return quads.map((quad) => [quad]);
  return Array.isArray(polygons) && polygons.length ? polygons : null;
}

/** @returns {object} {boxes, labels, scores} -> a layout. LayoutError if the lists are not of one length */
export function fromParallel(given, about) {
  const task = florenceTask(given);
  const cleaned = (key, v) => (LABELS.includes(key) && Array.isArray(v) ? v.map(clean) : v);
  const whole = task ? Object.fromEntries(Object.entries(task).map(([key, v]) => [key, cleaned(key, v)])) : given;
  const value = isObject(whole.data) ? { ...whole.data, ...whole } : whole; // supervision's detections
  const declared = task ? { order: XYXY, units: PIXELS } : declaredBeside(value);
  const key = parallelBoxes(value) ?? "outlines";
  const boxes = key === "outlines" ? outlinesOf(value) : value[key];
  const columns = [["label", LABELS], ["score", SCORES]].flatMap(([field, names]) => {
    const lists = names.filter((name) => Array.isArray(value[name]));
    const found = lists.find((name) => value[name].some((v) => typeof v === "string")) ?? lists[0];
    if (!found) return [];
    if (value[found].length !== boxes.length) {
      const counts = `${boxes.length} boxes and ${value[found].length} ${found}`;
      throw new LayoutError(`There are ${counts}. Give one of each for every object.`);
    }
    const named = field === "score" || value[found].some((v) => typeof v === "string");
    return [[named ? field : (NUMBERED.get(found) ?? field), value[found]]];
  });
  const fieldsOf = columns.map(([field]) => field);
  if (!fieldsOf.includes("label") && ![...NUMBERED.values()].some((field) => fieldsOf.includes(field))) {
    const ofAll = OF_ALL.map((name) => (typeof value[name] === "string" ? wordsIn(value[name]) : "")).find(Boolean);
    if (ofAll) columns.push(["label", boxes.map(() => ofAll)]);
  }
  const items = boxes.map((box, i) => ({ [key === "outlines" ? "segmentation" : "bbox"]: box, ...Object.fromEntries(columns.map(([field, column]) => [field, column[i]])) }));
  return fromItems(items, about, canvasOf(value), over(declared, declaredByName(singular(key))));
}

/** @returns {boolean} whether it is a bare box: four numbers */
export function isFour(value) {
  return Array.isArray(value) && value.length === 4 && value.every((v) => typeof v === "number");
}

/** BBOX: a box, or a list of boxes, of four numbers each. */
export function fromFours(value, given) {
  const boxes = isFour(value) ? [value] : value;
  checkCount(boxes);
  return fromItems(boxes.map((box) => (Array.isArray(box) ? { bbox: box } : box)), given);
}
