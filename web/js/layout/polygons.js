/**
 * COCO polygons as bitmaps, pixel for pixel as pycocotools draws them: edges are walked at five times the resolution, and each pixel column
 * whose centre line an edge crosses gets a flip there.
 */
const SCALE = 5;

/**
 * @param {number[][]} polygons each [x1, y1, x2, y2, ...] in pixels, at least three points, inside 0..width and 0..height
 * @returns {{height: number, width: number, data: Uint8Array}} their union
 */
export function drawPolygons(polygons, height, width) {
  const data = new Uint8Array(height * width);
  for (const polygon of polygons) drawPolygon(data, polygon, height, width);
  return { height, width, data };
}

function drawPolygon(data, polygon, height, width) {
  const flips = crossings(edgePoints(polygon), height, width).sort((a, b) => a - b);
  flips.push(height * width);
  for (let i = 0; i + 1 < flips.length; i += 2) {
    for (let at = flips[i]; at < flips[i + 1]; at++) data[(at % height) * width + Math.floor(at / height)] = 1;
  }
}

/** Every point of the outline on the fine grid, one per step along the longer side of each edge; u across, v down. */
function edgePoints(polygon) {
  const count = polygon.length / 2;
  const fine = (i) => Math.trunc(SCALE * polygon[i % polygon.length] + 0.5);
  const [us, vs] = [[], []];
  for (let j = 0; j < count; j++) {
    let [xs, ys, xe, ye] = [fine(2 * j), fine(2 * j + 1), fine(2 * j + 2), fine(2 * j + 3)];
    const [dx, dy] = [Math.abs(xe - xs), Math.abs(ys - ye)];
    const flip = (dx >= dy && xs > xe) || (dx < dy && ys > ye);
    if (flip) [xs, ys, xe, ye] = [xe, ye, xs, ys]; // always walked the same way, so that shared edges agree
    const steps = Math.max(dx, dy);
    const slope = steps && (dx >= dy ? ye - ys : xe - xs) / steps;
    for (let d = 0; d <= steps; d++) {
      const t = flip ? steps - d : d;
      us.push(dx >= dy ? xs + t : Math.trunc(xs + slope * t + 0.5));
      vs.push(dx >= dy ? Math.trunc(ys + slope * t + 0.5) : ys + t);
    }
  }
  return [us, vs];
}

/** Where the outline crosses the pixels' centre columns, as places counted down the columns. */
function crossings([us, vs], height, width) {
  const flips = [];
  for (let j = 1; j < us.length; j++) {
    if (us[j] === us[j - 1]) continue;
    const x = ((us[j] < us[j - 1] ? us[j] : us[j] - 1) + 0.5) / SCALE - 0.5;
    if (!Number.isInteger(x) || x < 0 || x > width - 1) continue;
    const y = (Math.min(vs[j], vs[j - 1]) + 0.5) / SCALE - 0.5;
    flips.push(x * height + Math.ceil(Math.min(Math.max(y, 0), height)));
  }
  return flips;
}
