/** The tool that makes a mask of corners. The interface of a tool is described in selectTool.js. */
import { encodeMask } from "../layout/rle.js";
import { tidy } from "../state/geometry.js";
import { fillPolygon, isEmpty } from "../state/raster.js";
import { workingBitmap } from "../state/working.js";
import { colorOf } from "./maskWork.js";
import { place, targetOf } from "./placing.js";

const CLOSE_REACH = 9; // CSS pixels

/** Click corner after corner; a click on the first one, a double click or Enter closes, Backspace takes one back, Escape drops it. */
export function polygonTool(editor) {
  const { store } = editor;
  let cursor = null;
  let pressed = null; // as the mouse goes down; all happens as it comes up, so that the prompt keeps the focus it is given
  // corners live in the session: neither another tool nor an undo in between, which rebuilds the editor, loses them
  const cornersOf = () => store.session.corners;

  function close() {
    const [points, target] = [cornersOf(), targetOf(store, "polygon")];
    reset();
    if (points.length < 3) {
      store.notify(editor.text.notices.polygonCorners, "warn");
      return;
    }
    const bitmap = workingBitmap(store.doc, target);
    fillPolygon(bitmap, points.map(([x, y]) => [x * bitmap.width, y * bitmap.height]), 1);
    if (!isEmpty(bitmap)) place(store, target, "mask", encodeMask(bitmap));
  }

  function reset() {
    store.setSession({ corners: [] });
  }

  return {
    down(e) {
      pressed = e;
      hoverAt(e);
    },
    move: (e) => hoverAt(e),
    up(e) {
      if (!pressed) return;
      const corners = cornersOf();
      const [at, again] = [e.view.toScreen(corners[0] ?? e.at), pressed.clicks > 1];
      pressed = null;
      if (corners.length >= 3 && Math.hypot(at[0] - e.screen[0], at[1] - e.screen[1]) <= CLOSE_REACH) close();
      else if (corners.length && again) close(); // the first click of the double click set the last corner
      else store.setSession({ corners: [...corners, [tidy(e.at[0]), tidy(e.at[1])]] });
    },
    hover: (e) => hoverAt(e),
    leave() {
      cursor = null;
      editor.redraw();
    },
    /** Enter and Backspace while corners are set. @returns {boolean} whether the key was used */
    key(name) {
      if (!cornersOf().length) return false;
      if (name === "Enter") close();
      else if (name === "Backspace" || name === "Delete") store.setSession({ corners: cornersOf().slice(0, -1) });
      else return false;
      return true;
    },
    cancel() {
      if (pressed) {
        pressed = null; // the corners before it stay, as when a second finger zooms
        return true;
      }
      const was = cornersOf().length > 0;
      reset();
      return was;
    },
    /** Another tool is chosen: the corners wait. */
    pause() {
      pressed = null;
      editor.redraw();
    },
    draw(g, view) {
      const corners = cornersOf();
      if (!corners.length) return;
      const target = targetOf(store, "polygon");
      g.beginPath();
      for (const corner of corners) g.lineTo(...view.toScreen(corner));
      if (cursor) g.lineTo(...view.toScreen(cursor));
      g.fillStyle = g.strokeStyle = colorOf(store.doc, target);
      g.globalAlpha = 0.3;
      g.fill();
      g.globalAlpha = 1;
      g.lineWidth = 2;
      g.stroke();
      corners.forEach((corner, i) => {
        const [x, y] = view.toScreen(corner);
        g.beginPath();
        g.arc(x, y, i ? 3.5 : 6, 0, 2 * Math.PI);
        g.fillStyle = "#ffffff";
        g.fill();
        g.stroke();
      });
    },
    busy: () => cornersOf().length > 0,
  };

  function hoverAt(e) {
    cursor = e.at;
    editor.redraw();
    return "crosshair";
  }
}
