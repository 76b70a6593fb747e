/** Moving and stretching one instance with all the locations that it holds. Coordinates are fractions 0..1. */
import { decodeMask, encodeMask } from "../layout/rle.js";
import { stretching } from "./affine.js";
import { mapping, tidy } from "./geometry.js";
import { isEmpty, transformed } from "./raster.js";

const THINNEST = 1e-4; // a box that is pressed flat keeps this side

/**
 * The instance as rectangle `from` goes to `to`; the same object if nothing moves.
 * @param {boolean} live while dragging: the mask keeps its pixels and gets `maskMap` (affine.js), for drawing alone
 */
export function placed(instance, from, to, live = false) {
  if (from.every((v, i) => Math.abs(v - to[i]) < 1e-9)) return instance;
  const map = mapping(from, to);
  const point = (xy) => map(xy).map(tidy);
  const next = { ...instance };
  if (instance.box) next.box = uprightBox([...map(instance.box.slice(0, 2)), ...map(instance.box.slice(2))]);
  if (instance.point) next.point = point(instance.point);
  if (instance.scribble) next.scribble = instance.scribble.map(point);
  if (instance.mask && live) next.maskMap = stretching(from, to);
  else if (instance.mask) next.mask = movedMask(instance.mask, from, to);
  return next;
}

/** @returns {object} the instance shifted by [dx, dy] */
export function movedInstance(instance, dx, dy) {
  return placed(instance, [0, 0, 1, 1], [dx, dy, 1 + dx, 1 + dy]);
}

/** @returns {number[]} a rectangle as a box: inside the canvas, with sides that are not nothing */
export function uprightBox(bounds) {
  const [x0, y0, x1, y1] = bounds.map(tidy);
  const side = (a, b) => (b - a >= THINNEST ? [a, b] : a + THINNEST <= 1 ? [a, tidy(a + THINNEST)] : [tidy(1 - THINNEST), 1]);
  const [[left, right], [top, bottom]] = [side(x0, x1), side(y0, y1)];
  return [left, top, right, bottom];
}

function movedMask(mask, from, to) {
  const bitmap = transformed(decodeMask(mask), from, to);
  return isEmpty(bitmap) ? mask : encodeMask(bitmap); // shrunk to nothing: keep what was painted
}
