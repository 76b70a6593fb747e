/**
 * Drawing one instance: box, mask, scribble, point. Screen units are CSS pixels; lines keep their width at any zoom. An instance may hold
 * `painted`, a picture instead of its mask's while that is being painted, and what state/turn.js puts in while it is turned.
 */
import { opacityOf } from "../layout/document.js";
import { IDENTITY } from "../state/affine.js";
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
  if (hasFrame(instance)) drawFrame(g, instance, color, view, selected);
  if (instance.scribble) drawScribble(g, instance.scribble, color, view, selected);
  if (instance.point) drawPoint(g, instance.point, color, view, selected);
  g.setLineDash([]);
}

/** Its mask, else its box, filled. Beside a mask the box is only a frame. */
function drawShape(g, instance, color, view, alpha) {
  if (!alpha) return;
  if (isMasked(instance)) drawMask(g, instance, color, view, alpha);
  else if (hasFrame(instance)) {
    g.globalAlpha = alpha;
    g.fillStyle = color;
    traceFrame(g, instance, view);
    g.fill();
    g.globalAlpha = 1;
  }
}

/** What others cover of an instance that is selected, so that it can be edited all the same: its outline in dashes. */
export function drawCovered(g, instance, color, view) {
  if (isMasked(instance) && instance.visible) drawMask(g, instance, color, view, 0.3);
  g.setLineDash([3, 4]);
  g.strokeStyle = color;
  g.lineWidth = 2;
  if (hasFrame(instance)) {
    traceFrame(g, instance, view);
    g.stroke();
  }
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

const hasFrame = ({ box, turnedBox }) => Boolean(box ?? turnedBox);

/** The path of a box; of one that is being turned, by its corners. */
function traceFrame(g, { box, turnedBox }, view) {
  g.beginPath();
  if (box) g.rect(...view.toScreen(box.slice(0, 2)), (box[2] - box[0]) * view.width, (box[3] - box[1]) * view.height);
  else turnedBox.forEach((corner) => g.lineTo(...view.toScreen(corner)));
  g.closePath();
}

function drawMask(g, instance, color, view, alpha) {
  g.save();
  g.beginPath();
  g.rect(view.left, view.top, view.width, view.height);
  g.clip();
  g.globalAlpha = alpha;
  g.imageSmoothingEnabled = view.scale < 2; // near by, the pixels that will be stored show
  g.translate(view.left, view.top);
  g.scale(view.width, view.height);
  g.transform(...(instance.maskMap ?? IDENTITY));
  g.drawImage(instance.painted ?? maskPicture(instance.mask, color), 0, 0, 1, 1);
  g.restore();
}

function drawFrame(g, instance, color, view, selected) {
  traceFrame(g, instance, view);
  g.strokeStyle = HALO;
  g.lineWidth = selected ? 4 : 3;
  g.stroke();
  g.strokeStyle = color;
  g.lineWidth = selected ? 2.5 : 1.5;
  g.stroke();
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
