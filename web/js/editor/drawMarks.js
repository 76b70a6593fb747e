/** What lies over all instances: lines to parts, the frame and handles of the selection, what the mouse is at. */
import { instanceColor } from "../state/colors.js";
import { HANDLES, handlePosition, instanceBounds } from "../state/geometry.js";
import { HALO } from "./drawInstance.js";
import { drawTurnHandle } from "./turnHandle.js";

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

/** The frame and the handles of the selection: eight that resize it, one that turns it. */
export function drawHandles(g, bounds, view, resizable, size) {
  const [x, y] = view.toScreen(bounds.slice(0, 2));
  const [right, bottom] = view.toScreen(bounds.slice(2));
  g.setLineDash([5, 3]);
  g.lineWidth = 1;
  g.strokeStyle = "#ffffff";
  g.strokeRect(x, y, right - x, bottom - y);
  g.setLineDash([]);
  if (!resizable) return;
  drawTurnHandle(g, bounds, view, size);
  const small = Math.min(right - x, bottom - y) < 35;
  g.beginPath();
  for (const name of Object.keys(HANDLES)) {
    if (small && name.length === 1) continue;
    const [hx, hy] = view.toScreen(handlePosition(bounds, name));
    g.rect(hx - 4, hy - 4, 8, 8);
  }
  g.fillStyle = "#ffffff";
  g.strokeStyle = "#1a6be0";
  g.lineWidth = 1.5;
  g.fill();
  g.stroke();
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
