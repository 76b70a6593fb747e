/**
 * The reducer: (layout document, finished action) -> the next document. Pure: documents and instances are never changed in place, and the
 * same object comes back when nothing changes. Actions are listed in `HANDLERS`. Locked instances keep their place and stay.
 */
import { LOCATION_KINDS } from "../layout/document.js";
import { aligned, arranged, distributed, reordered } from "./arrange.js";
import { instanceBounds, instancesOf, moved, selectionBounds, union } from "./geometry.js";
import { isEmpty } from "./raster.js";
import { decodeMask } from "../layout/rle.js";
import { movedInstance, placed } from "./place.js";

export const MAX_SIDE = 16384; // pixels, ComfyUI's own limit
const RANGES = { strength: [0, 2], start: [0, 1], end: [0, 1] };

const HANDLERS = { add, remove, update, setLocation, transform, duplicate, paste, reorder, arrange, align, distribute, setCanvas, setPrompt, replace };

/** @returns the document after the action; `doc` itself if the action changes nothing. Error for an unknown type. */
export function reduce(doc, action) {
  const handler = HANDLERS[action.type];
  if (!handler) throw new Error(`Unknown action ${action.type}`);
  return handler(doc, action);
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
  const taken = new Set(doc.instances.map((i) => i.id));
  const id = wanted && !taken.has(wanted) ? wanted : freeId(taken);
  const instances = [...doc.instances];
  instances.splice(Math.min(Math.max(index, 0), instances.length), 0, { id, ...newInstance(fields) });
  return { ...doc, instances };
}

function remove(doc, { ids }) {
  const chosen = new Set(ids);
  return withInstances(doc, doc.instances.filter((i) => i.locked || !chosen.has(i.id)));
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
  return change(doc, ids, (instance) => (instance.locked ? instance : placed(instance, from, to, live)));
}

function duplicate(doc, { ids, dx, dy }) {
  return paste(doc, { instances: instancesOf(doc, ids), dx, dy });
}

function paste(doc, { instances, dx = 0, dy = 0 }) {
  const bounds = union(instances.map(instanceBounds));
  if (!bounds) return doc;
  const to = moved(bounds, dx, dy);
  const taken = new Set(doc.instances.map((i) => i.id));
  const copies = instances.map((instance) => {
    const id = taken.has(instance.id) ? freeId(taken) : instance.id;
    taken.add(id);
    return { ...newInstance(movedInstance(instance, to[0] - bounds[0], to[1] - bounds[1])), id, locked: false };
  });
  return { ...doc, instances: [...doc.instances, ...copies] };
}

function reorder(doc, { ids, to }) {
  return withInstances(doc, reordered(doc.instances, new Set(ids), to));
}

function arrange(doc, { ids, how }) {
  return withInstances(doc, arranged(doc.instances, new Set(ids), how));
}

function align(doc, { ids, edge }) {
  const chosen = instancesOf(doc, ids);
  // one alone is aligned to the canvas, several to their common bounds
  const frame = chosen.length > 1 ? selectionBounds(doc, ids) : [0, 0, 1, 1];
  return moveEach(doc, chosen, aligned(chosen.map(instanceBounds), frame, edge));
}

function distribute(doc, { ids, axis }) {
  const chosen = instancesOf(doc, ids);
  return moveEach(doc, chosen, distributed(chosen.map(instanceBounds), axis));
}

function setCanvas(doc, { width, height }) {
  const side = (value, old) => (Number.isFinite(value) ? Math.min(MAX_SIDE, Math.max(1, Math.round(value))) : old);
  const next = { width: side(width, doc.width), height: side(height, doc.height) };
  return next.width === doc.width && next.height === doc.height ? doc : { ...doc, ...next };
}

function setPrompt(doc, { prompt }) {
  return prompt === doc.prompt ? doc : { ...doc, prompt };
}

function replace(doc, action) {
  return action.doc;
}

function moveEach(doc, instances, targets) {
  const target = new Map(instances.map((instance, i) => [instance.id, targets[i]]));
  return change(doc, [...target.keys()], (instance) => {
    if (instance.locked) return instance;
    const [from, to] = [instanceBounds(instance), target.get(instance.id)];
    return movedInstance(instance, to[0] - from[0], to[1] - from[1]);
  });
}

function change(doc, ids, edit) {
  const chosen = new Set(ids);
  return withInstances(doc, doc.instances.map((instance) => (chosen.has(instance.id) ? edit(instance) : instance)));
}

function withInstances(doc, instances) {
  const same = instances.length === doc.instances.length && instances.every((instance, i) => instance === doc.instances[i]);
  return same ? doc : { ...doc, instances };
}

