/**
 * Lists of what a detector found: objects with a place in any form, words or a class number, and how sure it is. The same as
 * instdiff_modules/importers/detectors.py.
 */
import { amount } from "./amounts.js";
import { numbered } from "./classNames.js";
import { over } from "./declared.js";
import { LayoutError, MAX_INSTANCES, instanceOf } from "./document.js";
import * as fields from "./fields.js";
import { isGiven } from "./fromAuthors.js";
import { keptOf } from "./fromElements.js";
import { NOT_DECLARED, PIXELS, askFor, boxOf, checkUnits, edgesOf, knownCanvas, sidesOf, statedCanvas } from "./given.js";
import { isObject } from "./json.js";
import { Question, SAMPLE, anObject, goodLocations, keepGood, named } from "./oddItems.js";
import { OUTLINES, hasOutline, hasPlace, outlineOf, placeOf } from "./places.js";
import { respelt } from "./spelling.js";

export const WORDS = (
  "label class_name className category_name class category name text_label caption prompt phrase desc description text object title labels tags cls categories"
).split(" ");
const SCORES = ["score", "confidence", "conf", "probability"];
const MAX_SCORE = 1e300; // what no sum of numbers can reach
const CLASS_NUMBERS = ["class_id", "class", "cls", "classId"];

/** @returns {boolean} whether at least half of a list's items are objects of a kind: one odd item does not make it another */
export function areItems(value, matches) {
  if (!Array.isArray(value) || !value.length) return false;
  const seen = value.slice(0, SAMPLE);
  const fitting = seen.filter((item) => isObject(item) && matches(item)).length;
  return fitting > 0 && fitting * 2 >= seen.length;
}

/** @returns {boolean} whether some of the items have a place, and all but odd ones are objects */
export function areDetections(value) {
  return areItems(value, () => true) && value.slice(0, SAMPLE).some(isPlaced);
}

/** @returns {boolean} whether an item has a place, or words and an outline */
export function isPlaced(given) {
  if (hasPlace(given)) return true;
  const item = respelt(given);
  const outlined = isObject(item) && OUTLINES.some((key) => item[key] !== null && typeof item[key] === "object" && isGiven(item[key]));
  return outlined && WORDS.some((key) => wordsIn(item[key]));
}

/**
 * @param {Array} items @param {object} given see given.js
 * @param {[number, number] | null} stated the canvas that the data state; else the person's @param {object} declared of all items
 * @returns {object} the layout; odd items are left out. A Question where units, order or canvas are neither declared nor chosen, or the
 *   numbers contradict them
 */
export function fromItems(items, given, stated = null, declared = {}) {
  checkCount(items);
  const canvas = stated ?? given.canvas ?? sizeOfMasks(items);
  given.beside = Math.max(given.beside, items.length);
  const numbers = numbered();
  const found = items.map(respelt).map((item, i) => {
    const where = named(i + 1, namesOf(item));
    const place = soundPlace(item, where);
    return { item, where, place, ...(place ? readingOf(place, given, declared) : { units: unitsOf(declared, given, PIXELS) }) };
  });
  check(found.filter(({ place }) => place));
  const read = ({ item, where, place, order, units }, position) => {
    anObject(item, where);
    const readers = {};
    if (place) readers.box = () => boxOf(place.numbers, order, units, sidesOf(units, canvas), where, given.notes);
    else if (hasPlace(item)) readers.box = () => placeOf(item, where); // says what is wrong with it
    if (hasOutline(item)) readers.mask = () => readOutline(item, units, canvas, where, given, !place);
    const locations = goodLocations(readers, `${where} has no place, such as a bbox.`, given.notes);
    return instanceOf({ id: `i${position}`, ...wordsOf(item, numbers, where), ...locations, ...metadataOf(item, where), ...scoreOf(item) });
  };
  const instances = keepGood(found, read, given.notes);
  numbers.note("The list", given.notes);
  const [width, height] = canvas ?? [null, null];
  return { version: 1, width, height, prompt: "", instances };
}

/** The canvas that run-lengths of the items state. */
function sizeOfMasks(items) {
  const masks = items.slice(0, SAMPLE).filter(isObject).flatMap(({ segmentation, mask }) => [segmentation, mask]).filter(isObject);
  const size = masks.find((mask) => "counts" in mask && Array.isArray(mask.size) && mask.size.length === 2)?.size;
  return size ? statedCanvas({ width: size[1], height: size[0] }) : null;
}

export function checkCount(items) {
  if (items.length > MAX_INSTANCES) throw new LayoutError(`There are ${items.length} boxes, at most ${MAX_INSTANCES} are read.`);
}

/** How sure the detector is, as an unknown field of the instance; nothing where no number says it. */
export function scoreOf(item) {
  const value = amount(item[SCORES.find((key) => item[key] != null)]);
  return typeof value === "number" && Math.abs(value) <= MAX_SCORE ? { score: value } : {};
}

/** What a box editor's BOUNDING_BOX says beside its words: its palette, and text that is to be written. */
function metadataOf({ metadata }, where) {
  return isObject(metadata) ? keptOf(metadata, metadata.palette, where) : {};
}

function readOutline(item, units, canvas, where, given, alone) {
  if (!canvas && !alone) throw new LayoutError(`${where}: its outline needs the size of the canvas. Set width and height.`);
  const size = knownCanvas(canvas, "Outlines are");
  const [width, height] = sidesOf(units, canvas);
  return outlineOf(item, size, [size[0] / width, size[1] / height], where, given);
}

function soundPlace(item, where) {
  try {
    return isObject(item) ? placeOf(item, where) : null;
  } catch (error) {
    if (!(error instanceof LayoutError)) throw error;
    return null; // said when the item is read
  }
}

/** The order and units of a box; NOT_DECLARED where nobody says it. */
function readingOf(place, given, declared) {
  const own = over(place.declared, declared);
  return { order: own.order ?? given.order, units: unitsOf(own, given, place.usual) };
}

function unitsOf(declared, given, usual) {
  return declared.units ?? (given.units !== NOT_DECLARED ? given.units : (usual ?? NOT_DECLARED));
}

/** A Question where something is missing, or contradicted by the numbers of most boxes. */
function check(found) {
  const byUnits = new Map();
  let wrong = 0;
  for (const { place, order, units } of found) {
    const missing = [["order", order], ["units", units]].filter(([, value]) => value === NOT_DECLARED).map(([name]) => name);
    if (missing.length) throw askFor(missing, place.numbers);
    if (!byUnits.has(units)) byUnits.set(units, []);
    byUnits.get(units).push(place.numbers);
    const [x0, y0, x1, y1] = edgesOf(place.numbers, order);
    if (x1 < x0 || y1 < y0) wrong++;
  }
  for (const [units, boxes] of byUnits) checkUnits(boxes.flat(), units, boxes[0]);
  if (wrong * 2 > found.length && found.length > 1) {
    const sentence = `${wrong} of ${found.length} boxes cannot be ${found[0].order}: an edge would lie on the wrong side. Choose another order.`;
    throw new Question(sentence, ["order"], found[0].place.numbers);
  }
}

/** What may name an item in a sentence. */
function namesOf(item) {
  return isObject(item) ? [...WORDS.map((key) => wordsIn(item[key])), item.id] : [];
}

/** @returns {string} what a field says in words: a text that is no number, the name of an object, texts side by side */
export function wordsIn(value) {
  const one = Array.isArray(value) && value.length === 1 && isObject(value[0]) ? value[0] : value;
  let text = isObject(one) ? one[["name", "category_name", "categoryName"].find((key) => key in one)] : one;
  if (Array.isArray(text) && text.length && text.every((v) => typeof v === "string")) text = text.join(", ");
  text = typeof text === "string" ? text.trim() : "";
  return /^\d+$/.test(text) ? "" : text;
}

/** The prompt, and the class number if nobody names it. */
function wordsOf(item, numbers, where) {
  const about = isObject(item.metadata) ? item.metadata : {};
  const text = [...WORDS.map((key) => item[key]), about.desc, about.text].map(wordsIn).find(Boolean);
  if (text) return { prompt: fields.text(text, where, "its words") };
  const category = wholeOf("category_id" in item ? item.category_id : item.category);
  const known = CLASS_NUMBERS.map((key) => wholeOf(item[key])).find((n) => n !== null) ?? null;
  const number = category ?? known ?? wholeOf(item.label);
  const name = category !== null ? numbers.category(category) : known !== null ? numbers.classId(known) : numbers.unknown(number);
  return { prompt: name, ...(!name && number !== null ? { class_id: number } : {}) };
}

function wholeOf(value) {
  if (typeof value === "string" && /^\d{1,7}$/.test(value)) return Number(value);
  return Number.isSafeInteger(value) ? value : null;
}
