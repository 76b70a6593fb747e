/** The label of an instance on the canvas: its number in depth, from the back, and the start of its prompt. */
import { inkOn } from "../state/colors.js";
import { instanceBounds } from "../state/geometry.js";

const FONT = "600 11px system-ui, sans-serif";
const LABEL_HEIGHT = 17;
const LABEL_LETTERS = 30;
const MARK = 14; // CSS pixels of a padlock, or of the sign of a reference picture
const LETTER_WIDTH = 6.6; // CSS pixels, about, of the label's font

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
  const width = textWidth(g, text) + 10 + MARK * (Number(Boolean(instance.locked)) + Number(Boolean(instance.reference)));
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
  if (instance.locked) drawPadlock(g, x + width - MARK, y + 4);
  if (instance.reference) drawPicture(g, x + width - MARK * (instance.locked ? 2 : 1), y + 4);
  g.globalAlpha = 1;
}

/** A frame with a hill in it. */
function drawPicture(g, x, y) {
  g.lineWidth = 1.2;
  g.strokeStyle = g.fillStyle;
  g.strokeRect(x - 0.5, y + 1, 10, 8);
  g.beginPath();
  g.moveTo(x, y + 8.5);
  g.lineTo(x + 4, y + 4);
  g.lineTo(x + 8.5, y + 8.5);
  g.fill();
}

function drawPadlock(g, x, y) {
  g.fillRect(x, y + 4, 8, 6);
  g.beginPath();
  g.arc(x + 4, y + 4, 2.6, Math.PI, 0);
  g.lineWidth = 1.5;
  g.strokeStyle = g.fillStyle;
  g.stroke();
}
