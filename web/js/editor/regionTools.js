/** Masks drawn as one closed region in one drag: lasso and ellipse. The interface of a tool is described in selectTool.js. */
import { tidy } from "../state/geometry.js";
import { fillEllipse, fillLoop, spanned } from "../state/regions.js";
import { workingBitmap } from "../state/working.js";
import { colorOf, finishMask, maskToErase } from "./maskWork.js";
import { targetOf } from "./placing.js";
import { clickAt } from "./selectTool.js";

const SLOP = 3; // CSS pixels

/**
 * @param {object} editor
 * @param {object} shape {begin(e) -> outline, extend(outline, e, doc, erases), trace(g, view, outline), fill(bitmap, outline, value)}
 * A press with Alt takes the region from a mask, as the eraser does; any other adds it to the instance that the drawing goes to.
 */
function regionTool(editor, shape, everyPoint) {
  const { store } = editor;
  let drag = null; // {outline, value, target, screen, moved}

  function down(e) {
    const target = e.alt ? maskToErase(store, e) : targetOf(store, "region");
    if (e.alt && !target) {
      store.notify(editor.text.notices.nothingToErase, "warn");
      return;
    }
    drag = { outline: shape.begin(e), value: e.alt ? 0 : 1, target, screen: e.screen, moved: false };
  }

  function move(e) {
    if (!drag) return;
    drag.moved ||= Math.hypot(e.screen[0] - drag.screen[0], e.screen[1] - drag.screen[1]) >= SLOP;
    shape.extend(drag.outline, e, store.doc, !drag.value);
    editor.redraw();
  }

  function up(e) {
    if (!drag) return;
    const { outline, value, target, moved } = drag;
    drag = null;
    editor.redraw();
    if (!moved) {
      clickAt(store, e);
      return;
    }
    const bitmap = workingBitmap(store.doc, target);
    const before = bitmap.data.slice();
    shape.fill(bitmap, outline, value);
    if (before.some((pixel, i) => pixel !== bitmap.data[i])) finishMask(editor, target, bitmap);
  }

  function draw(g, view) {
    if (!drag?.moved) return;
    g.beginPath();
    shape.trace(g, view, drag.outline);
    g.closePath();
    g.globalAlpha = 0.3;
    g.fillStyle = drag.value ? colorOf(store.doc, drag.target) : "#000000";
    g.fill();
    g.globalAlpha = 1;
    g.strokeStyle = drag.value ? g.fillStyle : "#ffffff";
    g.lineWidth = 2;
    if (!drag.value) g.setLineDash([5, 4]);
    g.stroke();
    g.setLineDash([]);
  }

  function cancel() {
    const was = drag !== null;
    drag = null;
    editor.redraw();
    return was;
  }

  function hover() {
    store.setSession({ hover: null });
    return "crosshair";
  }

  return { everyPoint, down, move, up, cancel, hover, draw, busy: () => drag !== null };
}

/** Drag around: all that the line goes around. */
export function lassoTool(editor) {
  const at = (e) => e.at.map(tidy);
  return regionTool(
    editor,
    {
      begin: (e) => [at(e)],
      extend(line, e) {
        const [next, last] = [at(e), line.at(-1)];
        if (Math.hypot((next[0] - last[0]) * e.view.width, (next[1] - last[1]) * e.view.height) >= 1) line.push(next);
      },
      trace(g, view, line) {
        for (const point of line) g.lineTo(...view.toScreen(point));
      },
      fill: (bitmap, line, value) => fillLoop(bitmap, line.map(([x, y]) => [x * bitmap.width, y * bitmap.height]), value),
    },
    true
  );
}

/** Drag from corner to corner; Shift: a circle, Alt pressed after the start: from the centre. */
export function ellipseTool(editor) {
  return regionTool(editor, {
    begin: (e) => ({ from: e.at.map(tidy), rect: [...e.at, ...e.at].map(tidy) }),
    extend(outline, e, doc, erases) {
      outline.rect = spanned(doc, outline.from, e.at, { shift: e.shift, alt: e.alt && !erases });
    },
    trace(g, view, { rect }) {
      const [[x0, y0], [x1, y1]] = [view.toScreen(rect.slice(0, 2)), view.toScreen(rect.slice(2))];
      g.ellipse((x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2, 0, 0, 2 * Math.PI);
    },
    fill(bitmap, { rect }, value) {
      fillEllipse(bitmap, rect.map((v, i) => v * (i % 2 ? bitmap.height : bitmap.width)), value);
    },
  });
}
