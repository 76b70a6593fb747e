/** The handle that turns the selection: above it, or below or inside where the canvas ends. Screen units are CSS pixels of the canvas. */
import { applied } from "../state/affine.js";
import { pointBounds } from "../state/geometry.js";
import { cornersOf } from "../state/outline.js";

const AWAY = 26; // from the edge of the selection
const RADIUS = 5.5;
const NEAR = 9;
const LABEL = { width: 52, height: 20, away: 16 };
const BLUE = "#1a6be0";

/** The hand of a mouse that is at it: a round arrow. */
export const TURN_CURSOR = `url("data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" fill="none" stroke-linecap="round" stroke-linejoin="round">' +
    ["#000' stroke-width='4", "#fff' stroke-width='2"].map((line) => `<path stroke='${line}' d='M19 13a7 7 0 1 1-2.4-6.3M17 2.5v4.6h-4.6'/>`).join("") +
    "</svg>"
)}") 12 12, grab`;

/** @returns {{at: number[], from: number[]}} the middle of the handle, and where its line begins */
function placeOf(bounds, view, size) {
  const [left, top] = view.toScreen(bounds.slice(0, 2));
  const [right, bottom] = view.toScreen(bounds.slice(2));
  const x = (left + right) / 2;
  const y = [top - AWAY, bottom + AWAY].find((one) => one > RADIUS + 2 && one < size.height - RADIUS - 2);
  if (y !== undefined) return { at: [x, y], from: [x, y < top ? top : bottom] };
  return { at: [x, Math.max(top, 0) + AWAY], from: [x, top] };
}

/** @param {boolean} coarse for a finger @returns {boolean} whether a screen point is on the handle */
export function isAtTurnHandle(bounds, [x, y], view, size, coarse = false) {
  const { at } = placeOf(bounds, view, size);
  return Math.hypot(x - at[0], y - at[1]) <= (coarse ? 16 : NEAR);
}

/** @returns {number[]} the area [x0, y0, x1, y1] that the handle and its line take */
export function turnHandleArea(bounds, view, size) {
  const { at, from } = placeOf(bounds, view, size);
  const around = RADIUS + 3;
  return [at[0] - around, Math.min(at[1], from[1]) - around, at[0] + around, Math.max(at[1], from[1]) + around];
}

export function drawTurnHandle(g, bounds, view, size) {
  const { at, from } = placeOf(bounds, view, size);
  for (const [color, width] of [["rgba(0, 0, 0, 0.55)", 3], ["#ffffff", 1]]) {
    g.beginPath();
    g.moveTo(...from);
    g.lineTo(...at);
    g.strokeStyle = color;
    g.lineWidth = width;
    g.stroke();
  }
  g.beginPath();
  g.arc(...at, RADIUS, 0, 2 * Math.PI);
  g.fillStyle = "#ffffff";
  g.fill();
  g.strokeStyle = BLUE;
  g.lineWidth = 1.5;
  g.stroke();
}

/** @param {{bounds: number[], map: number[], degrees: number, screen: number[]}} turn that goes on; screen: where the pointer is */
export function drawTurn(g, { bounds, map, degrees, screen }, view) {
  g.beginPath();
  for (const corner of cornersOf(bounds)) g.lineTo(...view.toScreen(applied(map, corner)));
  g.closePath();
  for (const [color, width] of [["rgba(0, 0, 0, 0.55)", 3], ["#ffffff", 1]]) {
    g.strokeStyle = color;
    g.lineWidth = width;
    g.stroke();
  }
  const [x, y] = [screen[0] + LABEL.away, screen[1] + LABEL.away];
  g.fillStyle = BLUE;
  g.fillRect(x, y, LABEL.width, LABEL.height);
  g.fillStyle = "#ffffff";
  g.font = "600 12px system-ui, sans-serif";
  g.textBaseline = "middle";
  g.textAlign = "center";
  g.fillText(`${degrees}°`, x + LABEL.width / 2, y + LABEL.height / 2);
  g.textAlign = "start";
}

/** @returns {number[][]} what drawTurn takes of the canvas; see areas.js */
export function turnAreas({ bounds, map, screen }, view) {
  const [x0, y0, x1, y1] = pointBounds(cornersOf(bounds).map((corner) => view.toScreen(applied(map, corner))));
  const [x, y] = [screen[0] + LABEL.away, screen[1] + LABEL.away];
  return [[x0 - 3, y0 - 3, x1 + 3, y1 + 3], [x - 1, y - 1, x + LABEL.width + 1, y + LABEL.height + 1]];
}
