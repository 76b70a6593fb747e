/**
 * Maps of the canvas's plane: [a, b, c, d, e, f] takes (x, y) to (a x + c y + e, b x + d y + f). Points are fractions 0..1 of the canvas, angles
 * are degrees, clockwise as one sees them.
 */

const EXACT = 1e-9;

export const IDENTITY = Object.freeze([1, 0, 0, 1, 0, 0]);

/** @returns {number[]} where a map takes a point [x, y] */
export const applied = ([a, b, c, d, e, f], [x, y]) => [a * x + c * y + e, b * x + d * y + f];

/** @returns {number[]} the map that takes rectangle `from` onto `to`; a side of no length is only moved */
export function stretching(from, to) {
  const [sx, sy] = [0, 1].map((axis) => (from[axis + 2] > from[axis] ? (to[axis + 2] - to[axis]) / (from[axis + 2] - from[axis]) : 1));
  return [sx, 0, 0, sy, to[0] - from[0] * sx, to[1] - from[1] * sy];
}

/** @param {number[]} centre @param {number} degrees @param {number[]} sides [width, height] of the canvas in pixels: a turn keeps shapes there */
export function turning(centre, degrees, [width, height]) {
  const [cos, sin] = [Math.cos, Math.sin].map((of) => near(of((degrees * Math.PI) / 180)));
  return around(centre, [cos, (sin * width) / height, (-sin * height) / width, cos]);
}

/** @param {number[]} centre @param {0 | 1} axis 0: left becomes right, 1: top becomes bottom */
export function mirroring(centre, axis) {
  return around(centre, axis ? [1, 0, 0, -1] : [-1, 0, 0, 1]);
}

/** @returns {number[]} the map, and then a shift by [dx, dy] */
export const shifted = ([a, b, c, d, e, f], [dx, dy]) => [a, b, c, d, e + dx, f + dy];

/** @returns {number[]} the way back */
export function inverse([a, b, c, d, e, f]) {
  const all = a * d - b * c;
  return [d / all, -b / all, -c / all, a / all, (c * f - d * e) / all, (b * e - a * f) / all];
}

/** @returns {boolean} whether upright rectangles stay upright */
export const keepsUpright = ([a, b, c, d]) => (!b && !c) || (!a && !d);

function around([x, y], [a, b, c, d]) {
  return [a, b, c, d, x - a * x - c * y, y - b * x - d * y];
}

/** A quarter turn's sine and cosine without their rounding. */
const near = (value) => (Math.abs(value - Math.round(value)) < EXACT ? Math.round(value) : value);
