/** A layout as a small picture. */
import { FILLS, layInstance } from "../editor/drawInstance.js";
import { instanceColor } from "../state/colors.js";

const SIZE = [132, 92]; // CSS pixels at most
const RATIO = 2; // pixels of the picture for one of them

/** @param {object} doc @returns {HTMLCanvasElement} its visible instances, without words */
export function thumbnail(doc) {
  const scale = Math.min(SIZE[0] / doc.width, SIZE[1] / doc.height);
  const [width, height] = [doc.width * scale, doc.height * scale].map((side) => Math.max(1, Math.round(side)));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width * RATIO, height * RATIO];
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  const g = canvas.getContext("2d");
  g.scale(RATIO, RATIO);
  const view = { scale, left: 0, top: 0, width, height, toScreen: ([x, y]) => [x * width, y * height] };
  doc.instances.forEach((instance, i) => {
    if (instance.visible) layInstance(g, instance, instanceColor(instance, i), view, FILLS.paper);
  });
  return canvas;
}
