/** What the tools that make masks share: whose mask it is, and how it ends. */
import { encodeMask } from "../layout/rle.js";
import { instanceColor, nextColor } from "../state/colors.js";
import { isEmpty } from "../state/raster.js";
import { instancesAt } from "./hit.js";
import { place, soleSelected } from "./placing.js";

/** @returns {string} the colour of an instance, or of the one that is about to be made */
export function colorOf(doc, instance) {
  return instance ? instanceColor(instance, doc.instances.indexOf(instance)) : nextColor(doc);
}

/** @returns {object | null} the instance to take from: the selected one, or the one under the pointer, if it has a mask */
export function maskToErase(store, e) {
  const selected = soleSelected(store);
  return selected?.mask ? selected : (instancesAt(store.doc, e.at, e.view).find((i) => i.mask) ?? null);
}

/** Keep a bitmap as the mask of `target`, or of a new instance; one undo step. @param {boolean} [stays] see place() @returns {string | null} the id of whose mask it is now */
export function finishMask({ store, text }, target, bitmap, stays = false) {
  if (!isEmpty(bitmap)) return place(store, target, "mask", encodeMask(bitmap), stays);
  if (target && (target.box || target.point || target.scribble)) place(store, target, "mask", null, stays);
  else if (target) store.notify(text.notices.lastLocation, "warn");
  return null;
}
