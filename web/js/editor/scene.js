/**
 * The picture on the canvas. What stands still is kept in layers (layers.js); in each frame the selection and its parts are drawn anew between
 * those that lie behind and in front of them, then the tool's own drawing and the handles over all. Only the part of the canvas that they take,
 * or took in the frame before, is touched: the browser has to put that part alone onto the screen.
 */
import { opacityOf } from "../layout/document.js";
import { withParts } from "../layout/parts.js";
import { instanceColor } from "../state/colors.js";
import { instanceBounds, instancesOf } from "../state/geometry.js";
import { clipLayout } from "../studio/behind.js";
import { areaAround, areasOf, merged, overlap, pixelsOf } from "./areas.js";
import { drawCovered, layInstance } from "./drawInstance.js";
import { drawLabel } from "./drawLabel.js";
import { drawHandles, drawHover, drawTies } from "./drawMarks.js";
import { drawGuide } from "./guides.js";
import { isResizable, movableBounds } from "./hit.js";
import { createLayers, fillsOver, splitByDepth } from "./layers.js";

/** @param {HTMLCanvasElement} element the visible canvas */
export function createScene(element) {
  const layers = createLayers();
  const sheet = document.createElement("canvas"); // all instances, on nothing
  let lastAreas = null; // where the frame before drew over the layers; null: anywhere

  /**
   * @param {object} what {doc, session, settings (view settings), view (viewport), size {width, height, ratio}, background: image | null,
   *   behind: pictures of the studio (studio/behind.js) | null, theme: {stage, paper, line}, tool: {draw?(g, view), areas?(view), painting?(), turning?()},
   *   guides: [{axis, at}]}
   */
  function draw(what) {
    const { doc, session, view, size, tool, guides } = what;
    const [w, h] = [Math.round(size.width * size.ratio), Math.round(size.height * size.ratio)];
    for (const canvas of [element, sheet]) {
      if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
    }
    const selected = new Set(session.selection);
    const active = new Set(withParts(doc, session.selection)); // what moves when the selection is dragged
    const split = splitByDepth(doc, active, selected);
    const moving = split.between.filter(({ moves }) => moves);
    const hovered = session.hover !== null && doc.instances.find((instance) => instance.id === session.hover && !selected.has(instance.id));
    const whole = selected.size === 1; // one alone shows its label in full
    const held = session.tool === "select" ? instancesOf(doc, [...active]) : []; // what the handles are around
    const g = element.getContext("2d");
    const areas = areasOf({ g, doc, moving, hovered, selected, whole, tool, guides, view, size, handles: movableBounds(held) });
    const all = layers.update(what, w, h, split) || !areas || !lastAreas;
    const touched = all ? [[0, 0, w, h]] : merged([...areas, ...lastAreas].map((area) => pixelsOf(area, size.ratio, w, h)));
    lastAreas = areas;
    if (!touched.length) return;
    compose(what, split, touched);
    const { ratio } = size;
    const release = hold(g, touched);
    for (const place of touched) {
      g.clearRect(...place);
      g.drawImage(layers.ground, ...place, ...place);
    }
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    clipLayout(g, what.behind, view, size);
    g.setTransform(1, 0, 0, 1, 0, 0);
    for (const place of touched) g.drawImage(sheet, ...place, ...place);
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    drawOver(g, what, { selected, moving, held, hovered, whole });
    g.restore(); // of clipLayout
    release();
  }

  /** All instances in depth order, onto the sheet. */
  function compose({ view, size, tool, ...what }, { between, front }, touched) {
    const g = sheet.getContext("2d");
    const release = hold(g, touched);
    for (const place of touched) {
      g.clearRect(...place);
      g.drawImage(layers.behind, ...place, ...place);
    }
    g.setTransform(size.ratio, 0, 0, size.ratio, 0, 0);
    const painting = tool.painting?.() ?? null;
    const fills = fillsOver(what);
    for (const { instance, index, moves, chosen } of between) {
      if (!moves && !isIn(instance, touched, view, size.ratio)) continue;
      const drawn = painting?.id === instance.id ? { ...instance, painted: painting.picture } : instance;
      layInstance(g, drawn, instanceColor(instance, index), view, fills, chosen);
    }
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.globalCompositeOperation = "destination-out";
    if (front.length) for (const place of touched) g.drawImage(layers.hides, ...place, ...place);
    g.globalCompositeOperation = "source-over";
    for (const place of touched) g.drawImage(layers.front, ...place, ...place);
    release();
  }

  function drawOver(g, { doc, view, size, tool, guides }, { selected, moving, held, hovered, whole }) {
    if (hovered) drawHover(g, hovered, view);
    for (const { instance, index, chosen } of moving) {
      if (chosen && isCovered(doc, instance, index)) drawCovered(g, instance, instanceColor(instance, index), view);
    }
    drawTies(g, doc, selected, view);
    tool.draw?.(g, view);
    for (const { axis, at } of guides) drawGuide(g, axis, at, view);
    const bounds = movableBounds(held);
    if (bounds && !tool.turning?.()) drawHandles(g, bounds, view, isResizable(held), size);
    for (const { instance, index, chosen } of moving) drawLabel(g, instance, index, instanceColor(instance, index), view, size, chosen && whole);
  }

  return { draw };
}

/** Hold what is drawn to these places, in device pixels. @returns {() => void} lets go */
function hold(g, places) {
  g.save();
  g.setTransform(1, 0, 0, 1, 0, 0);
  g.beginPath();
  for (const place of places) g.rect(...place);
  g.clip();
  return () => g.restore();
}

function isIn(instance, touched, view, ratio) {
  const [x0, y0, x1, y1] = areaAround(instanceBounds(instance), view).map((v) => v * ratio);
  return touched.some(([x, y, w, h]) => x < x1 && x + w > x0 && y < y1 && y + h > y0);
}

/** Whether something in front may hide a part of it. */
function isCovered(doc, instance, index) {
  const bounds = instanceBounds(instance);
  return doc.instances.some((one, i) => i > index && one.visible && (one.box || one.mask) && opacityOf(one) > 0 && overlap(bounds, instanceBounds(one)));
}
