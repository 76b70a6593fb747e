/**
 * Painting into mask bitmaps: {height, width, data: Uint8Array, row-major, 0 or 1}. Pure: no canvas, so that what is stored is the same in
 * every browser. Coordinates here are pixels of the bitmap; pixel (i, j) has its centre at (i + 0.5, j + 0.5).
 */
import { inverse } from "./affine.js";

const LONGEST = 1024; // finer tells the model nothing: it reads masks at 512x512

/** @returns {{height: number, width: number, data: Uint8Array}} an empty bitmap for a canvas of width x height pixels */
export function emptyBitmap(width, height) {
  const scale = Math.min(1, LONGEST / Math.max(width, height));
  const [w, h] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  return { height: h, width: w, data: new Uint8Array(w * h) };
}

/** Paint a round brush from (ax, ay) to (bx, by); radius in bitmap pixels. @returns {number[]} changed area [x0, y0, x1, y1), pixels */
export function paintSegment(bitmap, ax, ay, bx, by, radius, value) {
  const { width, height, data } = bitmap;
  const x0 = Math.max(0, Math.floor(Math.min(ax, bx) - radius));
  const x1 = Math.min(width, Math.ceil(Math.max(ax, bx) + radius));
  const y0 = Math.max(0, Math.floor(Math.min(ay, by) - radius));
  const y1 = Math.min(height, Math.ceil(Math.max(ay, by) + radius));
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const reach = Math.max(radius, 0.5) ** 2;
  for (let j = y0; j < y1; j++) {
    for (let i = x0; i < x1; i++) {
      const [px, py] = [i + 0.5 - ax, j + 0.5 - ay];
      const t = length ? Math.min(1, Math.max(0, (px * dx + py * dy) / length)) : 0;
      if ((px - t * dx) ** 2 + (py - t * dy) ** 2 <= reach) data[j * width + i] = value;
    }
  }
  return [x0, y0, x1, y1];
}

/** The same with a radius that goes from `from` to `to` on the way, in steps of a pixel. @returns {number[]} changed area */
export function paintTaper(bitmap, ax, ay, bx, by, from, to, value) {
  const steps = Math.max(1, Math.ceil(Math.abs(to - from)));
  const at = (a, b, share) => a + (b - a) * share;
  const areas = Array.from({ length: steps }, (_, i) => {
    const [start, end] = [i / steps, (i + 1) / steps];
    return paintSegment(bitmap, at(ax, bx, start), at(ay, by, start), at(ax, bx, end), at(ay, by, end), at(from, to, end), value);
  });
  return areas.reduce((a, b) => [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])]);
}

/** Fill a polygon [[x, y], ...] in bitmap pixels (even-odd rule). */
export function fillPolygon(bitmap, points, value) {
  const { width, height, data } = bitmap;
  for (let j = 0; j < height; j++) {
    const y = j + 0.5;
    const crossings = [];
    for (let k = 0; k < points.length; k++) {
      const [ax, ay] = points[k];
      const [bx, by] = points[(k + 1) % points.length];
      if (ay <= y !== by <= y) crossings.push(ax + ((y - ay) / (by - ay)) * (bx - ax));
    }
    crossings.sort((a, b) => a - b);
    for (let k = 0; k + 1 < crossings.length; k += 2) {
      const from = Math.max(0, Math.ceil(crossings[k] - 0.5));
      const to = Math.min(width, Math.ceil(crossings[k + 1] - 0.5));
      if (from < to) data.fill(value, j * width + from, j * width + to);
    }
  }
}

/** The bitmap at another size (nearest pixel). */
export function resample(bitmap, width, height) {
  if (bitmap.width === width && bitmap.height === height) return { ...bitmap, data: bitmap.data.slice() };
  return transformed(bitmap, [0, 0, 1, 1], [0, 0, 1, 1], width, height);
}

/**
 * The bitmap moved and stretched as rectangle `from` goes to `to` (fractions of the canvas), drawn at width x height pixels (nearest pixel).
 * A pixel on which nothing falls is 0.
 */
export function transformed(bitmap, from, to, width = bitmap.width, height = bitmap.height) {
  const data = new Uint8Array(width * height);
  const back = (axis, size, own) => {
    const scale = to[axis + 2] > to[axis] && from[axis + 2] > from[axis] ? (from[axis + 2] - from[axis]) / (to[axis + 2] - to[axis]) : 1;
    return Int32Array.from({ length: size }, (_, i) => {
      const source = Math.floor((from[axis] + ((i + 0.5) / size - to[axis]) * scale) * own + 1e-6);
      return source >= 0 && source < own ? source : -1;
    });
  };
  const columns = back(0, width, bitmap.width);
  const rows = back(1, height, bitmap.height);
  for (let j = 0; j < height; j++) {
    if (rows[j] < 0) continue;
    const line = rows[j] * bitmap.width;
    for (let i = 0; i < width; i++) {
      if (columns[i] >= 0) data[j * width + i] = bitmap.data[line + columns[i]];
    }
  }
  return { height, width, data };
}

/**
 * The bitmap as a map of the plane takes it (affine.js, fractions of the canvas), drawn at width x height pixels. Each pixel asks where it comes
 * from (nearest pixel), so that no holes open. A pixel on which nothing falls is 0.
 */
export function warped(bitmap, map, width, height) {
  const data = new Uint8Array(width * height);
  const [a, b, c, d, e, f] = inverse(map);
  for (let j = 0, k = 0; j < height; j++) {
    const y = (j + 0.5) / height;
    for (let i = 0; i < width; i++, k++) {
      const x = (i + 0.5) / width;
      const column = Math.floor((a * x + c * y + e) * bitmap.width + 1e-6);
      const row = Math.floor((b * x + d * y + f) * bitmap.height + 1e-6);
      if (column >= 0 && column < bitmap.width && row >= 0 && row < bitmap.height) data[k] = bitmap.data[row * bitmap.width + column];
    }
  }
  return { height, width, data };
}

/** @returns {boolean} whether no pixel is set */
export function isEmpty(bitmap) {
  return !bitmap.data.includes(1);
}

/** @returns {boolean} whether the pixel under a point (fractions of the canvas) is set */
export function isSet(bitmap, [x, y]) {
  const i = Math.min(bitmap.width - 1, Math.max(0, Math.floor(x * bitmap.width)));
  const j = Math.min(bitmap.height - 1, Math.max(0, Math.floor(y * bitmap.height)));
  return bitmap.data[j * bitmap.width + i] === 1;
}
