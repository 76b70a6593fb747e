/** The points around what an instance holds: what turns with it stays inside their hull. Fractions 0..1 of the canvas. */
import { decodeRuns } from "../layout/rle.js";

const hulls = new WeakMap(); // masks are immutable

/** @returns {number[][]} the corners of the smallest convex polygon around the set pixels of a mask; empty if none is set */
export function maskHull(mask) {
  let hull = hulls.get(mask);
  if (!hull) hulls.set(mask, (hull = convex(columnEnds(mask))));
  return hull;
}

/** The upper and lower ends of each column of a mask, as corners of pixels, from the left; each x twice, the upper one first. */
function columnEnds(mask) {
  const [height, width] = mask.size;
  const ends = new Map(); // column -> [top, bottom]
  const take = (x, top, bottom) => {
    const known = ends.get(x);
    ends.set(x, known ? [Math.min(known[0], top), Math.max(known[1], bottom)] : [top, bottom]);
  };
  let at = 0;
  decodeRuns(mask.counts).forEach((run, i) => {
    if (i & 1 && run) {
      const [first, last] = [at, at + run - 1].map((place) => Math.floor(place / height));
      for (let x = first; x <= last; x++) take(x, x === first ? at - x * height : 0, x === last ? at + run - x * height : height);
    }
    at += run;
  });
  return [...ends].flatMap(([x, [top, bottom]]) => [x, x + 1].flatMap((edge) => [top, bottom].map((y) => [edge / width, y / height])));
}

/** Andrew's monotone chain. @param {number[][]} points those of neighbouring columns may come in any order */
function convex(points) {
  const sorted = [...points].sort(([ax, ay], [bx, by]) => ax - bx || ay - by);
  const half = (list) => {
    const chain = [];
    for (const point of list) {
      while (chain.length > 1 && !turnsLeft(chain.at(-2), chain.at(-1), point)) chain.pop();
      chain.push(point);
    }
    return chain.slice(0, -1);
  };
  return [...half(sorted), ...half(sorted.reverse())];
}

const turnsLeft = ([ax, ay], [bx, by], [cx, cy]) => (bx - ax) * (cy - ay) - (by - ay) * (cx - ax) > 0;

/** @returns {number[][]} the corners of a rectangle, in order around it */
export const cornersOf = ([x0, y0, x1, y1]) => [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];

/** @returns {number[][]} points around all that an instance holds */
export function outlineOf({ box, point, scribble, mask }) {
  return [...(box ? cornersOf(box) : []), ...(point ? [point] : []), ...(scribble ?? []), ...(mask ? maskHull(mask) : [])];
}
