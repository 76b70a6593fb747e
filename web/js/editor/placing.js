/** Where a freshly drawn location goes: to a new instance, or to the selected one when the person asked for that. */
import { freeId, takenIds } from "../state/actions.js";
import { nextColor } from "../state/colors.js";
import { instancesOf } from "../state/geometry.js";

/** @returns {object | null} the one selected instance that is seen and unlocked */
export function soleSelected(store) {
  const chosen = instancesOf(store.doc, store.session.selection);
  return chosen.length === 1 && chosen[0].visible && !chosen[0].locked ? chosen[0] : null;
}

/** @returns {object | null} the instance that the next drawing of this kind adds to; null: it makes a new one */
export function targetOf(store, kind) {
  const selected = soleSelected(store);
  if (!selected) return null;
  // brush strokes go on where a mask was begun; everything else makes a new instance unless the switch says otherwise
  return store.session.target === "selected" || (kind === "brush" && selected.mask) ? selected : null;
}

/**
 * Finish a drawing: one undo step. A new instance is selected; the prompt field gets the focus as long as it is empty. The tool gives way to
 * Select, unless it was chosen twice; brush and eraser stay, since one stroke rarely makes a mask.
 * @param {boolean} [stays] whatever tool is chosen: the eraser's end of a pen is not it
 * @returns {string} the instance's id
 */
export function place(store, target, kind, value, stays = false) {
  const id = target?.id ?? freeId(takenIds(store.doc));
  if (target) store.dispatch({ type: "setLocation", id, kind, value });
  else store.dispatch({ type: "add", instance: { id, color: nextColor(store.doc), [kind]: value } });
  const next = {};
  if (!target) next.selection = [id];
  if (!target?.prompt) next.focusPrompt = id;
  if (!stays && drawsOnce(store.session.tool) && !store.session.toolStays) next.tool = "select";
  store.setSession(next);
  return id;
}

/** @returns {boolean} whether one drawing ends the use of a tool, so that choosing it twice keeps it */
export function drawsOnce(tool) {
  return ["box", "polygon", "lasso", "ellipse", "point", "scribble"].includes(tool);
}
