/**
 * Rectangles and points of a layout. All coordinates are fractions 0..1 of the canvas, x before y; a rectangle is [x0, y0, x1, y1].
 */
import { maskBounds } from "../layout/rle.js";
import { applied, keepsUpright } from "./affine.js";
import { cornersOf, maskHull } from "./outline.js";

const DECIMALS = 1e5; // finer than a pixel of the largest canvas that Stable Diffusion draws

/** @param {number} value a coordinate -> the same with five decimals, in 0..1 */
export function tidy(value) {
  return Math.min(1, Math.max(0, Math.round(value * DECIMALS) / DECIMALS));
}

/** @returns {number[]} the rectangle between two corners, in any order, cut to the canvas */
export function rectangle([ax, ay], [bx, by]) {
  return [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)].map(tidy);
}

/** @returns {number[] | null} the smallest rectangle around points [[x, y], ...] */
export function pointBounds(points) {
  if (!points.length) return null;
  const bounds = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of points) { // a stroke may have more points than a call has arguments
    bounds[0] = Math.min(bounds[0], x);
    bounds[1] = Math.min(bounds[1], y);
    bounds[2] = Math.max(bounds[2], x);
    bounds[3] = Math.max(bounds[3], y);
  }
  return bounds;
}

/** @returns {number[] | null} the smallest rectangle around all given rectangles; nulls are left out */
export function union(rectangles) {
  const given = rectangles.filter(Boolean);
  if (!given.length) return null;
  return [
    Math.min(...given.map((r) => r[0])),
    Math.min(...given.map((r) => r[1])),
    Math.max(...given.map((r) => r[2])),
    Math.max(...given.map((r) => r[3])),
  ];
}

const known = new WeakMap(); // instances are immutable, so their bounds are found once

/** @returns {number[] | null} the smallest rectangle around everything that an instance holds */
export function instanceBounds(instance) {
  let bounds = known.get(instance);
  if (bounds === undefined) {
    bounds = union([
      instance.box,
      instance.point && [...instance.point, ...instance.point],
      instance.scribble && pointBounds(instance.scribble),
      instance.turnedBox && pointBounds(instance.turnedBox),
      instance.mask && mappedBounds(instance.mask, instance.maskMap),
    ]);
    known.set(instance, bounds);
  }
  return bounds;
}

/** Those of a mask that is shown elsewhere while it is dragged. */
function mappedBounds(mask, map) {
  const bounds = maskBounds(mask);
  if (!map || !bounds) return bounds;
  const around = keepsUpright(map) ? cornersOf(bounds) : maskHull(mask);
  return pointBounds(around.map((point) => applied(map, point)));
}

/** @returns {number} how much of the canvas the bounds of an instance cover, 0..1 */
export function area(instance) {
  const [x0, y0, x1, y1] = instanceBounds(instance);
  return (x1 - x0) * (y1 - y0);
}

/** @returns {object[]} the instances with these ids, in depth order */
export function instancesOf(doc, ids) {
  const wanted = new Set(ids);
  return doc.instances.filter((instance) => wanted.has(instance.id));
}

/** @returns {number[] | null} the smallest rectangle around the instances with these ids */
export function selectionBounds(doc, ids) {
  return union(instancesOf(doc, ids).map(instanceBounds));
}

/** Names of the eight handles -> which edges they move: x 0 left, 2 right; y 1 top, 3 bottom; null: none. */
export const HANDLES = {
  nw: [0, 1],
  n: [null, 1],
  ne: [2, 1],
  e: [2, null],
  se: [2, 3],
  s: [null, 3],
  sw: [0, 3],
  w: [0, null],
};

/** @returns {number[]} where a handle of a rectangle is, [x, y] */
export function handlePosition([x0, y0, x1, y1], name) {
  const [ex, ey] = HANDLES[name];
  return [ex === 0 ? x0 : ex === 2 ? x1 : (x0 + x1) / 2, ey === 1 ? y0 : ey === 3 ? y1 : (y0 + y1) / 2];
}

/** @returns {number[]} the rectangle moved by [dx, dy], held inside the canvas with its size kept */
export function moved([x0, y0, x1, y1], dx, dy) {
  const mx = Math.min(Math.max(dx, -x0), 1 - x1);
  const my = Math.min(Math.max(dy, -y0), 1 - y1);
  return [x0 + mx, y0 + my, x1 + mx, y1 + my];
}

/**
 * The rectangle after dragging one handle by [dx, dy].
 * @param {{keepAspect?: boolean, fromCentre?: boolean, least?: number[]}} options least: smallest [width, height]
 */
export function resized(rect, handle, dx, dy, { keepAspect = false, fromCentre = false, least = [0, 0] } = {}) {
  const result = [...rect];
  const edges = HANDLES[handle];
  const delta = [dx, dy];
  for (const axis of [0, 1]) {
    const edge = edges[axis];
    if (edge === null) continue;
    const other = edge === axis ? axis + 2 : axis;
    const sign = edge === axis ? -1 : 1;
    const size = rect[axis + 2] - rect[axis];
    const fixed = fromCentre ? (rect[axis] + rect[axis + 2]) / 2 : rect[other];
    const room = fromCentre ? Math.min(fixed, 1 - fixed) : sign < 0 ? fixed : 1 - fixed;
    const wanted = (fromCentre ? size / 2 : size) + sign * delta[axis];
    const reach = Math.min(Math.max(wanted, fromCentre ? least[axis] / 2 : least[axis]), room);
    result[edge] = fixed + sign * reach;
    if (fromCentre) result[other] = fixed - sign * reach;
  }
  return keepAspect ? withAspect(rect, result, edges) : result;
}

/** Make the sides of `result` keep the ratio of `rect`, growing from the corner or edge that stays. */
function withAspect(rect, result, edges) {
  const [width, height] = [rect[2] - rect[0], rect[3] - rect[1]];
  if (!width || !height) return result;
  const scales = [];
  if (edges[0] !== null) scales.push((result[2] - result[0]) / width);
  if (edges[1] !== null) scales.push((result[3] - result[1]) / height);
  let scale = Math.max(...scales);
  const anchor = [0, 1].map((axis) =>
    edges[axis] === null ? (rect[axis] + rect[axis + 2]) / 2 : edges[axis] === axis ? rect[axis + 2] : rect[axis]
  );
  const room = [0, 1].map((axis) => {
    if (edges[axis] === null) return 2 * Math.min(anchor[axis], 1 - anchor[axis]);
    return edges[axis] === axis ? anchor[axis] : 1 - anchor[axis];
  });
  scale = Math.min(scale, room[0] / width, room[1] / height);
  const out = [...result];
  for (const axis of [0, 1]) {
    const size = scale * (axis ? height : width);
    if (edges[axis] === null) {
      out[axis] = anchor[axis] - size / 2;
      out[axis + 2] = anchor[axis] + size / 2;
    } else if (edges[axis] === axis) {
      out[axis] = anchor[axis] - size;
      out[axis + 2] = anchor[axis];
    } else {
      out[axis] = anchor[axis];
      out[axis + 2] = anchor[axis] + size;
    }
  }
  return out;
}

/** @returns {(point: number[]) => number[]} the map that takes rectangle `from` onto `to`; a side of no length is only moved */
export function mapping(from, to) {
  const scale = [0, 1].map((a) => (from[a + 2] > from[a] ? (to[a + 2] - to[a]) / (from[a + 2] - from[a]) : 1));
  return ([x, y]) => [to[0] + (x - from[0]) * scale[0], to[1] + (y - from[1]) * scale[1]];
}

/** @returns {boolean} whether two rectangles share a point */
export function touches(a, b) {
  return a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3];
}

/** @returns {boolean} whether the point lies in the rectangle grown by [mx, my] */
export function contains([x0, y0, x1, y1], [x, y], mx = 0, my = 0) {
  return x >= x0 - mx && x <= x1 + mx && y >= y0 - my && y <= y1 + my;
}

/** @returns {number} distance from a point to a polyline; both already in units of the same length (pixels) */
export function distanceToLine(points, [x, y]) {
  let best = Infinity;
  for (let i = 0; i < points.length; i++) {
    const [ax, ay] = points[Math.max(0, i - 1)];
    const [bx, by] = points[i];
    const [dx, dy] = [bx - ax, by - ay];
    const length = dx * dx + dy * dy;
    const t = length ? Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / length)) : 0;
    best = Math.min(best, Math.hypot(x - ax - t * dx, y - ay - t * dy));
  }
  return best;
}

/** Drop points of a freehand line that lie within `tolerance` of the straight line between their neighbours (Douglas-Peucker). */
export function simplify(points, tolerance) {
  if (points.length < 3) return points;
  const keep = new Uint8Array(points.length);
  keep[0] = keep[points.length - 1] = 1;
  const open = [[0, points.length - 1]];
  while (open.length) {
    const [from, to] = open.pop();
    let [worst, at] = [tolerance, -1];
    for (let i = from + 1; i < to; i++) {
      const d = distanceToLine([points[from], points[to]], points[i]);
      if (d > worst) [worst, at] = [d, i];
    }
    if (at > 0) {
      keep[at] = 1;
      open.push([from, at], [at, to]);
    }
  }
  return points.filter((_, i) => keep[i]);
}
