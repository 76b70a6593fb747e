/** Where the layout lies on the canvas element. Screen: CSS pixels of the canvas element; layout: fractions 0..1. */

const MARGIN = 14; // CSS pixels around the fitted layout: room for handles at the border
const ZOOM_RANGE = [0.05, 32]; // CSS pixels per layout pixel

/**
 * @param {{width: number, height: number}} doc layout size in pixels
 * @param {{width: number, height: number}} canvas element size in CSS pixels
 * @param {{zoom: number | null, pan: number[]}} session zoom in CSS pixels per layout pixel, null fits; pan in CSS pixels from the middle
 */
export function viewport(doc, canvas, { zoom, pan }) {
  const fit = Math.min((canvas.width - 2 * MARGIN) / doc.width, (canvas.height - 2 * MARGIN) / doc.height);
  const scale = zoom ?? Math.max(fit, 1e-3);
  const [width, height] = [doc.width * scale, doc.height * scale];
  const left = (canvas.width - width) / 2 + (zoom === null ? 0 : pan[0]);
  const top = (canvas.height - height) / 2 + (zoom === null ? 0 : pan[1]);
  return {
    scale,
    left,
    top,
    width,
    height,
    toScreen: ([x, y]) => [left + x * width, top + y * height],
    toLayout: ([x, y]) => [(x - left) / width, (y - top) / height],
    /** How long one CSS pixel is, as fractions [x, y] of the layout. */
    pixel: [1 / width, 1 / height],
  };
}

/** @returns {{zoom: number, pan: number[]}} the session after zooming by `factor` with the screen point `at` held still */
export function zoomedAt(view, canvas, at, factor) {
  const zoom = Math.min(ZOOM_RANGE[1], Math.max(ZOOM_RANGE[0], view.scale * factor));
  const ratio = zoom / view.scale;
  const centre = [canvas.width / 2, canvas.height / 2];
  const middle = [view.left + view.width / 2, view.top + view.height / 2];
  const pan = [0, 1].map((a) => at[a] + (middle[a] - at[a]) * ratio - centre[a]);
  return { zoom, pan: kept(pan, canvas, [view.width * ratio, view.height * ratio]) };
}

/** @returns {{zoom: number, pan: number[]}} the session after panning by [dx, dy] CSS pixels */
export function pannedBy(view, canvas, dx, dy) {
  const pan = [view.left + view.width / 2 - canvas.width / 2 + dx, view.top + view.height / 2 - canvas.height / 2 + dy];
  return { zoom: view.scale, pan: kept(pan, canvas, [view.width, view.height]) };
}

/** A corner of the layout always stays in sight. */
function kept(pan, canvas, size) {
  const sides = [canvas.width, canvas.height];
  return pan.map((v, a) => {
    const most = (sides[a] + size[a]) / 2 - Math.min(48, sides[a] / 3);
    return Math.min(most, Math.max(-most, v));
  });
}
