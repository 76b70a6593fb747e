/**
 * COCO polygons as masks, pixel for pixel as pycocotools draws them: edges are walked at five times the resolution, and each pixel column
 * whose centre line an edge crosses gets a flip there. Nothing is as large as the picture.
 */
import { LayoutError } from "./error.js";
import { MAX_MASK_PIXELS } from "./fields.js";
import { encodeRuns } from "./rle.js";

const SCALE = 5;
const MAX_OUTLINE = 4000000; // pixels around all polygons of a mask
const MAX_OUTLINES = 30000000; // of all masks of a layout together: a second's walk
const MAX_POLYGONS = 10000; // of a mask
const MAX_POLYGONS_TOGETHER = 200000;
const MIN_SIDE = 64; // pixels of a mask that is drawn smaller than its canvas

/**
 * @param {number[][]} polygons each [x1, y1, x2, y2, ...] in pixels, at least three points
 * @param {{beside: number, notes: string[]}} about beside: how many masks the layout may have
 * @returns {{size: [number, number], counts: string} | null} their union; null if they cover no pixel. It has the size of the canvas; where
 *   that is larger than a mask may be, or the outline too long to be drawn in time, a smaller one of the same shape, with a note. LayoutError
 *   for too many polygons or an outline that would not even fit a small mask. As instdiff_modules/geometry/polygons.py
 */
export function drawPolygons(polygons, height, width, where, { beside, notes }) {
  const most = Math.max(Math.min(MAX_POLYGONS, Math.floor(MAX_POLYGONS_TOGETHER / beside)), 1);
  if (polygons.length > most) {
    throw new LayoutError(
      `${where}: the mask has ${polygons.length} polygons, at most ${most} are drawn here. Join them, or use run-lengths.`,
    );
  }
  // Cut before drawing: the drawing code walks along the whole edge, however far it leads off the picture.
  const rings = polygons.map((polygon) => polygon.map((v, i) => Math.min(Math.max(v, 0), i % 2 ? height : width)));
  const outline = rings.reduce((sum, ring) => sum + outlineOf(ring), 0);
  const longest = Math.max(Math.min(MAX_OUTLINE, Math.floor(MAX_OUTLINES / beside)), 1);
  const scale = Math.min(1, Math.sqrt(MAX_MASK_PIXELS / (height * width)), longest / Math.max(outline, 1));
  if (scale === 1) return union(rings, height, width);
  const [w, h] = [width, height].map((side) => Math.max(Math.trunc(side * scale), 1));
  if (outline > longest && Math.max(w, h) < Math.min(MIN_SIDE, Math.max(width, height))) {
    throw new LayoutError(
      `${where}: the outline of the polygons is ${Math.round(outline)} pixels long, which takes too long to draw. Use fewer points.`,
    );
  }
  notes.push(`${where}: the mask is kept at ${w}x${h} pixels, not ${width}x${height}.`);
  return union(rings.map((ring) => ring.map((v, i) => v * (i % 2 ? h / height : w / width))), h, w);
}

function union(rings, height, width) {
  const size = height * width;
  const spans = rings.flatMap((ring) => spansOf(Uint32Array.from(crossings(ring, height, width)).sort(), size));
  const runs = runsOf(spans.sort(([a], [b]) => a - b), size);
  return runs.length > 1 ? { size: [height, width], counts: encodeRuns(runs) } : null;
}

/** How many pixels a closed ring passes. */
function outlineOf(ring) {
  let length = 0;
  for (let i = 0, before = ring.length - 2; i < ring.length; before = i, i += 2) {
    length += Math.max(Math.abs(ring[i] - ring[before]), Math.abs(ring[i + 1] - ring[before + 1]));
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
