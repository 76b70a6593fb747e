/** Elements of box editors: [{type, bbox: [ymin, xmin, ymax, xmax] in 0..1000, desc, text?, color_palette?}], y before x. */
import { amounts } from "./amounts.js";
import { LayoutError, MAX_INSTANCES, instanceOf } from "./document.js";
import * as fields from "./fields.js";
import { isGiven } from "./fromAuthors.js";
import { isObject, shorten } from "./json.js";
import { SAMPLE, anObject, keepGood, named } from "./oddItems.js";

const GRID = 1000; // what an element's coordinates are parts of

/** @returns {boolean} whether it is a list of objects with `type` and `desc`, some with a `bbox`; with a bbox alone they are a detector's */
export function areElements(value) {
  const items = Array.isArray(value) ? value.slice(0, SAMPLE) : [];
  const count = items.filter(isElement).length;
  return count > 0 && count * 2 >= items.length && items.some((item) => isObject(item) && "bbox" in item);
}

/** @returns {boolean} whether it is a prompt of Ideogram */
export function isCaption(value) {
  return isObject(value) && isObject(value.compositional_deconstruction);
}

/** @returns {object} the layout; the prompt of an instance is its description, else its text; a palette's first colour is the instance's */
export function fromElements(elements, given, prompt = "") {
  if (elements.length > MAX_INSTANCES) throw new LayoutError(`There are ${elements.length} elements, at most ${MAX_INSTANCES} are read.`);
  const instances = keepGood(elements, (item, position) => readElement(item, position, given.notes), given.notes);
  return { version: 1, width: null, height: null, prompt, instances };
}

/** @returns {object} a prompt of Ideogram: its elements, and as caption the description of the whole and of the background */
export function fromCaption(value, given) {
  const elements = value.compositional_deconstruction.elements ?? [];
  if (!Array.isArray(elements)) {
    throw new LayoutError(`The caption's elements must be a list of elements with a bbox, got ${shorten(elements)}.`);
  }
  return fromElements(elements, given, captionOf(value));
}

/** @returns {string} what stands beside elements: the description of the whole and of the background */
export function captionOf(value) {
  if (!isObject(value)) return "";
  const whole = isObject(value.compositional_deconstruction) ? value.compositional_deconstruction : value;
  const texts = [value.high_level_description, whole.background].flatMap(textsOf);
  return texts.map((text) => withoutStop(fields.text(text, "The caption", "description").trim())).filter(Boolean).join(", ");
}

/** A description that is a text, a list of texts, or an object that has one. */
function textsOf(given) {
  const key = isObject(given) ? ["desc", "description", "prompt", "text"].find((name) => typeof given[name] === "string") : undefined;
  const part = isObject(given) ? given[key] : given;
  return (Array.isArray(part) ? part : [part]).filter((text) => typeof text === "string");
}

/**
 * @returns {object} what our document has no field for, under one name, for writing elements again; a palette's first colour is the instance's
 */
export function keptOf(item, palette, where) {
  const colors = Array.isArray(palette) ? palette.filter((c) => typeof c === "string") : [];
  const kept = item.type === "text" ? { type: "text", text: fields.text(isGiven(item.text) ? item.text : "", where, "text") } : {};
  if (colors.length) kept.color_palette = colors;
  const color = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.test(colors[0]) ? { color: colors[0] } : {};
  return { ...color, ...(Object.keys(kept).length ? { element: kept } : {}) };
}

function withoutStop(text) {
  let end = text.length;
  while (end && ". ".includes(text[end - 1])) end--;
  return text.slice(0, end);
}

function isElement(item) {
  return isObject(item) && "type" in item && "desc" in item && !("x" in item);
}

function sidesIn(value) {
  const names = ["ymin", "xmin", "ymax", "xmax"];
  return amounts(isObject(value) && names.every((name) => name in value) ? names.map((name) => value[name]) : value);
}

function readElement(item, position, notes) {
  anObject(item, `Element ${position}`);
  const where = named(position, [item.desc, item.text], "Element");
  if (item.bbox == null) throw new LayoutError(`${where} has no bbox [ymin, xmin, ymax, xmax].`);
  const sides = fields.numbers(sidesIn(item.bbox), 4, where, "bbox", `[ymin, xmin, ymax, xmax] in 0..${GRID}`);
  const [y0, x0, y1, x1] = sides.map((v) => fields.numberIn(v, 0, GRID, where, "bbox") / GRID);
  const words = [item.desc, item.text].find((value) => value != null && value !== "") ?? "";
  return instanceOf({
    id: `i${position}`,
    prompt: fields.text(words, where, "desc"),
    box: fields.box([x0, y0, x1, y1], where, notes),
    ...keptOf(item, item.color_palette, where),
  });
}
