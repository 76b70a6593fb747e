/** Layouts written by others: recognised by what they hold, never by guessing units or the order of axes. */
import { DEFAULT_SIDE, LayoutError, withCanvas } from "./document.js";
import { givenBy } from "./given.js";
import { loadJson } from "./json.js";
import { jsonIn, jsonOrLines } from "./jsonField.js";
import { documentIn, kindOf, unknownKind } from "./kinds.js";
import { unfenced } from "./recognise.js";

/** @returns {*} what a text holds: its JSON, or the text itself where that is of a kind. LayoutError for anything else */
export function readText(text) {
  if (typeof text !== "string") return loadJson(text);
  const bare = unfenced(text);
  return kindOf(bare) ? bare : jsonIn(jsonOrLines(bare));
}

/**
 * @param {*} found see readText, or JSON that is parsed
 * @param {{width?: number, height?: number, units?: string, order?: string, image?: string}} [options] what the data may not say: the canvas
 *   in pixels, units and order of boxes (see given.js), id or file name of the picture
 * @returns {{kind: string, frames: object[], notes: string[]}} layouts, whose sides are null where nothing states them. LayoutError, one
 *   sentence, for what is of no kind, is only named or is broken; a Question (see oddItems.js) where the options lack something
 */
export function readForeign(found, options = {}) {
  const given = givenBy(options);
  const value = documentIn(found);
  const kind = kindOf(value);
  if (!kind) throw unknownKind(value);
  const frames = kind.read(value, given).map((doc) => {
    const open = given.canvas && doc.width === null && doc.height === null && !doc.instances.some((instance) => instance.mask);
    return open ? { ...doc, width: given.canvas[0], height: given.canvas[1] } : doc;
  });
  return { kind: kind.name, frames, notes: given.notes };
}

/**
 * @param {{kind: string, frames: object[], notes: string[]}} read see readForeign
 * @param {{width: number, height: number}} [canvas] pixels, where nothing states one
 * @returns {{kind: string, doc: object, notes: string[]}} the one layout, complete. LayoutError if there are several
 */
export function completed({ kind, frames, notes }, canvas = { width: DEFAULT_SIDE, height: DEFAULT_SIDE }) {
  if (frames.length > 1) throw new LayoutError(`The data hold ${frames.length} frames, the editor shows one. Keep the one that you need.`);
  return { kind, doc: withCanvas(frames[0], canvas), notes };
}
