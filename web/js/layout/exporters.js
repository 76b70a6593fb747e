/**
 * The layout in other programs' formats, for the instances that are visible: what is hidden does not generate here, and the others have no
 * word for it. Prompts, boxes and masks arrive whole everywhere they can be held; negative prompts, strength, start, end, opacity, reference
 * picture, colour and lock stay behind.
 */
import { opacityOf } from "./document.js";
import { GRID, omostCanvas } from "./toOmost.js";
import { decodeMask, encodeMask, maskArea, maskBounds } from "./rle.js";

/** @returns {object} the authors' demo JSON: {caption, width, height, annos}, in pixels */
export function toAuthors(doc) {
  const { width, height } = doc;
  const toPixels = ([x, y]) => [pixels(x * width), pixels(y * height)];
  const annos = visible(doc).map((instance) => ({
    ...(instance.box ? { bbox: pixelRectangle(instance.box, doc) } : {}),
    mask: instance.mask ?? [],
    category_name: nameOf(instance),
    caption: instance.prompt,
    ...(instance.point ? { point: toPixels(instance.point) } : {}),
    ...(instance.scribble ? { scribble: instance.scribble.map(toPixels) } : {}),
  }));
  return { caption: doc.prompt, width, height, annos };
}

/**
 * @returns {object} COCO annotations of one image. COCO holds boxes and masks: a point or scribble is written as the box around it, and a
 *   mask at the canvas's size.
 */
export function toCoco(doc) {
  const names = [...new Set(visible(doc).map(categoryOf))];
  const annotations = visible(doc).map((instance, i) => {
    const mask = instance.mask && resized(instance.mask, doc.height, doc.width);
    const bbox = pixelRectangle(extent(instance), doc);
    return {
      id: i + 1,
      image_id: 1,
      category_id: names.indexOf(categoryOf(instance)) + 1,
      caption: instance.prompt,
      bbox,
      area: mask ? maskArea(mask) : pixels(bbox[2] * bbox[3]),
      segmentation: mask ?? [],
      iscrowd: instance.iscrowd ? 1 : 0,
    };
  });
  return {
    images: [{ id: 1, file_name: "layout.png", width: doc.width, height: doc.height, caption: doc.prompt }],
    categories: names.map((name, i) => ({ id: i + 1, name })),
    annotations,
  };
}

/** @returns {{x: number, y: number, width: number, height: number, label: string}[]} BOUNDING_BOX in whole pixels, at least one each */
export function toBoundingBoxes(doc) {
  return visible(doc).map((instance) => {
    const [x, y, width, height] = gridRectangle(extent(instance), doc.width, doc.height);
    return { x, y, width, height, label: instance.prompt };
  });
}

/** @returns {object[]} elements of a box editor: {type, bbox: [ymin, xmin, ymax, xmax] in 0..1000, desc} */
export function toElements(doc) {
  return visible(doc).map((instance) => {
    const [x, y, width, height] = gridRectangle(extent(instance), 1000, 1000);
    const { type = "obj", text, color_palette: palette = instance.color ? [instance.color] : [] } = instance.element ?? {};
    return {
      type,
      bbox: [y, x, y + height, x + width],
      ...(type === "text" ? { text: text ?? "" } : {}),
      desc: instance.prompt,
      ...(palette.length ? { color_palette: palette } : {}),
    };
  });
}

/** @returns {object[]} Omost's canvas, see toOmost.js */
export function toOmost(doc) {
  const shown = visible(doc);
  const places = shown.map((instance) => {
    const [x, y, width, height] = gridRectangle(extent(instance), GRID, GRID);
    return [x, y, x + width, y + height];
  });
  return omostCanvas(doc, shown, places);
}

const HELD = { authors: ["box", "mask", "point", "scribble"], coco: ["box", "mask"], boxes: ["box"], elements: ["box"], omost: ["box"] };

/**
 * What a format has no place for, counted.
 * @param {object} doc @param {"authors" | "coco" | "boxes" | "elements" | "omost"} format
 * @returns {{what: "mask" | "point" | "scribble" | "hidden" | "settings", count: number}[]} settings: negative, strength, start, end, opacity, reference, parent
 */
export function lostIn(doc, format) {
  const shown = visible(doc);
  const kinds = ["mask", "point", "scribble"].filter((kind) => !HELD[format].includes(kind));
  const isSet = (one) => one.negative || one.strength !== 1 || one.start !== 0 || one.end !== 1 || opacityOf(one) !== 1 || one.reference || one.parent;
  return [
    ...kinds.map((what) => ({ what, count: shown.filter((instance) => instance[what]).length })),
    { what: "settings", count: shown.filter(isSet).length },
    { what: "hidden", count: doc.instances.length - shown.length },
  ].filter(({ count }) => count);
}

function visible(doc) {
  return doc.instances.filter((instance) => instance.visible !== false);
}

/** The name of its category, where it came from a file that had one. */
function nameOf(instance) {
  return typeof instance.category_name === "string" ? instance.category_name : "";
}

function categoryOf(instance) {
  return nameOf(instance) || instance.prompt;
}

/** The smallest box, in 0..1, around all that says where an instance is, as geometry/masks.py measures it. */
function extent(instance) {
  const around = instance.box ?? (instance.mask && maskBounds(instance.mask));
  if (around) return around;
  const points = [...(instance.scribble ?? []), ...(instance.point ? [instance.point] : [])];
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const [x, y] = [xs, ys].map((values) => values.reduce((a, b) => Math.min(a, b)));
  return [x, y, ...[xs, ys].map((values) => values.reduce((a, b) => Math.max(a, b)))];
}

/** Box in 0..1 -> [x, y, width, height] in parts of pixels; something that has no size gets one pixel. */
function pixelRectangle([x0, y0, x1, y1], { width, height }) {
  const [x, y] = [Math.min(x0 * width, width - 1), Math.min(y0 * height, height - 1)];
  const [w, h] = [(x1 - x0) * width, (y1 - y0) * height];
  return w > 0 && h > 0 ? [x0 * width, y0 * height, w, h].map(pixels) : [x, y, Math.max(w, 1), Math.max(h, 1)].map(pixels);
}

/** Box in 0..1 -> [x, y, width, height] in whole steps of a grid, at least one each; rounded half to even as numpy does. */
function gridRectangle(box, width, height) {
  const [x0, y0, x1, y1] = box.map((v, i) => halfToEven(v * (i % 2 ? height : width)));
  const [x, y] = [Math.min(x0, width - 1), Math.min(y0, height - 1)];
  return [x, y, Math.max(x1 - x, 1), Math.max(y1 - y, 1)];
}

function halfToEven(v) {
  const down = Math.floor(v);
  return v - down === 0.5 ? down + (down % 2) : Math.round(v);
}

/** Without the dust that 0.1 * 768 leaves behind; far finer than a document's five decimals. */
function pixels(v) {
  return Number(v.toFixed(6));
}

/** The mask at another size: the pixel under each new pixel's centre, as resize_nearest of geometry/masks.py. */
function resized(mask, height, width) {
  if (mask.size[0] === height && mask.size[1] === width) return mask;
  const from = decodeMask(mask);
  const data = new Uint8Array(height * width);
  for (let y = 0; y < height; y++) {
    const row = Math.floor(((2 * y + 1) * from.height) / (2 * height)) * from.width;
    for (let x = 0; x < width; x++) data[y * width + x] = from.data[row + Math.floor(((2 * x + 1) * from.width) / (2 * width))];
  }
  return data.includes(1) ? encodeMask({ height, width, data }) : undefined; // too fine to be seen at that size
}
