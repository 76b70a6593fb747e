/** A box without a drag: for the keyboard and the canvas menu. */
import { freeId, takenIds } from "../state/actions.js";
import { nextColor } from "../state/colors.js";
import { instanceBounds, moved, tidy } from "../state/geometry.js";

const SHARE = 0.3; // of the canvas's shorter side
const STEP = 8; // pixels: sides are multiples of it where the canvas is large enough
const OFFSET = 16; // pixels to the lower right of one that lies there already

/** @returns {number[]} a square around a point (fractions of the canvas), inside the canvas and not exactly on an instance */
export function freshBox(doc, at = [0.5, 0.5]) {
  const sides = [doc.width, doc.height];
  const side = Math.max(1, Math.round((SHARE * Math.min(...sides)) / STEP) * STEP);
  const start = sides.map((size, axis) => Math.round(Math.min(Math.max(at[axis] * size - side / 2, 0), size - side)));
  const first = [0, 1].map((axis) => start[axis] / sides[axis]);
  const there = new Set(doc.instances.map((instance) => String(instanceBounds(instance))));
  let box = null;
  for (let n = 0; ; n++) {
    const last = box;
    box = moved([...first, ...first.map((v, axis) => v + side / sides[axis])], (n * OFFSET) / doc.width, (n * OFFSET) / doc.height).map(tidy);
    if (!there.has(String(box)) || String(box) === String(last)) return box; // in the corner it may lie on another one
  }
}

/** Add such a box and select it; one undo step. @returns {string | null} its id; null: the layout cannot be edited */
export function newBox(store, at) {
  const id = freeId(takenIds(store.doc));
  if (!store.dispatch({ type: "add", instance: { id, color: nextColor(store.doc), box: freshBox(store.doc, at) } })) return null;
  store.setSession({ selection: [id], tool: "select", toolStays: false });
  return id;
}
