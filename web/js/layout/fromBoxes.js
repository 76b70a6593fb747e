/**
 * ComfyUI's boxes, which know no canvas of their own: BOUNDING_BOX {x, y, width, height} in pixels, and the box editor's elements
 * {type, bbox: [ymin, xmin, ymax, xmax], desc} in thousandths.
 */
import { LayoutError, MAX_INSTANCES, instanceOf } from "./document.js";
import * as fields from "./fields.js";
import { pixelBox } from "./fromAuthors.js";
import { isObject, shorten } from "./json.js";

const GRID = 1000; // what an element's coordinates are parts of

/** @returns {boolean} whether a value looks like a BOUNDING_BOX */
export function isBoundingBox(value) {
  return isObject(value) && ["x", "y", "width", "height"].every((key) => key in value);
}

/** @returns {boolean} whether a value looks like an element of a box editor */
export function isElement(value) {
  return isObject(value) && Array.isArray(value.bbox) && !("annos" in value);
}

/**
 * @param {object[]} boxes [{x, y, width, height, label?, score?, metadata?}]
 * @param {{width: number, height: number}} canvas pixels
 * @returns {object} the layout; the phrase of a box is its label, else its description
 */
export function fromBoundingBoxes(boxes, { width, height }, notes) {
  const read = (item, where) => {
    if (!isBoundingBox(item)) throw new LayoutError(`${where} must be a box {x, y, width, height} in pixels, got ${shorten(item)}.`);
    const box = pixelBox([item.x, item.y, item.width, item.height], width, height, where, notes);
    const about = isObject(item.metadata) ? item.metadata : {};
    const score = typeof item.score === "number" ? { score: fields.number(item.score, where, "score") } : {};
    const prompt = firstText(where, item.label, about.desc, about.text);
    return { prompt, box, ...keptOf(about, about.palette, where), ...score };
  };
  return layoutOf(boxes, { width, height }, read);
}

/**
 * @param {object[]} elements [{type, bbox: [ymin, xmin, ymax, xmax] in 0..1000, desc, text?, color_palette?}]
 * @param {{width: number, height: number}} canvas pixels
 * @returns {object} the layout; the phrase of an element is its description
 */
export function fromElements(elements, canvas) {
  const read = (item, where) => {
    if (!isObject(item)) throw new LayoutError(`${where} must be an element {type, bbox, desc}, got ${shorten(item)}.`);
    const sides = fields.numbers(item.bbox, 4, where, "bbox", `[ymin, xmin, ymax, xmax] in 0..${GRID}`);
    const [y0, x0, y1, x1] = sides.map((v) => fields.numberIn(v, 0, GRID, where, "bbox") / GRID);
    const prompt = firstText(where, item.desc, item.text);
    return { prompt, box: fields.box([x0, y0, x1, y1], where), ...keptOf(item, item.color_palette, where) };
  };
  return layoutOf(elements, canvas, read);
}

function layoutOf(items, { width, height }, read) {
  if (!items.length) throw new LayoutError("The list holds no boxes.");
  if (items.length > MAX_INSTANCES) throw new LayoutError(`The list holds ${items.length} boxes, at most ${MAX_INSTANCES} are read.`);
  fields.whole(width, "The canvas", "width");
  fields.whole(height, "The canvas", "height");
  const instances = items.map((item, i) => instanceOf({ id: `i${i + 1}`, ...read(item, `Box ${i + 1}`) }));
  return { version: 1, width, height, prompt: "", instances };
}

/** What our document has no field for, under one name, for writing elements again; a palette's first colour is the instance's. */
function keptOf(item, palette, where) {
  const colors = Array.isArray(palette) ? palette.filter((c) => typeof c === "string" && c) : [];
  const kept = item.type === "text" ? { type: "text", text: firstText(where, item.text) } : {};
  if (colors.length) kept.color_palette = colors;
  const color = colors.length && /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.test(colors[0]) ? { color: colors[0] } : {};
  return { ...color, ...(Object.keys(kept).length ? { element: kept } : {}) };
}

function firstText(where, ...values) {
  return fields.text(values.find((value) => value != null && value !== "") ?? "", where, "its text");
}
