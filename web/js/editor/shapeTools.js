/** The tools that draw a box, a point or a scribble. The interface of a tool is described in selectTool.js. */
import { instanceBounds, simplify, tidy } from "../state/geometry.js";
import { nextColor } from "../state/colors.js";
import { snapPoint, snapTargets } from "../state/snap.js";
import { spanned } from "../state/regions.js";
import { areaAround } from "./areas.js";
import { drawScribble } from "./drawInstance.js";
import { place, targetOf } from "./placing.js";
import { clickAt } from "./selectTool.js";

const SLOP = 3; // CSS pixels
const SNAP_REACH = 6; // CSS pixels
const SCRIBBLE_TOLERANCE = 1; // CSS pixels that a simplified scribble may leave the drawn line
const LONGEST_SCRIBBLE = 400; // points

const clamp = ([x, y]) => [tidy(x), tidy(y)];

/**
 * Drag: a box (Shift: square, Alt: from the centre, Ctrl: no snapping). Click: select what is there. Handles do nothing here: boxes that
 * share a corner are common, and a press there means the next box. Which press is its: gesture.js.
 */
export function boxTool(editor) {
  const { store } = editor;
  let drag = null;

  function down(e) {
    drag = { from: clamp(snapped(e, e.at)), screen: e.screen, rect: null };
  }

  function move(e) {
    if (!drag) return;
    if (!drag.rect && Math.hypot(e.screen[0] - drag.screen[0], e.screen[1] - drag.screen[1]) < SLOP) return;
    drag.rect = spanned(store.doc, drag.from, snapped(e, e.at), e);
    editor.redraw();
  }

  function up(e) {
    if (!drag) return;
    const { rect } = drag;
    drag = null;
    editor.setGuides([]);
    editor.redraw();
    if (!rect) clickAt(store, e);
    else if (rect[2] - rect[0] >= 2 / store.doc.width && rect[3] - rect[1] >= 2 / store.doc.height) place(store, targetOf(store, "box"), "box", rect);
  }

  function snapped(e, point) {
    if (e.ctrl) return point;
    const others = store.doc.instances.filter((i) => i.visible).map(instanceBounds);
    const reach = [SNAP_REACH * e.view.pixel[0], SNAP_REACH * e.view.pixel[1]];
    const { shift, guides } = snapPoint(point, snapTargets(others, store.doc, editor.settings()), reach);
    editor.setGuides(guides);
    return [point[0] + shift[0], point[1] + shift[1]];
  }

  function draw(g, view) {
    if (!drag?.rect) return;
    const [x, y] = view.toScreen(drag.rect.slice(0, 2));
    const [right, bottom] = view.toScreen(drag.rect.slice(2));
    const color = nextColor(store.doc);
    g.globalAlpha = 0.2;
    g.fillStyle = color;
    g.fillRect(x, y, right - x, bottom - y);
    g.globalAlpha = 1;
    g.strokeStyle = color;
    g.lineWidth = 2;
    g.strokeRect(x, y, right - x, bottom - y);
  }

  function cancel() {
    const was = drag !== null;
    drag = null;
    editor.setGuides([]);
    editor.redraw();
    return was;
  }

  function hover() {
    store.setSession({ hover: null }); // what Select pointed out
    return "crosshair";
  }

  const areas = (view) => (drag?.rect ? [areaAround(drag.rect, view)] : []);
  return { down, move, up, cancel, hover, draw, areas, busy: () => drag !== null };
}

/** Click: a point. */
export function pointTool(editor) {
  const { store } = editor;
  let at = null;
  return {
    down: (e) => (at = clamp(e.at)),
    move(e) {
      if (at) at = clamp(e.at);
      editor.redraw();
    },
    up() {
      const point = at;
      at = null;
      if (point) place(store, targetOf(store, "point"), "point", point);
    },
    cancel() {
      const was = at !== null;
      at = null;
      editor.redraw();
      return was;
    },
    hover: () => "crosshair",
    draw(g, view) {
      if (!at) return;
      const [x, y] = view.toScreen(at);
      g.beginPath();
      g.arc(x, y, 7, 0, 2 * Math.PI);
      g.fillStyle = nextColor(store.doc);
      g.fill();
      g.strokeStyle = "#ffffff";
      g.lineWidth = 2;
      g.stroke();
    },
    busy: () => at !== null,
  };
}

/** Drag: a freehand line. */
export function scribbleTool(editor) {
  const { store } = editor;
  let line = null;
  return {
    everyPoint: true,
    down: (e) => (line = [clamp(e.at)]),
    move(e) {
      if (!line) return;
      const next = clamp(e.at);
      const last = line.at(-1);
      if (Math.hypot((next[0] - last[0]) * e.view.width, (next[1] - last[1]) * e.view.height) >= 1) line.push(next);
      editor.redraw();
    },
    up(e) {
      if (!line) return;
      const drawn = line.map(e.view.toScreen);
      let tolerance = SCRIBBLE_TOLERANCE;
      let kept = simplify(drawn, tolerance);
      while (kept.length > LONGEST_SCRIBBLE) kept = simplify(drawn, (tolerance *= 2));
      const length = kept.slice(1).reduce((sum, p, i) => sum + Math.hypot(p[0] - kept[i][0], p[1] - kept[i][1]), 0);
      line = null;
      editor.redraw();
      if (length > 2 * SLOP) place(store, targetOf(store, "scribble"), "scribble", kept.map((p) => clamp(e.view.toLayout(p))));
    },
    cancel() {
      const was = line !== null;
      line = null;
      editor.redraw();
      return was;
    },
    hover: () => "crosshair",
    draw(g, view) {
      if (line) drawScribble(g, line, (targetOf(store, "scribble") ?? {}).color || nextColor(store.doc), view, true);
    },
    busy: () => line !== null,
  };
}
