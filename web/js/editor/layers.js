/**
 * What stands still while a selection moves, on canvases of its own: the ground (paper, picture, grid), the instances behind the selection, and
 * those in front of it with what they hide. Each is drawn anew only when something that it shows has changed.
 */
import { drawBehind } from "../studio/behind.js";
import { instanceColor } from "../state/colors.js";
import { drawCover, FILLS, layInstance } from "./drawInstance.js";
import { drawLabel } from "./drawLabel.js";
import { drawGrid, drawThirds } from "./guides.js";
import { fitted } from "./picture.js";

/**
 * @typedef {{instance: object, index: number, moves: boolean, chosen: boolean}} Entry of the document, in depth order from the back
 * @param {object} doc @param {Set<string>} active ids of what moves when the selection is dragged @param {Set<string>} selected
 * @returns {{behind: Entry[], between: Entry[], front: Entry[]}} those that are drawn: the ones behind all that moves, all from the first to
 *   the last that moves, and the ones in front of these; without a selection all of them are behind
 */
export function splitByDepth(doc, active, selected) {
  const entries = doc.instances
    .map((instance, index) => ({ instance, index, moves: active.has(instance.id), chosen: selected.has(instance.id) }))
    .filter(({ instance, chosen }) => instance.visible || chosen);
  const first = entries.findIndex(({ moves }) => moves);
  if (first < 0) return { behind: entries, between: [], front: [] };
  const end = entries.findLastIndex(({ moves }) => moves) + 1;
  return { behind: entries.slice(0, first), between: entries.slice(first, end), front: entries.slice(end) };
}

/** @returns {{box: number, mask: number}} how strongly shapes are filled over what lies behind the layout */
export function fillsOver({ background, behind }) {
  return background || behind ? FILLS.picture : FILLS.paper;
}

/** @returns {{ground, behind, hides, front: HTMLCanvasElement, update: Function}} hides: opaque where those in front hide what is behind */
export function createLayers() {
  const [ground, behind, hides, front] = ["ground", "behind", "hides", "front"].map(() => document.createElement("canvas"));
  let groundKey = null;
  let restKey = null;

  /** Bring the canvases up to date. @param {object} what see scene.js @param {object} split of splitByDepth @returns {boolean} whether one changed */
  function update(what, w, h, split) {
    const keys = [groundKeyOf(what, w, h), restKeyOf(what, w, h, split)];
    const [groundIs, restIs] = [same(keys[0], groundKey), same(keys[1], restKey)];
    [groundKey, restKey] = keys;
    if (!groundIs) drawGround(blank(ground, w, h, what.size.ratio), what);
    if (!restIs) drawRest(what, w, h, split);
    return !groundIs || !restIs;
  }

  function drawRest(what, w, h, split) {
    const { view, size } = what;
    const fills = fillsOver(what);
    const [back, cover, fore] = [behind, hides, front].map((canvas) => blank(canvas, w, h, size.ratio));
    const lay = (g) => ({ instance, index }) => layInstance(g, instance, instanceColor(instance, index), view, fills);
    split.behind.forEach(lay(back));
    split.front.forEach(lay(fore));
    for (const { instance } of split.front) drawCover(cover, instance, "#000000", view);
    for (const { instance, index, moves } of Object.values(split).flat()) {
      if (!moves) drawLabel(fore, instance, index, instanceColor(instance, index), view, size);
    }
  }

  return { ground, behind, hides, front, update };
}

/** Everything that a layer shows; compared item by item, so instances and pictures count by identity. */
function groundKeyOf({ doc, settings, view, size, background, behind, theme }, w, h) {
  const { opacity, grid, gridSize, thirds } = settings;
  const pictures = behind ? Object.values(behind) : []; // and how much of the layout is to be seen over them
  return [w, h, size.ratio, view.left, view.top, view.scale, doc.width, doc.height, background, background && opacity, grid && gridSize, thirds, theme.stage, theme.paper, theme.line, ...pictures];
}

function restKeyOf(what, w, h, { behind, between, front }) {
  const { view, size } = what;
  const key = [w, h, size.ratio, view.left, view.top, view.scale, view.width, fillsOver(what)];
  for (const part of [behind, between, front]) {
    key.push(null);
    for (const { instance, index, moves } of part) if (!moves) key.push(instance, index);
  }
  return key;
}

function same(a, b) {
  return b !== null && a.length === b.length && a.every((value, i) => value === b[i]);
}

/** @returns {CanvasRenderingContext2D} of the canvas emptied, in CSS pixels */
function blank(canvas, w, h, ratio) {
  canvas.width = w;
  canvas.height = h;
  const g = canvas.getContext("2d");
  g.scale(ratio, ratio);
  return g;
}

function drawGround(g, { doc, settings, view, size, background, behind, theme }) {
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
}
