/**
 * Who takes a press on the canvas. One rule for all tools; from the press to the release the gesture belongs to one of them:
 * The eraser's end of a pen erases. Ctrl always draws, with Select a box. Where no instance is seen there is nothing to select, so Select draws a box too. Box moves what is
 * selected if the press lies inside of it, as Select does. Everything else is the chosen tool's.
 */
import { instanceBounds, instancesOf } from "../state/geometry.js";
import { isOn } from "./hit.js";

const RIM = 8; // CSS pixels inside the bounds of a selected instance where Box draws all the same: boxes that share a corner are common

/** @returns {string} the name of the tool that a press at `e` (see selectTool.js) belongs to */
export function toolForPress(store, e) {
  const { tool, target } = store.session;
  if (e.eraser) return "eraser";
  if (tool === "select") return e.ctrl || !store.doc.instances.some((instance) => instance.visible) ? "box" : "select";
  if (tool === "box" && !e.ctrl && target !== "selected" && isInsideSelection(store, e)) return "select";
  return tool;
}

function isInsideSelection(store, { at, screen, view }) {
  return instancesOf(store.doc, store.session.selection).some((instance) => {
    if (!instance.visible || instance.locked || !isOn(instance, at, view)) return false;
    const bounds = instanceBounds(instance);
    const [start, end] = [view.toScreen(bounds.slice(0, 2)), view.toScreen(bounds.slice(2))];
    return [0, 1].every((axis) => {
      const rim = Math.min(RIM, (end[axis] - start[axis]) / 4); // of a small one the middle stays free
      return screen[axis] >= start[axis] + rim && screen[axis] <= end[axis] - rim;
    });
  });
}

/**
 * @param {object} store
 * @param {Record<string, object>} tools by name
 * @returns {object} {select, tool(), at(e), begin(e), end()}: the select tool; the tool of the gesture that goes on, else the chosen one; the tool that a press at `e`
 *   would go to; from the press on; up to the release
 */
export function createGesture(store, tools) {
  let holder = null;
  const at = (e) => tools[toolForPress(store, e)] ?? tools.select;
  return {
    select: tools.select,
    tool: () => holder ?? tools[store.session.tool] ?? tools.select,
    at,
    begin: (e) => (holder = at(e)),
    end: () => (holder = null),
  };
}
