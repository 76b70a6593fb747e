/** Lines that help to place things: the grid, the thirds, and what snapping found. */

export function drawGrid(g, doc, { gridSize }, view, theme) {
  const step = gridSize * view.scale;
  if (step < 4) return; // finer than the eye
  g.beginPath();
  for (let x = step; x < view.width; x += step) line(g, view.left + x, view.top, view.left + x, view.top + view.height);
  for (let y = step; y < view.height; y += step) line(g, view.left, view.top + y, view.left + view.width, view.top + y);
  g.globalAlpha = 0.25;
  g.strokeStyle = theme.line;
  g.lineWidth = 1;
  g.stroke();
  g.globalAlpha = 1;
}

export function drawThirds(g, view, theme) {
  g.beginPath();
  for (const third of [1 / 3, 2 / 3]) {
    line(g, view.left + third * view.width, view.top, view.left + third * view.width, view.top + view.height);
    line(g, view.left, view.top + third * view.height, view.left + view.width, view.top + third * view.height);
  }
  g.globalAlpha = 0.6;
  g.strokeStyle = theme.line;
  g.lineWidth = 1;
  g.stroke();
  g.globalAlpha = 1;
}

export function drawGuide(g, axis, at, view) {
  g.beginPath();
  const [x, y] = view.toScreen([at, at]);
  if (axis === 0) line(g, x, view.top - 8, x, view.top + view.height + 8);
  else line(g, view.left - 8, y, view.left + view.width + 8, y);
  g.strokeStyle = "#ff3da5";
  g.lineWidth = 1;
  g.stroke();
}

function line(g, x0, y0, x1, y1) {
  g.moveTo(x0, y0);
  g.lineTo(x1, y1);
}
