/** One kind of location made of another: a mask of a box or scribble, a box of a mask or scribble. Pure. A point stays as it is. */
import { encodeMask } from "../layout/rle.js";
import { instanceBounds, tidy } from "./geometry.js";
import { emptyBitmap, fillPolygon, isEmpty, paintSegment } from "./raster.js";
import { workingBitmap } from "./working.js";

const LEAST = 1; // pixel that a side of a box keeps: a scribble may be flat

/** @param {"mask" | "box"} kind @returns {boolean} whether the instance holds something that becomes this */
export function canConvert(instance, kind) {
  return !instance.locked && Boolean(instance.scribble || (kind === "mask" ? instance.box : instance.mask));
}

/**
 * @param {object} doc @param {object} instance @param {"mask" | "box"} kind
 * @param {number} width of the brush that a scribble is painted with, in pixels of the layout
 * @returns {object} the instance with its box, mask and scribble as one of this kind; the same object if that is nothing
 */
export function converted(doc, instance, kind, width) {
  if (!canConvert(instance, kind)) return instance;
  const { box, mask, scribble, ...rest } = instance;
  if (kind === "box") return { ...rest, box: boxAround(doc, instance) };
  const bitmap = mask ? workingBitmap(doc, instance) : emptyBitmap(doc.width, doc.height);
  const [sx, sy] = [bitmap.width, bitmap.height];
  if (box && !mask) {
    const [x0, y0, x1, y1] = box;
    fillPolygon(bitmap, [[x0, y0], [x1, y0], [x1, y1], [x0, y1]].map(([x, y]) => [x * sx, y * sy]), 1);
  }
  const radius = ((width / 2) * sx) / doc.width;
  (scribble ?? []).forEach(([x, y], i) => {
    const [fromX, fromY] = scribble[Math.max(0, i - 1)];
    paintSegment(bitmap, fromX * sx, fromY * sy, x * sx, y * sy, radius, 1);
  });
  return isEmpty(bitmap) ? instance : { ...rest, mask: encodeMask(bitmap) };
}

function boxAround(doc, { point, ...instance }) {
  const bounds = instanceBounds(instance);
  const sides = [0, 1].map((axis) => {
    const least = LEAST / [doc.width, doc.height][axis];
    const [from, to] = [bounds[axis], bounds[axis + 2]];
    return to - from >= least ? [from, to] : [Math.min(from, 1 - least), Math.min(from, 1 - least) + least];
  });
  return [sides[0][0], sides[1][0], sides[0][1], sides[1][1]].map(tidy);
}
