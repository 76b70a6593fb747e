/** Drawing one instance: box, mask, scribble, point and its label. Screen units are CSS pixels; lines keep their width at any zoom. */
import { HANDLES, handlePosition, instanceBounds } from "../state/geometry.js";
import { inkOn, instanceColor } from "../state/colors.js";
import { maskPicture } from "./masks.js";

const FONT = "600 11px system-ui, sans-serif";
const LABEL_HEIGHT = 17;
const LABEL_LETTERS = 30;
const LETTER_WIDTH = 6.6; // CSS pixels, about, of the label's font
const HALO = "rgba(0, 0, 0, 0.55)"; // under every line, so that it shows on any picture

/** Draw an instance. @param {"normal" | "selected"} look */
export function drawInstance(g, instance, color, view, look = "normal") {
  const selected = look === "selected";
  if (!instance.visible) g.setLineDash([4, 4]);
  if (instance.mask && instance.visible) drawMask(g, instance, color, view, selected ? 0.55 : 0.4);
  if (instance.box) drawBox(g, instance.box, color, view, selected, instance.visible);
  if (instance.scribble) drawScribble(g, instance.scribble, color, view, selected);
  if (instance.point) drawPoint(g, instance.point, color, view, selected);
  g.setLineDash([]);
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
  g.drawImage(maskPicture(instance.mask, color), x, y, view.width * scale[0], view.height * scale[1]);
  g.restore();
}

function drawBox(g, [x0, y0, x1, y1], color, view, selected, filled) {
  const [x, y] = view.toScreen([x0, y0]);
  const [w, h] = [(x1 - x0) * view.width, (y1 - y0) * view.height];
  if (filled) {
    g.globalAlpha = selected ? 0.2 : 0.12;
    g.fillStyle = color;
    g.fillRect(x, y, w, h);
    g.globalAlpha = 1;
  }
  g.strokeStyle = HALO;
  g.lineWidth = selected ? 4 : 3;
  g.strokeRect(x, y, w, h);
  g.strokeStyle = color;
  g.lineWidth = selected ? 2.5 : 1.5;
  g.strokeRect(x, y, w, h);
}

/** A freehand line; points as fractions of the layout. */
export function drawScribble(g, points, color, view, selected) {
  g.beginPath();
  for (const point of points) g.lineTo(...view.toScreen(point));
  if (points.length === 1) g.lineTo(...view.toScreen(points[0])); // a dot
  g.lineJoin = g.lineCap = "round";
  g.strokeStyle = HALO;
  g.lineWidth = selected ? 7 : 5.5;
  g.stroke();
  g.strokeStyle = color;
  g.lineWidth = selected ? 4.5 : 3;
  g.stroke();
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

const widths = new Map(); // label text -> width; forgotten when there are many

function textWidth(g, text) {
  if (widths.size > 2000) widths.clear();
  let width = widths.get(text);
  if (width === undefined) widths.set(text, (width = g.measureText(text).width));
  return width;
}

/**
 * The label of an instance: its number and the start of its prompt, always in sight and of the same size.
 * @param {boolean} whole also where it is wider than the instance, as for the selected one; else it would hide its neighbours'
 * @returns {{text: string, x: number, y: number, width: number, height: number} | null} CSS pixels of the canvas
 */
export function labelOf(g, instance, index, view, canvas, whole) {
  const bounds = instanceBounds(instance);
  if (!bounds) return null;
  const [left, top] = view.toScreen(bounds.slice(0, 2));
  const [right, bottom] = view.toScreen(bounds.slice(2));
  const line = instance.prompt.trim().split("\n", 1)[0];
  const room = whole || !(instance.box || instance.mask) ? LABEL_LETTERS : Math.min(LABEL_LETTERS, Math.floor((right - left - 26) / LETTER_WIDTH));
  const words = line.length > room ? (room > 3 ? `${line.slice(0, room - 1).trimEnd()}…` : "") : line;
  const text = `${index + 1}${words ? `  ${words}` : ""}`;
  g.font = FONT;
  const width = textWidth(g, text) + (instance.locked ? 24 : 10);
  const inside = instance.box && bottom - top > 2.2 * LABEL_HEIGHT; // above lines, which it would hide
  const beside = right - left < 4 && bottom - top < 4 ? 8 : 0; // a point must not hide under its own label
  const x = Math.max(0, Math.min(left + beside, canvas.width - width));
  const y = Math.max(0, Math.min(inside ? top : top - LABEL_HEIGHT, canvas.height - LABEL_HEIGHT));
  return { text, x, y, width, height: LABEL_HEIGHT };
}

/** Draw the label; the arguments are those of labelOf, and the instance's colour. */
export function drawLabel(g, instance, index, color, view, canvas, whole = false) {
  const label = labelOf(g, instance, index, view, canvas, whole);
  if (!label) return;
  const { text, x, y, width, height } = label;
  g.globalAlpha = instance.visible ? 1 : 0.5;
  g.fillStyle = color;
  g.fillRect(x, y, width, height);
  g.fillStyle = inkOn(color);
  g.textBaseline = "middle";
  g.fillText(text, x + 5, y + height / 2 + 0.5);
  if (instance.locked) drawPadlock(g, x + width - 14, y + 4);
  g.globalAlpha = 1;
}

function drawPadlock(g, x, y) {
  g.fillRect(x, y + 4, 8, 6);
  g.beginPath();
  g.arc(x + 4, y + 4, 2.6, Math.PI, 0);
  g.lineWidth = 1.5;
  g.strokeStyle = g.fillStyle;
  g.stroke();
}

/** Lines from the selected ones to their parts and parents, middle to middle, in the parent's colour. */
export function drawTies(g, doc, selected, view) {
  if (!selected.size || !doc.instances.some((instance) => instance.parent)) return;
  const places = new Map(doc.instances.map((instance, index) => [instance.id, { instance, color: instanceColor(instance, index) }]));
  const middle = ({ instance }) => {
    const [x0, y0, x1, y1] = instanceBounds(instance);
    return view.toScreen([(x0 + x1) / 2, (y0 + y1) / 2]);
  };
  for (const part of places.values()) {
    const parent = places.get(part.instance.parent);
    if (!parent || !(selected.has(part.instance.id) || selected.has(parent.instance.id))) continue;
    const [from, to] = [middle(part), middle(parent)];
    for (const [color, width] of [[HALO, 4], [parent.color, 1.5]]) {
      g.beginPath();
      g.moveTo(...from);
      g.lineTo(...to);
      g.strokeStyle = color;
      g.lineWidth = width;
      g.stroke();
    }
    g.beginPath();
    g.arc(...from, 3.5, 0, 2 * Math.PI);
    g.fillStyle = parent.color;
    g.fill();
  }
}

/** The frame and the eight handles of the selection. */
export function drawHandles(g, bounds, view, resizable) {
  const [x, y] = view.toScreen(bounds.slice(0, 2));
  const [right, bottom] = view.toScreen(bounds.slice(2));
  g.setLineDash([5, 3]);
  g.lineWidth = 1;
  g.strokeStyle = "#ffffff";
  g.strokeRect(x, y, right - x, bottom - y);
  g.setLineDash([]);
  if (!resizable) return;
  for (const name of Object.keys(HANDLES)) {
    const small = Math.min(right - x, bottom - y) < 35;
    if (small && name.length === 1) continue;
    const [hx, hy] = view.toScreen(handlePosition(bounds, name));
    g.fillStyle = "#ffffff";
    g.strokeStyle = "#1a6be0";
    g.lineWidth = 1.5;
    g.beginPath();
    g.rect(hx - 4, hy - 4, 8, 8);
    g.fill();
    g.stroke();
  }
}

/** The quiet highlight of the instance under the mouse, here or in the list. */
export function drawHover(g, instance, view) {
  const bounds = instanceBounds(instance);
  if (!bounds) return;
  const [x, y] = view.toScreen(bounds.slice(0, 2));
  const [right, bottom] = view.toScreen(bounds.slice(2));
  g.lineWidth = 1.5;
  g.strokeStyle = "#ffffff";
  g.strokeRect(x - 2, y - 2, right - x + 4, bottom - y + 4);
}
