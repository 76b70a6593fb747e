/**
 * COCO polygons as masks, pixel for pixel as pycocotools draws them: edges are walked at five times the resolution, and each pixel column
 * whose centre line an edge crosses gets a flip there. Nothing is as large as the picture.
 */
import { LayoutError } from "./error.js";
import { encodeRuns } from "./rle.js";

const SCALE = 5;
const MAX_OUTLINE = 1e7; // pixels of all outlines of one file, half a second's walk: 10,000 for each of a thousand shapes

/** @returns {{left: number}} what the shapes of one file may still use, in pixels of outline */
export function outlineBudget() {
  return { left: MAX_OUTLINE };
}

/**
 * @param {number[][]} polygons each [x1, y1, x2, y2, ...] in pixels, at least three points, inside 0..width and 0..height
 * @param {{left: number}} budget see outlineBudget; it gets smaller
 * @returns {{size: [number, number], counts: string} | null} their union; null if they cover no pixel. LayoutError beyond the budget
 */
export function drawPolygons(polygons, height, width, where, budget) {
  const spans = polygons.flatMap((polygon) => {
    budget.left -= outlineOf(polygon);
    if (budget.left < 0) {
      throw new LayoutError(`${where}: the outlines are longer than ${MAX_OUTLINE / 1e6} million pixels together. Simplify the polygons.`);
    }
    return spansOf(Uint32Array.from(crossings(polygon, height, width)).sort(), height * width);
  });
  const runs = runsOf(spans.sort(([a], [b]) => a - b), height * width);
  return runs.length > 1 ? { size: [height, width], counts: encodeRuns(runs) } : null;
}

function outlineOf(polygon) {
  let length = polygon.length; // a point counts, too
  for (let i = 2; i < polygon.length + 2; i += 2) {
    const at = (j) => polygon[j % polygon.length];
    length += Math.max(Math.abs(at(i) - at(i - 2)), Math.abs(at(i + 1) - at(i - 1)));
  }
  return length;
}

/** Pixels from..to (without to), counted down the columns, between each flip and the next. */
function spansOf(flips, size) {
  const spans = [];
  for (let i = 0; i < flips.length; i += 2) {
    const [from, to] = [flips[i], i + 1 < flips.length ? flips[i + 1] : size];
    if (from < to) spans.push([from, to]);
  }
  return spans;
}

/** Spans in order, which may overlap -> lengths of runs of 0 and 1 in turn. */
function runsOf(spans, size) {
  const runs = [];
  let [at, from, to] = [0, 0, 0];
  const close = () => {
    if (to === from) return;
    if (runs.length && from === at) runs[runs.length - 1] += to - from;
    else runs.push(from - at, to - from);
    at = to;
  };
  for (const span of spans) {
    if (span[0] <= to && to > from) to = Math.max(to, span[1]);
    else {
      close();
      [from, to] = span;
    }
  }
  close();
  if (at < size || !runs.length) runs.push(size - at);
  return runs;
}

/** Where the outline crosses the pixels' centre columns, as places counted down the columns: its steps on the fine grid, u across, v down. */
function crossings(polygon, height, width) {
  const count = polygon.length / 2;
  const fine = (i) => Math.trunc(SCALE * polygon[i % polygon.length] + 0.5);
  const flips = [];
  let [lastU, lastV] = [null, 0];
  for (let j = 0; j < count; j++) {
    let [xs, ys, xe, ye] = [fine(2 * j), fine(2 * j + 1), fine(2 * j + 2), fine(2 * j + 3)];
    const [dx, dy] = [Math.abs(xe - xs), Math.abs(ys - ye)];
    const flip = (dx >= dy && xs > xe) || (dx < dy && ys > ye);
    if (flip) [xs, ys, xe, ye] = [xe, ye, xs, ys]; // always walked the same way, so that shared edges agree
    const steps = Math.max(dx, dy);
    const slope = steps && (dx >= dy ? ye - ys : xe - xs) / steps;
    for (let d = 0; d <= steps; d++) {
      const t = flip ? steps - d : d;
      const u = dx >= dy ? xs + t : Math.trunc(xs + slope * t + 0.5);
      const v = dx >= dy ? Math.trunc(ys + slope * t + 0.5) : ys + t;
      if (u !== lastU && lastU !== null) {
        const x = ((u < lastU ? u : u - 1) + 0.5) / SCALE - 0.5;
        if (Number.isInteger(x) && x >= 0 && x <= width - 1) {
          const y = (Math.min(v, lastV) + 0.5) / SCALE - 0.5;
          flips.push(x * height + Math.ceil(Math.min(Math.max(y, 0), height)));
        }
      }
      lastU = u;
      lastV = v;
    }
  }
  return flips;
}
