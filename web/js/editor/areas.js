/** Which parts of the canvas a frame draws over what stands still. Areas are [x0, y0, x1, y1] in CSS pixels of the canvas. */
import { instanceBounds } from "../state/geometry.js";
import { labelOf } from "./drawLabel.js";
import { turnHandleArea } from "./turnHandle.js";

const AROUND = 10; // CSS pixels: lines, points and handles reach beyond the bounds of what they belong to

/** @returns {number[]} the area of a rectangle of the layout, with room for lines and handles around it */
export function areaAround(bounds, view) {
  const [x0, y0] = view.toScreen(bounds.slice(0, 2));
  const [x1, y1] = view.toScreen(bounds.slice(2));
  return [x0 - AROUND, y0 - AROUND, x1 + AROUND, y1 + AROUND];
}

/**
 * @param {object} frame {g, doc, moving: [{instance, index, chosen}], hovered, selected: Set of ids, whole, tool, guides, view, size, handles: their bounds | null}
 * @returns {number[][] | null} where the frame draws; null: anywhere
 */
export function areasOf({ g, doc, moving, hovered, selected, whole, tool, guides, view, size, handles }) {
  if (tool.draw && !tool.areas) return null;
  const isTied = ({ id, parent }) => parent && (selected.has(id) || selected.has(parent));
  if (selected.size && doc.instances.some(isTied)) return null; // lines go to wherever the others are
  const areas = guides.map(({ axis, at }) => {
    const [x, y] = view.toScreen([at, at]);
    return axis === 0 ? [x - 1, 0, x + 1, size.height] : [0, y - 1, size.width, y + 1];
  });
  for (const { instance, index, chosen } of moving) {
    const label = labelOf(g, instance, index, view, size, chosen && whole);
    if (!label) continue;
    areas.push(areaAround(instanceBounds(instance), view), [label.x, label.y, label.x + label.width, label.y + label.height]);
  }
  if (hovered && instanceBounds(hovered)) areas.push(areaAround(instanceBounds(hovered), view));
  if (handles) areas.push(areaAround(handles, view), turnHandleArea(handles, view, size));
  return [...areas, ...(tool.areas?.(view) ?? [])];
}

/** @returns {number[]} [x, y, width, height] of an area in whole device pixels, inside a canvas of w x h; width or height may be 0 */
export function pixelsOf([x0, y0, x1, y1], ratio, w, h) {
  const [left, top] = [Math.max(0, Math.floor(x0 * ratio)), Math.max(0, Math.floor(y0 * ratio))];
  return [left, top, Math.max(0, Math.min(w, Math.ceil(x1 * ratio)) - left), Math.max(0, Math.min(h, Math.ceil(y1 * ratio)) - top)];
}

const MOST = 12; // rectangles of a frame; each is copied from several layers
const WASTE = 1.25; // a rectangle around two may be as much larger than both

/**
 * Fewer rectangles that hold all of these: those that overlap are joined where that costs little.
 * @param {number[][]} places [x, y, width, height] in device pixels; those without area are left out
 */
export function merged(places) {
  let found = [];
  for (let place of places) {
    if (!place[2] || !place[3]) continue;
    for (;;) {
      const other = found.find((one) => area(around(one, place)) <= WASTE * Math.max(area(one), area(place), area(one) + area(place) - common(one, place)));
      if (!other) break;
      found = found.filter((one) => one !== other);
      place = around(other, place);
    }
    found.push(place);
  }
  return found.length > MOST ? [found.reduce(around)] : found;
}

const area = ([, , w, h]) => w * h;

function around([ax, ay, aw, ah], [bx, by, bw, bh]) {
  const [x, y] = [Math.min(ax, bx), Math.min(ay, by)];
  return [x, y, Math.max(ax + aw, bx + bw) - x, Math.max(ay + ah, by + bh) - y];
}

function common([ax, ay, aw, ah], [bx, by, bw, bh]) {
  return Math.max(0, Math.min(ax + aw, bx + bw) - Math.max(ax, bx)) * Math.max(0, Math.min(ay + ah, by + bh) - Math.max(ay, by));
}

/** @returns {boolean} whether two rectangles [x0, y0, x1, y1] share an area */
export function overlap(a, b) {
  return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
}
