/**
 * The picture on the canvas, in two layers: what stands still (background, guides, instances that are not selected) is drawn once into a
 * canvas of its own and copied; the selection with its parts, the tool's own drawing and handles are drawn anew in each frame. Only the part
 * of the canvas that they take, or took in the frame before, is touched: the browser has to put that part alone onto the screen.
 */
import { withParts } from "../layout/parts.js";
import { instanceColor } from "../state/colors.js";
import { instancesOf } from "../state/geometry.js";
import { areasOf, pixelsOf } from "./areas.js";
import { drawHandles, drawHover, drawInstance, drawLabel, drawTies } from "./drawInstance.js";
import { isResizable, movableBounds } from "./hit.js";
import { fitted } from "./picture.js";
import { clipLayout, drawBehind } from "../studio/behind.js";

/** @param {HTMLCanvasElement} element the visible canvas */
export function createScene(element) {
  const still = document.createElement("canvas");
  let stillKey = null;
  let lastAreas = null; // where the frame before drew over the still layer; null: anywhere

  /**
   * @param {object} what {doc, session, settings (view settings), view (viewport), size {width, height, ratio}, background: image | null,
   *   behind: pictures of the studio (studio/behind.js) | null, theme: {stage, paper, line}, tool: {draw?(g, view), areas?(view)},
   *   guides: [{axis, at}]}
   */
  function draw(what) {
    const { doc, session, view, size, tool, guides } = what;
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
    const moving = []; // {instance, index, chosen: whether it is selected itself}
    doc.instances.forEach((instance, index) => {
      if (!active.has(instance.id)) resting.push(instance, index);
      else if (instance.visible || selected.has(instance.id)) moving.push({ instance, index, chosen: selected.has(instance.id) });
    });
    const g = element.getContext("2d");
    const hovered = session.hover !== null && doc.instances.find((instance) => instance.id === session.hover && !selected.has(instance.id));
    const whole = selected.size === 1; // one alone shows its label in full
    const held = session.tool === "select" ? instancesOf(doc, [...active]) : []; // what the handles are around
    const areas = areasOf({ g, doc, moving, hovered, selected, whole, tool, guides, view, size, handles: movableBounds(held) });
    const key = keyOf(what, w, h, resting);
    const fresh = !same(key, stillKey);
    if (fresh) {
      drawStill(what, w, h, resting);
      stillKey = key;
    }
    const all = fresh || !areas || !lastAreas;
    const touched = all ? [[0, 0, w, h]] : [...areas, ...lastAreas].map((area) => pixelsOf(area, size.ratio, w, h)).filter(([, , x, y]) => x && y);
    lastAreas = areas;
    if (!touched.length) return;
    g.save();
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.beginPath();
    for (const place of touched) g.rect(...place);
    g.clip();
    for (const place of touched) {
      g.clearRect(...place);
      g.drawImage(still, ...place, ...place);
    }
    g.setTransform(size.ratio, 0, 0, size.ratio, 0, 0);
    clipLayout(g, what.behind, view, size);
    drawMoving(g, what, { selected, moving, held, hovered, whole, painted });
    g.restore(); // of clipLayout
    g.restore();
  }

  function drawMoving(g, { doc, view, size, tool, guides }, { selected, moving, held, hovered, whole, painted }) {
    if (hovered) drawHover(g, hovered, view);
    for (const { instance, index, chosen } of moving) {
      const drawn = painted === instance.id ? { ...instance, mask: undefined } : instance;
      drawInstance(g, drawn, instanceColor(instance, index), view, chosen ? "selected" : "normal");
    }
    drawTies(g, doc, selected, view);
    tool.draw?.(g, view);
    for (const { axis, at } of guides) drawGuide(g, axis, at, view);
    const bounds = movableBounds(held);
    if (bounds) drawHandles(g, bounds, view, isResizable(held));
    for (const { instance, index, chosen } of moving) drawLabel(g, instance, index, instanceColor(instance, index), view, size, chosen && whole);
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
