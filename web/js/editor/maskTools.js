/** The tools that make masks: brush, eraser and polygon. The interface of a tool is described in selectTool.js. */
import { encodeMask } from "../layout/rle.js";
import { instanceColor, nextColor } from "../state/colors.js";
import { emptyBitmap, fillPolygon, isEmpty, paintSegment, resample } from "../state/raster.js";
import { instancesAt } from "./hit.js";
import { maskBitmap, repaint, tintedCanvas } from "./masks.js";
import { place, soleSelected, targetOf } from "./placing.js";
import { tidy } from "../state/geometry.js";

/** A bitmap to paint on: a copy of the instance's mask, or an empty one, at the canvas's own resolution. */
function workingBitmap(doc, instance) {
  const empty = emptyBitmap(doc.width, doc.height);
  return instance?.mask ? resample(maskBitmap(instance.mask), empty.width, empty.height) : empty;
}

function colorOf(doc, instance) {
  return instance ? instanceColor(instance, doc.instances.indexOf(instance)) : nextColor(doc);
}

/** Brush (value 1) or eraser (value 0): a round stroke; a pen's pressure makes it thinner. */
export function strokeTool(editor, value) {
  const { store } = editor;
  let stroke = null; // {target, bitmap, picture, color, last}
  let cursor = null;

  function targetForStroke(e) {
    if (value) return targetOf(store, "brush");
    const selected = soleSelected(store);
    return selected?.mask ? selected : (instancesAt(store.doc, e.at, e.view).find((i) => i.mask) ?? null);
  }

  function down(e) {
    const target = targetForStroke(e);
    if (!value && !target) {
      store.notify(editor.text.notices.nothingToErase, "warn");
      return;
    }
    const bitmap = workingBitmap(store.doc, target);
    const color = colorOf(store.doc, target);
    stroke = { target, bitmap, color, picture: tintedCanvas(bitmap, color), last: e.at };
    if (target && !store.session.selection.includes(target.id)) store.setSession({ selection: [target.id] });
    paint(e);
  }

  function paint(e) {
    const { bitmap, picture, color, last } = stroke;
    const [sx, sy] = [bitmap.width, bitmap.height];
    const radius = ((store.session.brush / 2) * sx) / store.doc.width * (e.pressure ?? 1);
    const changed = paintSegment(bitmap, last[0] * sx, last[1] * sy, e.at[0] * sx, e.at[1] * sy, radius, value);
    stroke.last = e.at;
    repaint(picture, bitmap, color, changed);
    editor.redraw();
  }

  function move(e) {
    cursor = e;
    if (stroke) paint(e);
    else editor.redraw();
  }

  function up() {
    if (!stroke) return;
    const { target, bitmap } = stroke;
    stroke = null;
    editor.redraw();
    if (!isEmpty(bitmap)) place(store, target, "mask", encodeMask(bitmap));
    else if (target && (target.box || target.point || target.scribble)) place(store, target, "mask", null);
    else if (target) store.notify(editor.text.notices.lastLocation, "warn");
  }

  return {
    everyPoint: true,
    down,
    move,
    up,
    hover(e) {
      cursor = e;
      editor.redraw();
      return "none";
    },
    leave() {
      cursor = null;
      editor.redraw();
    },
    cancel() {
      const was = stroke !== null;
      stroke = null;
      editor.redraw();
      return was;
    },
    painting: () => stroke?.target?.id ?? null,
    draw(g, view) {
      if (stroke) {
        g.globalAlpha = 0.55;
        g.imageSmoothingEnabled = view.scale < 2;
        g.drawImage(stroke.picture, view.left, view.top, view.width, view.height);
        g.globalAlpha = 1;
      }
      if (cursor) drawBrush(g, view.toScreen(cursor.at), (store.session.brush / 2) * view.scale * (cursor.pressure ?? 1));
    },
    busy: () => stroke !== null,
  };
}

function drawBrush(g, [x, y], radius) {
  g.beginPath();
  g.arc(x, y, Math.max(radius, 1), 0, 2 * Math.PI);
  g.lineWidth = 2.5;
  g.strokeStyle = "rgba(0, 0, 0, 0.6)";
  g.stroke();
  g.lineWidth = 1;
  g.strokeStyle = "#ffffff";
  g.stroke();
}

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
