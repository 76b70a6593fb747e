/** Order in depth, alignment and distribution: pure functions over lists of instances and rectangles. */

/** @returns {object[]} the list with the chosen items, in their own order, standing together so that the first has index `to` among the others */
export function reordered(items, chosen, to) {
  const picked = items.filter((item) => chosen.has(item.id));
  const others = items.filter((item) => !chosen.has(item.id));
  const at = Math.min(Math.max(Math.round(to) || 0, 0), others.length);
  return [...others.slice(0, at), ...picked, ...others.slice(at)];
}

/** @param {"front" | "back" | "forward" | "backward"} how; one step for forward/backward. @returns {object[]} */
export function arranged(items, chosen, how) {
  if (how === "front") return reordered(items, chosen, items.length);
  if (how === "back") return reordered(items, chosen, 0);
  const result = [...items];
  const step = how === "forward" ? 1 : -1;
  // from the end towards which they go, so that neighbours do not jump over each other
  const order = step > 0 ? [...result.keys()].reverse() : [...result.keys()];
  for (const i of order) {
    const next = i + step;
    if (!chosen.has(result[i].id) || next < 0 || next >= result.length || chosen.has(result[next].id)) continue;
    [result[i], result[next]] = [result[next], result[i]];
  }
  return result;
}

const EDGES = { left: [0, 0], centre: [0, 0.5], right: [0, 1], top: [1, 0], middle: [1, 0.5], bottom: [1, 1] };

/**
 * Where each rectangle goes so that all share an edge or middle line.
 * @param {number[][]} rectangles @param {number[]} frame the rectangle to align to @param {keyof EDGES} edge
 * @returns {number[][]} the rectangles moved
 */
export function aligned(rectangles, frame, edge) {
  const [axis, share] = EDGES[edge];
  return rectangles.map((rect) => {
    const size = rect[axis + 2] - rect[axis];
    const start = frame[axis] + share * (frame[axis + 2] - frame[axis] - size);
    return shifted(rect, axis, start - rect[axis]);
  });
}

/** @returns {number[][]} the rectangles with equal gaps along axis "x" or "y"; the outer two stay */
export function distributed(rectangles, axisName) {
  const axis = axisName === "y" ? 1 : 0;
  const order = [...rectangles.keys()].sort((a, b) => rectangles[a][axis] + rectangles[a][axis + 2] - rectangles[b][axis] - rectangles[b][axis + 2]);
  if (order.length < 3) return rectangles;
  const size = (i) => rectangles[i][axis + 2] - rectangles[i][axis];
  const first = rectangles[order[0]];
  const last = rectangles[order.at(-1)];
  const inner = order.slice(1, -1).reduce((sum, i) => sum + size(i), 0);
  const gap = (last[axis] - first[axis + 2] - inner) / (order.length - 1);
  const result = [...rectangles];
  let at = first[axis + 2];
  for (const i of order.slice(1, -1)) {
    const start = Math.min(Math.max(at + gap, 0), 1 - size(i)); // overlapping outer boxes would push it out of the canvas
    result[i] = shifted(rectangles[i], axis, start - rectangles[i][axis]);
    at = start + size(i);
  }
  return result;
}

function shifted(rect, axis, by) {
  const result = [...rect];
  result[axis] += by;
  result[axis + 2] += by;
  return result;
}
