/** The layout as a PNG, at its own size. */
import { newSession } from "../state/store.js";
import { createScene } from "./scene.js";
import { viewport } from "./viewport.js";

/** @returns {Promise<Blob>} the layout drawn at width x height pixels on its background */
export function layoutPng(doc, background, settings, theme) {
  const canvas = document.createElement("canvas");
  const size = { width: doc.width, height: doc.height, ratio: 1 };
  const view = viewport(doc, size, { zoom: 1, pan: [0, 0] });
  const session = newSession();
  createScene(canvas).draw({ doc, session, settings: { ...settings, grid: false, thirds: false }, view, size, background, theme, tool: {}, guides: [] });
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/** Give the browser a file to save. */
export function saveBlob(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000); // the download reads it a little later
}
