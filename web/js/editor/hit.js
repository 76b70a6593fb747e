/** What lies under a point: instances (front to back) and handles of the selection. */
import { contains, distanceToLine, HANDLES, handlePosition, instanceBounds, union } from "../state/geometry.js";
import { isSet } from "../state/raster.js";
import { maskBitmap } from "./masks.js";

const NEAR = 7; // CSS pixels

/** @returns {boolean} whether a layout point is on an instance: in its box, on its mask, near its point or scribble */
export function isOn(instance, at, view) {
  const screen = view.toScreen(at);
  if (instance.box && contains(instance.box, at)) return true;
  if (instance.point && distance(view.toScreen(instance.point), screen) <= NEAR + 3) return true;
  if (instance.scribble && distanceToLine(instance.scribble.map(view.toScreen), screen) <= NEAR) return true;
  return Boolean(instance.mask) && contains([0, 0, 1, 1], at) && isSet(maskBitmap(instance.mask), at);
}

/** @returns {object[]} the visible, unlocked instances under a point, front-most first */
export function instancesAt(doc, at, view) {
  return doc.instances.filter((instance) => instance.visible && !instance.locked && isOn(instance, at, view)).reverse();
}

/** @returns {string | null} the handle of a rectangle under a screen point; small rectangles keep their middle free for moving */
export function handleAt(bounds, screen, view, reach = NEAR) {
  if (!bounds) return null;
  const [left, top] = view.toScreen(bounds.slice(0, 2));
  const [right, bottom] = view.toScreen(bounds.slice(2));
  for (const name of ["nw", "ne", "se", "sw", "n", "e", "s", "w"]) {
    if (name.length === 1 && Math.min(right - left, bottom - top) < 5 * NEAR) continue;
    if (distance(view.toScreen(handlePosition(bounds, name)), screen) <= reach + (name.length === 2 ? 1 : 0)) return name;
  }
  return null;
}

/** CSS cursors of the handles. */
export const CURSORS = Object.fromEntries(
  Object.keys(HANDLES).map((name) => [name, { nw: "nwse", se: "nwse", ne: "nesw", sw: "nesw", n: "ns", s: "ns", e: "ew", w: "ew" }[name] + "-resize"])
);

/** @returns {boolean} whether the selection can be resized: a lone point has no size */
export function isResizable(instances) {
  const movable = instances.filter((instance) => !instance.locked);
  return movable.length > 0 && movable.some((i) => i.box || i.mask || (i.scribble && i.scribble.length > 1) || movable.length > 1);
}

/** @returns {number[] | null} bounds of the unlocked ones among instances */
export function movableBounds(instances) {
  return union(instances.filter((instance) => !instance.locked).map(instanceBounds));
}

function distance([ax, ay], [bx, by]) {
  return Math.hypot(ax - bx, ay - by);
}
