/**
 * Turning and mirroring instances about the middle of what is chosen. Pure. A box stands upright in a layout: turned by anything but quarters
 * it becomes the mask of the turned rectangle; beside a mask, where it is only a frame, it is drawn anew around that.
 */
import { decodeMask, encodeMask } from "../layout/rle.js";
import { applied, keepsUpright, mirroring, shifted, turning } from "./affine.js";
import { instanceBounds, pointBounds, tidy, union } from "./geometry.js";
import { cornersOf, maskHull, outlineOf } from "./outline.js";
import { uprightBox } from "./place.js";
import { emptyBitmap, fillPolygon, isEmpty, warped } from "./raster.js";

const FITS = 1 + 1e-6; // of the canvas

/**
 * @param {{width: number, height: number}} doc @param {object[]} chosen instances that turn together @param {number} degrees clockwise
 * @returns {{map: number[], fits: boolean} | null} map: see affine.js; it holds what turns inside the canvas. fits: false if that is impossible. null: nothing turns
 */
export function turnOf(doc, chosen, degrees) {
  const bounds = boundsOf(chosen);
  if (!bounds || !(degrees % 360)) return null;
  const map = turning(middleOf(bounds), degrees, [doc.width, doc.height]);
  return held(keepsUpright(map) ? onPixels(map, bounds, chosen) : map, chosen);
}

/** The same for a mirror. @param {0 | 1} axis see affine.js */
export function mirrorOf(doc, chosen, axis) {
  const bounds = boundsOf(chosen);
  return bounds && held(mirroring(middleOf(bounds), axis), chosen);
}

/** What they turn in; null for nothing, and for a point, which is its own middle. */
function boundsOf(chosen) {
  const bounds = union(chosen.map(instanceBounds));
  return bounds && (bounds[2] > bounds[0] || bounds[3] > bounds[1]) ? bounds : null;
}

const middleOf = ([x0, y0, x1, y1]) => [(x0 + x1) / 2, (y0 + y1) / 2];

/** Shift a map so that nothing leaves the canvas that has room in it. */
function held(map, chosen) {
  const bounds = pointBounds(chosen.flatMap(outlineOf).map((point) => applied(map, point)));
  const fits = [0, 1].map((axis) => bounds[axis + 2] - bounds[axis] <= FITS);
  const shift = [0, 1].map((axis) => (fits[axis] ? Math.max(0, -bounds[axis]) - Math.max(0, bounds[axis + 2] - 1) : 0));
  return { map: shifted(map, shift), fits: fits[0] && fits[1] };
}

/**
 * A quarter turn of a mask with an even and an odd side lands between pixels. Half a pixel on for wide ones, back for high ones: so four
 * turns, or one and its way back, end where they began.
 */
function onPixels(map, bounds, chosen) {
  const mask = chosen.find((instance) => instance.mask)?.mask;
  if (!mask) return map;
  const sides = [mask.size[1], mask.size[0]];
  const turned = pointBounds(cornersOf(bounds).map((point) => applied(map, point)));
  const wide = (bounds[2] - bounds[0]) * sides[0] > (bounds[3] - bounds[1]) * sides[1] ? 0.5 : -0.5;
  const between = (value) => Math.abs(value - Math.floor(value) - 0.5) < 0.01;
  return shifted(map, [0, 1].map((axis) => (between(turned[axis] * sides[axis]) ? wide / sides[axis] : 0)));
}

/** @returns {boolean} whether two instances hold the same places, as one and its mirror image may */
export function samePlaces(one, other) {
  const places = ({ box, point, scribble, mask }) => JSON.stringify([box, point, scribble, mask]);
  return places(one) === places(other);
}

/**
 * An instance as a map of turnOf or mirrorOf takes it.
 * @param {boolean} live while dragging: the mask keeps its pixels and gets `maskMap`, a box becomes `turnedBox`, its corners; for drawing alone
 */
export function turned(doc, instance, map, live = false) {
  const to = (point) => applied(map, point);
  const { box, ...next } = instance;
  if (instance.point) next.point = to(instance.point).map(tidy);
  if (instance.scribble) next.scribble = instance.scribble.map((point) => to(point).map(tidy));
  if (instance.mask && live) next.maskMap = map;
  else if (instance.mask) next.mask = turnedMask(doc, instance.mask, map);
  if (!box) return next;
  const corners = cornersOf(box).map(to);
  if (keepsUpright(map)) next.box = uprightBox(pointBounds(corners));
  else if (instance.mask) next.box = uprightBox(pointBounds(maskHull(instance.mask).map(to)));
  else if (live) next.turnedBox = corners;
  else {
    const bitmap = emptyBitmap(doc.width, doc.height);
    fillPolygon(bitmap, corners.map(([x, y]) => [x * bitmap.width, y * bitmap.height]), 1);
    if (isEmpty(bitmap)) next.box = uprightBox(pointBounds(corners)); // thinner than a pixel
    else next.mask = encodeMask(bitmap);
  }
  return next;
}

/** From the mask itself, nearest pixel; at the canvas's own resolution if that is finer and the turn is none by quarters. */
function turnedMask(doc, mask, map) {
  const bitmap = decodeMask(mask);
  const { width, height } = [bitmap, ...(keepsUpright(map) ? [] : [emptyBitmap(doc.width, doc.height)])].reduce((a, b) => (b.width > a.width ? b : a));
  const result = warped(bitmap, map, width, height);
  return isEmpty(result) ? mask : encodeMask(result);
}
