/** Copies that are dragged off their originals (Alt+drag): the originals stay where they are. */
import { withParts } from "../layout/parts.js";
import { instanceColor } from "../state/colors.js";
import { placed } from "../state/place.js";
import { drawInstance, FILLS } from "./drawInstance.js";

/** @param {{copied: string[], bounds: number[], to: number[]}} drag ids, their bounds, and where those are now */
export function drawCopies(g, view, doc, { copied, bounds, to }) {
  const ids = new Set(withParts(doc, copied));
  doc.instances.forEach((instance, index) => {
    if (ids.has(instance.id)) drawInstance(g, placed(instance, bounds, to, true), instanceColor(instance, index), view, FILLS.picture, true);
  });
}

/** Leave the copies there: one undo step. @returns {string[]} their ids */
export function dropCopies(store, { copied, bounds, to }) {
  const before = new Set(store.doc.instances.map((instance) => instance.id));
  store.dispatch({ type: "duplicate", ids: copied, dx: to[0] - bounds[0], dy: to[1] - bounds[1] });
  return store.doc.instances.map((instance) => instance.id).filter((id) => !before.has(id));
}
