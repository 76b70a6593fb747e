/**
 * The layout document, version 1: JSON text <-> plain objects that are never changed in place. instdiff_modules/layout/document.py is the
 * law; this reads and writes the same, and fills in two things more: every field of an instance, and the size of the canvas.
 *
 * Two things cannot be kept: whole numbers above 2^53 in fields that are not ours, and whether 1 was written as 1.0.
 */
import { LayoutError } from "./error.js";
import * as fields from "./fields.js";
import { dumpJson, isObject, loadJson, shorten } from "./json.js";
import { checkParents } from "./parts.js";

export { LayoutError };
export const VERSION = 1;
export const DEFAULT_SIDE = 512; // pixels, if the canvas is unknown
export const MAX_INSTANCES = 1000;
export const LOCATION_KINDS = ["box", "mask", "point", "scribble"];

const LAYOUT_FIELDS = ["version", "width", "height", "prompt", "instances"];
const INSTANCE_FIELDS = [
  ...["id", "prompt", "negative", "box", "point", "scribble", "mask", "strength", "start", "end", "opacity"],
  ...["reference", "reference_strength", "color", "visible", "locked", "parent"],
];

/** @returns {object} a layout without instances; width, height in pixels */
export function emptyLayout(width = DEFAULT_SIDE, height = DEFAULT_SIDE) {
  return { version: VERSION, width, height, prompt: "", instances: [] };
}

/**
 * @param {string | object} value our document, as text or parsed
 * @returns {object} the document, checked and with its defaults. LayoutError with a sentence that names the instance, from 1, and its id.
 */
export function parseLayout(value) {
  return parseLayoutWithNotes(value).doc;
}

/**
 * @param {string | object} value our document, as text or parsed
 * @returns {{doc: object, notes: string[]}} the document, and a sentence for each thing that was put right (a box cut to the canvas)
 */
export function parseLayoutWithNotes(value) {
  const given = typeof value === "string" ? loadJson(value) : value;
  const notes = [];
  const head = parseHead(given);
  const instances = uniqueIds(itemsOf(given).map((item, i) => parseInstance(item, i + 1, notes)));
  checkParents(instances, notes);
  return { doc: withCanvas({ ...head, instances }), notes };
}

/**
 * @param {*} given our document, parsed
 * @returns {object} all of it but the instances, checked; a side that it does not state is null
 */
export function parseHead(given) {
  if (!isObject(given)) {
    throw new LayoutError(`A layout must be a JSON object like {"version": 1, "instances": [...]}, got ${shorten(given)}.`);
  }
  checkVersion(given.version);
  itemsOf(given);
  const [width, height] = ["width", "height"].map((side) => (given[side] == null ? null : fields.whole(given[side], "The layout", side)));
  const prompt = fields.text(given.prompt ?? "", "The layout", "prompt");
  return { version: VERSION, width, height, prompt, instances: [], ...unknown(given, LAYOUT_FIELDS, "The layout") };
}

/** @returns {Array} the document's instances as they are written */
export function itemsOf(given) {
  const items = given.instances === undefined ? [] : given.instances;
  if (!Array.isArray(items)) throw new LayoutError(`The layout's "instances" must be a list, got ${shorten(items)}.`);
  if (items.length > MAX_INSTANCES) {
    throw new LayoutError(`The layout has ${items.length} instances, at most ${MAX_INSTANCES} are read. Split it into several layouts.`);
  }
  return items;
}

/**
 * @param {object} doc its sides may be null
 * @param {{width: number, height: number}} [canvas] pixels, for a side that nothing states
 * @returns {object} with both sides: where one is missing the canvas is that of the first mask, as in Python: another one would stretch it
 */
export function withCanvas(doc, canvas = { width: DEFAULT_SIDE, height: DEFAULT_SIDE }) {
  const masked = (doc.width === null || doc.height === null) && doc.instances.find((instance) => instance.mask);
  if (masked) return { ...doc, width: masked.mask.size[1], height: masked.mask.size[0] };
  return { ...doc, width: doc.width ?? canvas.width, height: doc.height ?? canvas.height };
}

/**
 * @param {object} doc
 * @returns {string} JSON in a stable order, a line per instance, fields of others last: the shape that Python's layout_to_json writes
 */
export function layoutToJson(doc) {
  const lines = doc.instances.map((instance) => dumpJson(inOrder(instance, INSTANCE_FIELDS)));
  const instances = lines.length ? `[\n  ${lines.join(",\n  ")}\n ]` : "[]";
  const { version, width, height, prompt, instances: _, ...rest } = inOrder(doc, LAYOUT_FIELDS);
  const line = ([key, value]) => `${JSON.stringify(key)}: ${dumpJson(value)}`;
  const head = Object.entries({ version, width, height, prompt }).filter(([, value]) => value != null).map(line);
  const tail = Object.entries(rest).filter(([, value]) => value !== undefined).map(line);
  return `{${[...head, `"instances": ${instances}`, ...tail].join(",\n ")}}`;
}

/**
 * Give a new id to every instance that repeats an earlier one's.
 * @param {object[]} instances
 * @returns {object[]} a list of the same length; instances whose id is theirs alone are the same objects
 */
export function uniqueIds(instances) {
  const taken = new Set(instances.map((instance) => instance.id));
  const seen = new Set();
  return instances.map((instance) => {
    let { id } = instance;
    if (seen.has(id)) {
      let n = 2;
      while (taken.has(`${instance.id}-${n}`)) n++;
      id = `${instance.id}-${n}`;
      taken.add(id);
    }
    seen.add(id);
    return id === instance.id ? instance : { ...instance, id };
  });
}

/**
 * A complete instance from checked parts.
 * @param {{id: string}} parts id, one or more locations, and whatever else is known
 */
export function instanceOf(parts) {
  return { prompt: "", strength: 1, start: 0, end: 1, color: "", visible: true, locked: false, ...parts };
}

/** @returns {number} 0..1, how much of what is behind it an instance hides; the document holds it where it is not 1 */
export function opacityOf(instance) {
  return instance.opacity ?? 1;
}

/**
 * @param {*} item @param {number} position from 1
 * @param {(places: Record<string, () => *>, nowhere: string, notes: string[]) => object} choose what to keep of its box, point, scribble and
 *   mask, each read when it is called; else all must be sound
 * @returns {object} a complete instance; LayoutError names it
 */
export function parseInstance(item, position, notes, choose = allOf) {
  if (!isObject(item)) throw new LayoutError(`Instance ${position} must be a JSON object, got ${shorten(item)}.`);
  const id = item.id == null || item.id === "" ? `i${position}` : Number.isSafeInteger(item.id) ? String(item.id) : item.id;
  const where = `Instance ${position} (${typeof id === "string" ? id.split(/\s+/).filter(Boolean).join(" ").slice(0, 40) : shorten(id)})`;
  fields.text(id, where, "id");
  const given = ["box", "point", "scribble", "mask"].filter((kind) => item[kind] != null);
  const places = given.map((kind) => [kind, () => fields[kind](item[kind], where, notes)]);
  const nowhere = `${where} has no location. Give it a box, a point, a scribble or a mask.`;
  if (!places.length) throw new LayoutError(nowhere);
  const locations = choose(Object.fromEntries(places), nowhere, notes);
  const start = fields.numberIn(item.start ?? 0, 0, 1, where, "start");
  const end = fields.numberIn(item.end ?? 1, 0, 1, where, "end");
  if (start > end) {
    throw new LayoutError(`${where}: start ${start} lies after end ${end}. Both are shares 0..1 of the denoising.`);
  }
  const parent = fields.text(Number.isSafeInteger(item.parent) ? String(item.parent) : (item.parent ?? ""), where, "parent");
  const negative = fields.text(item.negative ?? "", where, "negative");
  const opacity = fields.numberIn(item.opacity ?? 1, 0, 1, where, "opacity");
  const reference = fields.text(item.reference ?? "", where, "reference");
  const share = fields.numberIn(item.reference_strength ?? 1, 0, 2, where, "reference_strength");
  return {
    id,
    prompt: fields.text(item.prompt ?? "", where, "prompt"),
    ...(negative ? { negative } : {}),
    ...locations,
    strength: fields.numberIn(item.strength ?? 1, 0, 2, where, "strength"),
    start,
    end,
    ...(opacity === 1 ? {} : { opacity }),
    ...(reference ? { reference } : {}),
    ...(share === 1 ? {} : { reference_strength: share }),
    color: fields.color(item.color ?? "", where),
    visible: fields.flag(item.visible ?? true, where, "visible"),
    locked: fields.flag(item.locked ?? false, where, "locked"),
    ...(parent ? { parent } : {}),
    ...unknown(item, INSTANCE_FIELDS, where),
  };
}

function allOf(places) {
  return Object.fromEntries(Object.entries(places).map(([kind, read]) => [kind, read()]));
}

function checkVersion(version) {
  if (version === VERSION) return;
  const found = version == null ? "has no version" : `has version ${shorten(version)}`;
  throw new LayoutError(
    `The layout ${found}, this InstDiff reads version ${VERSION}. Set "version": ${VERSION}, or update InstDiff.`,
  );
}

function unknown(item, known, where) {
  return Object.fromEntries(Object.entries(item).filter(([k]) => !known.includes(k)).map(([k, v]) => [k, fields.plain(v, where)]));
}

/** The object's fields, known ones first and in their order; a known field that is null or undefined is as good as absent. */
function inOrder(item, known) {
  const first = known.filter((key) => item[key] != null).map((key) => [key, item[key]]);
  return Object.fromEntries([...first, ...Object.entries(item).filter(([key]) => !known.includes(key))]);
}
