/**
 * Drawing one instance: box, mask, scribble, point. Screen units are CSS pixels; lines keep their width at any zoom. An instance may hold
 * `painted`, a picture instead of its mask's while that is being painted.
 */
import { opacityOf } from "../layout/document.js";
import { maskPicture } from "./masks.js";

export const HALO = "rgba(0, 0, 0, 0.55)"; // under every line, so that it shows on any picture

/** How strongly shapes are filled: on plain paper so that one sees who is in front, over a picture so that one sees the picture. */
export const FILLS = Object.freeze({ paper: { box: 0.28, mask: 0.46 }, picture: { box: 0.14, mask: 0.36 } });
const CHOSEN = 1.35; // times as strongly, if selected
const HIDES = 0.8; // of what lies behind an opaque instance; the rest shows where its hidden outline runs

/**
 * Draw an instance onto a layer that holds those behind it, and nothing else: these fade where it covers them, as far as it is opaque.
 * @param {{box: number, mask: number}} fills one of FILLS
 */
export function layInstance(g, instance, color, view, fills, selected = false) {
  g.globalCompositeOperation = "destination-out";
  drawCover(g, instance, color, view);
  g.globalCompositeOperation = "source-over";
  drawInstance(g, instance, color, view, fills, selected);
}

/** The area that an instance covers, as opaque as it hides what is behind: nothing for points, scribbles and what is hidden itself. */
export function drawCover(g, instance, color, view) {
  if (instance.visible) drawShape(g, instance, color, view, HIDES * opacityOf(instance));
}

/** Draw an instance over whatever is there. @param {{box: number, mask: number}} fills one of FILLS */
export function drawInstance(g, instance, color, view, fills, selected = false) {
  const fill = fills[isMasked(instance) ? "mask" : "box"] * (selected ? CHOSEN : 1) * opacityOf(instance);
  if (instance.visible) drawShape(g, instance, color, view, fill);
  else g.setLineDash([4, 4]);
  if (instance.box) drawBox(g, instance.box, color, view, selected);
  if (instance.scribble) drawScribble(g, instance.scribble, color, view, selected);
  if (instance.point) drawPoint(g, instance.point, color, view, selected);
  g.setLineDash([]);
}

/** Its mask, else its box, filled. Beside a mask the box is only a frame. */
function drawShape(g, instance, color, view, alpha) {
  if (!alpha) return;
  if (isMasked(instance)) drawMask(g, instance, color, view, alpha);
  else if (instance.box) {
    g.globalAlpha = alpha;
    g.fillStyle = color;
    g.fillRect(...screenRect(instance.box, view));
    g.globalAlpha = 1;
  }
}

/** What others cover of an instance that is selected, so that it can be edited all the same: its outline in dashes. */
export function drawCovered(g, instance, color, view) {
  if (isMasked(instance) && instance.visible) drawMask(g, instance, color, view, 0.3);
  g.setLineDash([3, 4]);
  g.strokeStyle = color;
  g.lineWidth = 2;
  if (instance.box) g.strokeRect(...screenRect(instance.box, view));
  if (instance.scribble) {
    traceScribble(g, instance.scribble, view);
    g.stroke();
  }
  g.setLineDash([]);
  if (instance.point) drawPoint(g, instance.point, color, view, true);
}

function isMasked({ mask, painted }) {
  return Boolean(painted ?? mask);
}

function screenRect([x0, y0, x1, y1], view) {
  return [...view.toScreen([x0, y0]), (x1 - x0) * view.width, (y1 - y0) * view.height];
}

function drawMask(g, instance, color, view, alpha) {
  const [from, to] = instance.maskPlacement ?? [[0, 0, 1, 1], [0, 0, 1, 1]];
  const scale = [0, 1].map((a) => (from[a + 2] > from[a] ? (to[a + 2] - to[a]) / (from[a + 2] - from[a]) : 1));
  const [x, y] = view.toScreen([to[0] - from[0] * scale[0], to[1] - from[1] * scale[1]]);
  g.save();
  g.beginPath();
  g.rect(view.left, view.top, view.width, view.height);
  g.clip();
  g.globalAlpha = alpha;
  g.imageSmoothingEnabled = view.scale < 2; // near by, the pixels that will be stored show
  g.drawImage(instance.painted ?? maskPicture(instance.mask, color), x, y, view.width * scale[0], view.height * scale[1]);
  g.restore();
}

function drawBox(g, box, color, view, selected) {
  const rect = screenRect(box, view);
  g.strokeStyle = HALO;
  g.lineWidth = selected ? 4 : 3;
  g.strokeRect(...rect);
  g.strokeStyle = color;
  g.lineWidth = selected ? 2.5 : 1.5;
  g.strokeRect(...rect);
}

/** A freehand line; points as fractions of the layout. */
export function drawScribble(g, points, color, view, selected) {
  traceScribble(g, points, view);
  g.strokeStyle = HALO;
  g.lineWidth = selected ? 7 : 5.5;
  g.stroke();
  g.strokeStyle = color;
  g.lineWidth = selected ? 4.5 : 3;
  g.stroke();
}

function traceScribble(g, points, view) {
  g.beginPath();
  for (const point of points) g.lineTo(...view.toScreen(point));
  if (points.length === 1) g.lineTo(...view.toScreen(points[0])); // a dot
  g.lineJoin = g.lineCap = "round";
}

function drawPoint(g, point, color, view, selected) {
  const [x, y] = view.toScreen(point);
  const radius = selected ? 7 : 5.5;
  g.beginPath();
  g.arc(x, y, radius, 0, 2 * Math.PI);
  g.fillStyle = color;
  g.fill();
  g.lineWidth = 4;
  g.strokeStyle = HALO;
  g.stroke();
  g.lineWidth = 2;
  g.strokeStyle = "#ffffff";
  g.stroke();
}
