/** The tools that paint masks: brush and eraser. The interface of a tool is described in selectTool.js. */
import { paintTaper } from "../state/raster.js";
import { workingBitmap } from "../state/working.js";
import { colorOf, finishMask, maskToErase } from "./maskWork.js";
import { repaint, tintedCanvas } from "./masks.js";
import { targetOf } from "./placing.js";

/**
 * Brush (value 1) or eraser (value 0): a round stroke, whose width follows a pen's pressure unless that is switched off. Shift+click goes on in a straight line from where
 * the last stroke on the same mask ended.
 */
export function strokeTool(editor, value) {
  const { store } = editor;
  let stroke = null; // {target, bitmap, picture, color, last, radius}: where it is, and how wide
  let cursor = null;

  const targetForStroke = (e) => (value ? targetOf(store, "brush") : maskToErase(store, e));

  /** The radius in pixels of the layout. */
  const radiusAt = (e) => (store.session.brush / 2) * (store.session.pressure ? (e.pressure ?? 1) : 1);

  /** Where a straight line to `e` begins, or null. */
  function lineStart(e) {
    const { strokeEnd } = store.session;
    return e.shift && strokeEnd && strokeEnd.id === targetForStroke(e)?.id ? strokeEnd.at : null;
  }

  function down(e) {
    const target = targetForStroke(e);
    if (!value && !target) {
      store.notify(editor.text.notices.nothingToErase, "warn");
      return;
    }
    const bitmap = workingBitmap(store.doc, target);
    const color = colorOf(store.doc, target);
    stroke = { target, bitmap, color, picture: tintedCanvas(bitmap, color), last: lineStart(e) ?? e.at, radius: radiusAt(e) };
    if (target && !store.session.selection.includes(target.id)) store.setSession({ selection: [target.id] });
    paint(e);
  }

  function paint(e) {
    const { bitmap, picture, color, last, radius } = stroke;
    const [sx, sy] = [bitmap.width, bitmap.height];
    const scale = sx / store.doc.width;
    const next = radiusAt(e);
    const changed = paintTaper(bitmap, last[0] * sx, last[1] * sy, e.at[0] * sx, e.at[1] * sy, radius * scale, next * scale, value);
    Object.assign(stroke, { last: e.at, radius: next });
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
    const { target, bitmap, last } = stroke;
    stroke = null;
    editor.redraw();
    const id = finishMask(editor, target, bitmap, true);
    if (id) store.setSession({ strokeEnd: { id, at: last } });
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
    painting: () => (stroke?.target ? { id: stroke.target.id, picture: stroke.picture } : null),
    draw(g, view) {
      if (stroke && !stroke.target) {
        g.globalAlpha = 0.55;
        g.imageSmoothingEnabled = view.scale < 2;
        g.drawImage(stroke.picture, view.left, view.top, view.width, view.height);
        g.globalAlpha = 1;
      }
      const start = cursor && !stroke && lineStart(cursor);
      if (start) drawLine(g, view.toScreen(start), view.toScreen(cursor.at), store.session.brush * view.scale);
      if (cursor) drawBrush(g, view.toScreen(cursor.at), radiusAt(cursor) * view.scale);
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

/** The straight line that a click with Shift would paint. */
function drawLine(g, from, to, width) {
  g.lineCap = "round";
  for (const [color, wide] of [["rgba(255, 255, 255, 0.3)", Math.max(width, 2)], ["rgba(0, 0, 0, 0.6)", 2.5], ["#ffffff", 1]]) {
    g.beginPath();
    g.moveTo(...from);
    g.lineTo(...to);
    g.strokeStyle = color;
    g.lineWidth = wide;
    g.stroke();
  }
}
