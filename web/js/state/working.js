/** The bitmap that a tool paints on. */
import { decodeMask } from "../layout/rle.js";
import { emptyBitmap, resample } from "./raster.js";

/** @returns a copy of the instance's mask, or an empty bitmap, at the canvas's own resolution */
export function workingBitmap(doc, instance) {
  const empty = emptyBitmap(doc.width, doc.height);
  return instance?.mask ? resample(decodeMask(instance.mask), empty.width, empty.height) : empty;
}
