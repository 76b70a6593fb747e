/**
 * The reducer: (layout document, finished action) -> the next document. Pure: documents and instances are never changed in place, and the
 * same object comes back when nothing changes. Actions are listed in `HANDLERS`. Locked instances keep their place and stay. What moves,
 * resizes, reorders, copies or deletes an instance does so to its parts.
 */
import { LOCATION_KINDS } from "../layout/document.js";
import { canBePart, withParts } from "../layout/parts.js";
import { converted } from "./convert.js";
import { captioned, FROM_INSTANCES } from "./caption.js";
import { aligned, arranged, distributed, reordered } from "./arrange.js";
import { instanceBounds, instancesOf, moved, selectionBounds, union } from "./geometry.js";
import { isEmpty } from "./raster.js";
import { decodeMask } from "../layout/rle.js";
import { movedInstance, placed } from "./place.js";
import { mirrorOf, samePlaces, turned, turnOf } from "./turn.js";

export const MAX_SIDE = 16384; // pixels, ComfyUI's own limit
const RANGES = { strength: [0, 2], start: [0, 1], end: [0, 1], opacity: [0, 1], reference_strength: [0, 2] };

const HANDLERS = {
  ...{ add, remove, update, setLocation, transform, turn, mirror, duplicate, paste, reorder, arrange, align, distribute },
  ...{ setCanvas, setPrompt, setCaptionFrom, setParent, convert, replace },
};

/** @returns the document after the action; `doc` itself if the action changes nothing. Error for an unknown type. */
export function reduce(doc, action) {
  const handler = HANDLERS[action.type];
  if (!handler) throw new Error(`Unknown action ${action.type}`);
  const next = handler(doc, action);
  return next === doc ? doc : captioned(next);
}

/** @returns {Set<string>} ids that instances have, and those of parents that are gone, whose parts would take a new one for theirs */
export function takenIds(doc) {
  return new Set(doc.instances.flatMap(({ id, parent }) => (parent ? [id, parent] : [id])));
}

/** @returns {string} an id that no instance has: i1, i2, ... */
export function freeId(taken) {
  for (let n = taken.size + 1; ; n++) {
    if (!taken.has(`i${n}`)) return `i${n}`;
  }
}

/** @returns {object} a complete instance from what is known of it */
export function newInstance(fields) {
  return { prompt: "", strength: 1, start: 0, end: 1, color: "", visible: true, locked: false, ...fields };
}

function add(doc, { instance, index = doc.instances.length }) {
  const { id: wanted, ...fields } = instance;
  if (!LOCATION_KINDS.some((kind) => fields[kind])) return doc;
  const taken = takenIds(doc);
  const id = wanted && !taken.has(wanted) ? wanted : freeId(taken);
  const instances = [...doc.instances];
  instances.splice(Math.min(Math.max(index, 0), instances.length), 0, { id, ...newInstance(fields) });
  return { ...doc, instances };
}

function remove(doc, { ids }) {
  const chosen = new Set(withParts(doc, ids));
  const left = doc.instances.filter((i) => i.locked || !chosen.has(i.id));
  const there = new Set(left.map((i) => i.id));
  // a locked part of what goes stands alone
  return withInstances(doc, left.map((i) => (chosen.has(i.parent) && !there.has(i.parent) ? withoutParent(i) : i)));
}

function update(doc, { ids, fields }) {
  const clean = {};
  for (const [key, value] of Object.entries(fields)) {
    if (!(key in RANGES)) clean[key] = value;
    else if (Number.isFinite(value)) clean[key] = Math.min(RANGES[key][1], Math.max(RANGES[key][0], value));
  }
  return change(doc, ids, (instance) => {
    const next = { ...instance, ...clean };
    if (next.start > next.end) {
      // the one that was typed pushes the other
      if ("start" in clean) next.end = next.start;
      else next.start = next.end;
    }
    if (!next.negative) delete next.negative; // written only where there is one
    if (next.opacity === 1) delete next.opacity; // likewise
    if (!next.reference) delete next.reference;
    if (next.reference_strength === 1) delete next.reference_strength;
    return Object.keys({ ...clean, start: 0, end: 0 }).every((key) => next[key] === instance[key]) ? instance : next;
  });
}

function setLocation(doc, { id, kind, value }) {
  return change(doc, [id], (instance) => {
    if (instance.locked) return instance;
    const others = LOCATION_KINDS.some((other) => other !== kind && instance[other]);
    if (!value && !others) return instance; // an instance without a place could not be drawn nor found again
    if (value && kind === "mask" && isEmpty(decodeMask(value))) return instance;
    const next = { ...instance };
    if (value) next[kind] = value;
    else delete next[kind];
    return next;
  });
}

function transform(doc, { ids, from, to, live }) {
  return change(doc, withParts(doc, ids), (instance) => (instance.locked ? instance : placed(instance, from, to, live)));
}

/** @param {number} degrees clockwise, about the middle of what is chosen */
function turn(doc, { ids, degrees, live }) {
  return takenBy(doc, ids, (chosen) => turnOf(doc, chosen, degrees), live);
}

/** @param {0 | 1} axis 0: left becomes right, 1: top becomes bottom */
function mirror(doc, { ids, axis, live }) {
  return takenBy(doc, ids, (chosen) => mirrorOf(doc, chosen, axis), live);
}

function takenBy(doc, ids, find, live) {
  const free = instancesOf(doc, withParts(doc, ids)).filter((instance) => !instance.locked);
  const found = find(free);
  if (!found) return doc;
  return change(doc, free.map((instance) => instance.id), (instance) => {
    const next = turned(doc, instance, found.map, live);
    return !live && samePlaces(instance, next) ? instance : next;
  });
}

function duplicate(doc, { ids, dx, dy }) {
  return paste(doc, { instances: instancesOf(doc, withParts(doc, ids)), dx, dy }, true);
}

/** @param {boolean} own whether they come from this document: then a part whose parent is not copied stays a part of that one */
function paste(doc, { instances, dx = 0, dy = 0 }, own = false) {
  const bounds = union(instances.map(instanceBounds));
  if (!bounds) return doc;
  const to = moved(bounds, dx, dy);
  const taken = takenIds(doc);
  const there = new Set(doc.instances.map((i) => i.id));
  const names = new Map(); // id -> that of its copy, so that parts stay with the copies of their parents
  for (const { id } of instances) {
    names.set(id, taken.has(id) ? freeId(taken) : id);
    taken.add(names.get(id));
  }
  const copies = instances.map((instance) => {
    const copy = { ...newInstance(movedInstance(instance, to[0] - bounds[0], to[1] - bounds[1])), id: names.get(instance.id), locked: false };
    const parent = names.get(copy.parent) ?? (own && there.has(copy.parent) ? copy.parent : undefined);
    return parent ? { ...copy, parent } : withoutParent(copy);
  });
  return { ...doc, instances: [...doc.instances, ...copies] };
}

function reorder(doc, { ids, to }) {
  return withInstances(doc, reordered(doc.instances, new Set(withParts(doc, ids)), to));
}

function arrange(doc, { ids, how }) {
  return withInstances(doc, arranged(doc.instances, new Set(withParts(doc, ids)), how));
}

function align(doc, { ids, edge }) {
  const chosen = leaders(doc, ids);
  const bounds = chosen.map((instance) => familyBounds(doc, instance));
  // one alone is aligned to the canvas, several to their common bounds
  const frame = chosen.length > 1 ? union(bounds) : [0, 0, 1, 1];
  return moveEach(doc, chosen, aligned(bounds, frame, edge));
}

function distribute(doc, { ids, axis }) {
  const chosen = leaders(doc, ids);
  return moveEach(doc, chosen, distributed(chosen.map((instance) => familyBounds(doc, instance)), axis));
}

function setCanvas(doc, { width, height }) {
  const side = (value, old) => (Number.isFinite(value) ? Math.min(MAX_SIDE, Math.max(1, Math.round(value))) : old);
  const next = { width: side(width, doc.width), height: side(height, doc.height) };
  return next.width === doc.width && next.height === doc.height ? doc : { ...doc, ...next };
}

/** A caption that is written by hand is no longer made of the instances. */
function setPrompt(doc, { prompt }) {
  if (prompt === doc.prompt) return doc;
  const { caption_from: from, ...rest } = doc;
  return { ...rest, prompt };
}

/** @param {boolean} fromInstances whether the caption is made of the instances' prompts from now on; else it stays as it is */
function setCaptionFrom(doc, { fromInstances }) {
  if ((doc.caption_from === FROM_INSTANCES) === fromInstances) return doc;
  const { caption_from: from, ...rest } = doc;
  return fromInstances ? { ...rest, caption_from: FROM_INSTANCES } : rest;
}

/** Make instances parts of another one, or of none (parent ""). What cannot be a part of it is left; what lay behind it comes in front. */
function setParent(doc, { ids, parent }) {
  const able = parent ? ids.filter((id) => canBePart(doc, id, parent)) : ids;
  const next = change(doc, able, (instance) => {
    if ((instance.parent ?? "") === parent) return instance;
    return parent ? { ...instance, parent } : withoutParent(instance);
  });
  const at = next.instances.findIndex((instance) => instance.id === parent);
  const behind = next.instances.slice(0, Math.max(0, at)).filter((instance) => able.includes(instance.id));
  const chosen = new Set(behind.map((instance) => instance.id));
  return behind.length ? withInstances(next, reordered(next.instances, chosen, at + 1 - behind.length)) : next;
}

/** Make a mask or box of what the instances hold. @param {number} width of a scribble's brush, px of the layout */
function convert(doc, { ids, kind, width }) {
  return change(doc, ids, (instance) => converted(doc, instance, kind, width));
}

function replace(doc, action) {
  return action.doc;
}

function moveEach(doc, instances, targets) {
  const shift = new Map();
  instances.forEach((leader, i) => {
    const from = familyBounds(doc, leader);
    for (const id of withParts(doc, [leader.id])) shift.set(id, [targets[i][0] - from[0], targets[i][1] - from[1]]);
  });
  return change(doc, [...shift.keys()], (instance) => (instance.locked ? instance : movedInstance(instance, ...shift.get(instance.id))));
}

/** The instances with these ids, without those that move with another of them. */
function leaders(doc, ids) {
  const led = new Set(ids.flatMap((id) => withParts(doc, [id]).slice(1)));
  return instancesOf(doc, ids).filter((instance) => !led.has(instance.id));
}

/** The smallest rectangle around an instance and its parts. */
function familyBounds(doc, instance) {
  return selectionBounds(doc, withParts(doc, [instance.id]));
}

function withoutParent({ parent, ...instance }) {
  return instance;
}

function change(doc, ids, edit) {
  const chosen = new Set(ids);
  return withInstances(doc, doc.instances.map((instance) => (chosen.has(instance.id) ? edit(instance) : instance)));
}

function withInstances(doc, instances) {
  const same = instances.length === doc.instances.length && instances.every((instance, i) => instance === doc.instances[i]);
  return same ? doc : { ...doc, instances };
}

