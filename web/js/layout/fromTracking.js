/** TRACKING of tracker nodes: {class: {id: [[left, top, right, bottom, width, height] or null, one for each frame]}} in pixels. */
import { LayoutError, MAX_INSTANCES, instanceOf } from "./document.js";
import * as fields from "./fields.js";
import { isObject, shorten } from "./json.js";
import { keepGood } from "./oddItems.js";

const MAX_FRAMES = 4096;
const EXPECTED = "TRACKING {class: {id: [[left, top, right, bottom, width, height] or null, one for each frame]}} in pixels";

/** @returns {boolean} {class: {id: [...]}}, perhaps with odd objects among them */
export function isTracking(value) {
  if (!isObject(value)) return false;
  const objects = Object.values(value).map((v) => (isObject(v) ? Object.values(v) : []));
  const isTrack = (boxes) => Array.isArray(boxes) && boxes.every((v) => v === null || Array.isArray(v));
  return objects.length > 0 && objects.every((items) => items.length) && objects.flat().some(isTrack);
}

/** @returns {object[]} a layout for each frame; each object is prompted with its class, and is left out of frames where it has no box */
export function fromTracking(value, { notes }) {
  const found = Object.entries(value).flatMap(([name, objects]) => {
    if (!isObject(objects)) throw new LayoutError(`Expected ${EXPECTED}, got ${shorten(value)}.`);
    return Object.entries(objects).map(([number, boxes]) => ({ id: `${number.slice(0, 40)}.${name}`, prompt: name, boxes }));
  });
  const tracks = keepGood(found, (track) => ({ ...track, ...readTrack(track) }), notes);
  const canvas = tracks.find(({ size }) => size)?.size;
  if (!canvas) throw new LayoutError(`The TRACKING holds no box in any frame. Expected ${EXPECTED}.`);
  const count = Math.max(...tracks.map(({ boxes }) => boxes.length));
  if (count > MAX_FRAMES || tracks.length > MAX_INSTANCES) {
    const limits = `Expected 1 to ${MAX_FRAMES} frames of at most ${MAX_INSTANCES} objects.`;
    throw new LayoutError(`The TRACKING has ${tracks.length} objects over ${count} frames. ${limits}`);
  }
  const [width, height] = canvas;
  return Array.from({ length: count }, (_, i) => ({
    version: 1, width, height, prompt: "",
    instances: tracks.filter(({ boxes }) => boxes[i]).map(({ id, prompt, boxes }) => instanceOf({ id, prompt, box: boxes[i] })),
  }));
}

function readTrack({ id, boxes }) {
  const where = `Object ${id.slice(0, 40)}`;
  if (!Array.isArray(boxes)) throw new LayoutError(`${where}: expected ${EXPECTED}, got ${shorten(boxes)}.`);
  let [size, largest] = [null, 0];
  const read = boxes.map((given, i) => {
    if (given === null) return null;
    const meaning = "[left, top, right, bottom, width, height] in pixels";
    const [x0, y0, x1, y1, w, h] = fields.numbers(given, 6, `${where}, frame ${i + 1}`, "box", meaning);
    size = [fields.whole(w, where, "width"), fields.whole(h, where, "height")];
    largest = Math.max(largest, Math.min(x1 - x0, y1 - y0));
    const cut = [x0 / w, y0 / h, x1 / w, y1 / h].map((v) => Math.min(Math.max(v, 0), 1));
    return cut[2] > cut[0] && cut[3] > cut[1] ? cut : null;
  });
  if (size && largest <= 1) throw new LayoutError(`${where} is at most one pixel in size in every frame. Give its boxes in pixels.`);
  return { size, boxes: read };
}
