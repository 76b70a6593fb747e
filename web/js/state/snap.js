/** Snapping of edges to a grid, to the canvas and to other instances, with the guides to draw. Fractions 0..1 throughout. */

/**
 * Lines that a rectangle may snap to.
 * @param {number[][]} others rectangles of the other instances
 * @param {{width: number, height: number}} canvas pixels
 * @param {{grid: boolean, gridSize: number, snap: boolean}} view gridSize in pixels of the canvas
 * @returns {{lines: number[][], grid: (number | null)[]}} lines[0] for x, lines[1] for y; grid: spacing per axis
 */
export function snapTargets(others, canvas, view) {
  const lines = [[], []];
  if (view.snap) {
    for (const axis of [0, 1]) {
      lines[axis].push(0, 0.5, 1);
      for (const rect of others) lines[axis].push(rect[axis], (rect[axis] + rect[axis + 2]) / 2, rect[axis + 2]);
    }
  }
  const step = view.grid ? view.gridSize : 1; // without a grid, whole pixels
  return { lines, grid: [step / canvas.width, step / canvas.height] };
}

/**
 * How far to shift along one axis so that one of `positions` meets a line.
 * @returns {{shift: number, guide: number | null}} guide: where to draw the line, null for the grid or no snap
 */
function snapAxis(positions, lines, grid, reach) {
  let best = { shift: 0, guide: null, distance: reach };
  for (const position of positions) {
    for (const line of lines) {
      const distance = Math.abs(line - position);
      if (distance < best.distance) best = { shift: line - position, guide: line, distance };
    }
  }
  // the grid always takes hold, at the first position: the left or top edge
  if (best.guide === null && grid) return { shift: Math.round(positions[0] / grid) * grid - positions[0], guide: null };
  return { shift: best.shift, guide: best.guide };
}

/**
 * Snap a rectangle that moves as a whole. @param {number[]} reach [x, y]: how near an edge must be
 * @returns {{shift: number[], guides: {axis: 0 | 1, at: number}[]}}
 */
export function snapMove(rect, targets, reach) {
  return collect([0, 1], (axis) => [rect[axis], (rect[axis] + rect[axis + 2]) / 2, rect[axis + 2]], targets, reach);
}

/** Snap a single point, or the moving corner of a box. `axes`: which coordinates move. */
export function snapPoint(point, targets, reach, axes = [0, 1]) {
  return collect(axes, (axis) => [point[axis]], targets, reach);
}

function collect(axes, positions, { lines, grid }, reach) {
  const shift = [0, 0];
  const guides = [];
  for (const axis of axes) {
    const found = snapAxis(positions(axis), lines[axis], grid[axis], reach[axis]);
    shift[axis] = found.shift;
    if (found.guide !== null) guides.push({ axis, at: found.guide });
  }
  return { shift, guides };
}
