/** Regions drawn in one drag. Pure; rectangles and points are fractions of the canvas unless they are said to be pixels of a bitmap. */
import { rectangle } from "./geometry.js";

/**
 * The rectangle from the press to the pointer; square and centred ones stop where the canvas ends, so that they stay square and centred.
 * @param {{width: number, height: number}} doc @param {number[]} from @param {number[]} to
 * @param {{shift: boolean, alt: boolean}} keys shift: square in pixels; alt: `from` is the centre
 */
export function spanned(doc, from, to, { shift, alt }) {
  const canvas = [doc.width, doc.height];
  const way = [0, 1].map((a) => (to[a] >= from[a] ? 1 : -1));
  const room = [0, 1].map((a) => (alt ? Math.min(from[a], 1 - from[a]) : way[a] > 0 ? 1 - from[a] : from[a]) * canvas[a]);
  let reach = [0, 1].map((a) => Math.abs(to[a] - from[a]) * canvas[a]);
  if (shift) reach = reach.fill(Math.min(Math.max(...reach), ...room));
  const step = [0, 1].map((a) => (way[a] * Math.min(reach[a], room[a])) / canvas[a]);
  return rectangle(alt ? [from[0] - step[0], from[1] - step[1]] : from, [from[0] + step[0], from[1] + step[1]]);
}

/** Fill the ellipse inside a rectangle of bitmap pixels. */
export function fillEllipse(bitmap, [x0, y0, x1, y1], value) {
  const { width, height, data } = bitmap;
  const [cx, cy, rx, ry] = [(x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2];
  for (let j = Math.max(0, Math.floor(y0)); j < Math.min(height, Math.ceil(y1)); j++) {
    const half = rx * Math.sqrt(Math.max(0, 1 - ((j + 0.5 - cy) / ry) ** 2));
    fillRow(data, width, j, cx - half, cx + half, value);
  }
}

/** Fill a closed line [[x, y], ...] in bitmap pixels, all that it goes around (nonzero rule): a loop in it leaves no hole. */
export function fillLoop(bitmap, points, value) {
  const { width, height, data } = bitmap;
  const ends = points.map((_, k) => points[(k + 1) % points.length]);
  for (let j = 0; j < height; j++) {
    const y = j + 0.5;
    const crossings = [];
    points.forEach(([ax, ay], k) => {
      const [bx, by] = ends[k];
      if (ay <= y !== by <= y) crossings.push([ax + ((y - ay) / (by - ay)) * (bx - ax), ay < by ? 1 : -1]);
    });
    crossings.sort((a, b) => a[0] - b[0]);
    let turns = 0;
    for (let k = 0; k + 1 < crossings.length; k++) {
      turns += crossings[k][1];
      if (turns) fillRow(data, width, j, crossings[k][0], crossings[k + 1][0], value);
    }
  }
}

/** Set the pixels of row j whose centres lie between two places. */
function fillRow(data, width, j, left, right, value) {
  const from = Math.max(0, Math.ceil(left - 0.5));
  const to = Math.min(width, Math.ceil(right - 0.5));
  if (from < to) data.fill(value, j * width + from, j * width + to);
}
