/**
 * Parts of instances: an eagle's head, a donkey's ears. A part names its parent's id in `parent`, and a parent may be a part itself. What is
 * done to the location of a parent is done to its parts. The same as instdiff_modules/layout/parts.py.
 */
import { LayoutError } from "./error.js";

/** LayoutError if an instance is a part of itself; a note where a parent is not there, so that the part stands alone. */
export function checkParents(instances, notes = []) {
  const parents = new Map(instances.map((instance) => [instance.id, instance.parent]));
  instances.forEach((instance, i) => {
    if (!instance.parent) return;
    const where = `Instance ${i + 1} (${instance.id.slice(0, 40)})`;
    if (!parents.has(instance.parent)) {
      notes.push(`${where}: there is no instance ${instance.parent.slice(0, 40)} for it to be a part of, so it stands alone.`);
    }
    if (ancestors(parents, instance.parent).has(instance.id)) {
      throw new LayoutError(`${where} is a part of itself: its parents lead back to it. Remove the parent of one of them.`);
    }
  });
}

/**
 * @param {object} doc @param {Iterable<string>} ids
 * @param {boolean} all also the parts of what is locked, which keep their place as it does
 * @returns {string[]} these ids, then those of their parts, parts of parts too
 */
export function withParts(doc, ids, all = false) {
  const found = new Set(ids);
  if (!found.size || !doc.instances.some((instance) => instance.parent)) return [...found];
  const open = new Set(doc.instances.filter((instance) => found.has(instance.id) && (all || !instance.locked)).map((instance) => instance.id));
  for (let size = -1; size !== found.size; ) {
    size = found.size;
    for (const { id, parent, locked } of doc.instances) {
      if (!open.has(parent)) continue;
      found.add(id);
      if (all || !locked) open.add(id);
    }
  }
  return [...found];
}

/** @returns {boolean} whether `id` may become a part of `parent`: not of itself, not of a part of its own */
export function canBePart(doc, id, parent) {
  const parents = new Map(doc.instances.map((instance) => [instance.id, instance.parent]));
  return parents.has(parent) && !ancestors(parents, parent).has(id);
}

/** @returns {object | null} the instance that could well be the whole of this one: the smallest that holds its middle and is larger */
export function wholeAround(doc, id, boundsOf) {
  const areaOf = ([x0, y0, x1, y1]) => (x1 - x0) * (y1 - y0);
  const own = doc.instances.find((instance) => instance.id === id);
  const [x0, y0, x1, y1] = boundsOf(own);
  const holds = ([left, top, right, bottom]) => 2 * left <= x0 + x1 && x0 + x1 <= 2 * right && 2 * top <= y0 + y1 && y0 + y1 <= 2 * bottom;
  const able = doc.instances.filter((one) => {
    const bounds = boundsOf(one);
    return one.id !== own.parent && one.visible && holds(bounds) && areaOf(bounds) > areaOf([x0, y0, x1, y1]) && canBePart(doc, id, one.id);
  });
  return able.reduce((best, one) => (best && areaOf(boundsOf(best)) <= areaOf(boundsOf(one)) ? best : one), null);
}

/** @returns {number} 0 for what stands alone, 1 for a part, 2 for a part of a part */
export function depthOf(doc, instance) {
  const parents = new Map(doc.instances.map((one) => [one.id, one.parent]));
  return [...ancestors(parents, instance.parent)].filter((id) => parents.has(id)).length;
}

/** The instance with this id and its parents, from the inside out. */
function ancestors(parents, id) {
  const found = new Set();
  for (let at = id; at && !found.has(at); at = parents.get(at)) found.add(at);
  return found;
}
