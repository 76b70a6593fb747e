/**
 * The picture on the canvas, in two layers: what stands still (background, guides, instances that are not selected) is drawn once into a
 * canvas of its own and copied; the selection with its parts, the tool's own drawing and handles are drawn anew in each frame.
 */
import { withParts } from "../layout/parts.js";
import { instanceColor } from "../state/colors.js";
import { instancesOf } from "../state/geometry.js";
import { drawHandles, drawHover, drawInstance, drawLabel, drawTies } from "./drawInstance.js";
import { isResizable, movableBounds } from "./hit.js";
import { fitted } from "./picture.js";
import { clipLayout, drawBehind } from "../studio/behind.js";

/** @param {HTMLCanvasElement} element the visible canvas */
export function createScene(element) {
  const still = document.createElement("canvas");
  let stillKey = null;

  /**
   * @param {object} what {doc, session, settings (view settings), view (viewport), size {width, height, ratio}, background: image | null,
   *   behind: pictures of the studio (studio/behind.js) | null, theme: {stage, paper, line}, tool: {draw?(g, view)}, guides: [{axis, at}]}
   */
  function draw(what) {
    const { doc, session, size, tool } = what;
    const [w, h] = [Math.round(size.width * size.ratio), Math.round(size.height * size.ratio)];
    if (element.width !== w || element.height !== h) {
      element.width = w;
      element.height = h;
      stillKey = null;
    }
    const selected = new Set(session.selection);
    const painted = tool.painting?.() ?? null; // the instance whose mask the tool draws itself
    const active = new Set(withParts(doc, session.selection)); // what moves when the selection is dragged
    const resting = [];
    doc.instances.forEach((instance, index) => {
      if (!active.has(instance.id)) resting.push(instance, index);
    });
    const key = keyOf(what, w, h, resting);
    if (!same(key, stillKey)) {
      drawStill(what, w, h, resting);
      stillKey = key;
    }
    const g = element.getContext("2d");
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.globalCompositeOperation = "copy";
    g.drawImage(still, 0, 0);
    g.globalCompositeOperation = "source-over";
    g.setTransform(size.ratio, 0, 0, size.ratio, 0, 0);
    clipLayout(g, what.behind, what.view, size);
    drawMoving(g, what, { selected, active, painted });
    g.restore();
  }

  function drawMoving(g, { doc, session, view, size, tool, guides }, { selected, active, painted }) {
    const hovered = session.hover !== null && doc.instances.find((instance) => instance.id === session.hover);
    if (hovered && !selected.has(hovered.id)) drawHover(g, hovered, view);
    doc.instances.forEach((instance, index) => {
      if (!active.has(instance.id) || !(instance.visible || selected.has(instance.id))) return;
      const drawn = painted === instance.id ? { ...instance, mask: undefined } : instance;
      drawInstance(g, drawn, instanceColor(instance, index), view, selected.has(instance.id) ? "selected" : "normal");
    });
    drawTies(g, doc, selected, view);
    tool.draw?.(g, view);
    for (const { axis, at } of guides) drawGuide(g, axis, at, view);
    if (session.tool === "select") {
      const chosen = instancesOf(doc, [...active]);
      const bounds = movableBounds(chosen);
      if (bounds) drawHandles(g, bounds, view, isResizable(chosen));
    }
    doc.instances.forEach((instance, index) => {
      if (!active.has(instance.id) || !(instance.visible || selected.has(instance.id))) return;
      drawLabel(g, instance, index, instanceColor(instance, index), view, size, selected.has(instance.id) && selected.size === 1);
    });
  }

  function drawStill({ doc, settings, view, size, background, behind, theme }, w, h, resting) {
    still.width = w;
    still.height = h;
    const g = still.getContext("2d");
    g.scale(size.ratio, size.ratio);
    g.fillStyle = theme.stage;
    g.fillRect(0, 0, size.width, size.height);
    g.fillStyle = theme.paper;
    g.fillRect(view.left, view.top, view.width, view.height);
    if (behind) drawBehind(g, behind, view);
    else if (background) {
      g.globalAlpha = settings.opacity;
      const place = fitted({ width: background.naturalWidth, height: background.naturalHeight }, view);
      g.drawImage(background, place.left, place.top, place.width, place.height);
      g.globalAlpha = 1;
    }
    if (settings.grid) drawGrid(g, doc, settings, view, theme);
    if (settings.thirds) drawThirds(g, view, theme);
    g.strokeStyle = theme.line;
    g.lineWidth = 1;
    g.strokeRect(view.left - 0.5, view.top - 0.5, view.width + 1, view.height + 1);
    clipLayout(g, behind, view, size);
    for (let i = 0; i < resting.length; i += 2) {
      if (resting[i].visible) drawInstance(g, resting[i], instanceColor(resting[i], resting[i + 1]), view);
    }
    for (let i = 0; i < resting.length; i += 2) {
      if (resting[i].visible) drawLabel(g, resting[i], resting[i + 1], instanceColor(resting[i], resting[i + 1]), view, size);
    }
    g.restore();
  }

  return { draw };
}

/** Everything that the still layer shows; compared item by item, so instances count by identity. */
function keyOf({ doc, settings, view, size, background, behind, theme }, w, h, resting) {
  const { opacity, grid, gridSize, thirds } = settings;
  const pictures = behind ? Object.values(behind) : [null, null, null, null, null];
  return [w, h, size.ratio, view.left, view.top, view.scale, doc.width, doc.height, background, background && opacity, grid && gridSize, thirds, theme.stage, theme.paper, theme.line, ...pictures, ...resting];
}

function same(a, b) {
  return b !== null && a.length === b.length && a.every((value, i) => value === b[i]);
}

function drawGrid(g, doc, { gridSize }, view, theme) {
  const step = gridSize * view.scale;
  if (step < 4) return; // finer than the eye
  g.beginPath();
  for (let x = step; x < view.width; x += step) line(g, view.left + x, view.top, view.left + x, view.top + view.height);
  for (let y = step; y < view.height; y += step) line(g, view.left, view.top + y, view.left + view.width, view.top + y);
  g.globalAlpha = 0.25;
  g.strokeStyle = theme.line;
  g.lineWidth = 1;
  g.stroke();
  g.globalAlpha = 1;
}

function drawThirds(g, view, theme) {
  g.beginPath();
  for (const third of [1 / 3, 2 / 3]) {
    line(g, view.left + third * view.width, view.top, view.left + third * view.width, view.top + view.height);
    line(g, view.left, view.top + third * view.height, view.left + view.width, view.top + third * view.height);
  }
  g.globalAlpha = 0.6;
  g.strokeStyle = theme.line;
  g.lineWidth = 1;
  g.stroke();
  g.globalAlpha = 1;
}

function drawGuide(g, axis, at, view) {
  g.beginPath();
  const [x, y] = view.toScreen([at, at]);
  if (axis === 0) line(g, x, view.top - 8, x, view.top + view.height + 8);
  else line(g, view.left - 8, y, view.left + view.width + 8, y);
  g.strokeStyle = "#ff3da5";
  g.lineWidth = 1;
  g.stroke();
}

function line(g, x0, y0, x1, y1) {
  g.moveTo(x0, y0);
  g.lineTo(x1, y1);
}
