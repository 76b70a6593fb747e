/** The editor's icons: 16 x 16 line drawings in the text colour. A path that begins with "#" is filled, not stroked. */

const NS = "http://www.w3.org/2000/svg";

const PATHS = {
  select: ["M4 2.5v10.2l2.7-2.5 1.7 3.7 1.8-.8-1.7-3.7 3.6-.4z"],
  box: ["M2.5 3.5h11v9h-11z"],
  brush: [
    "M13.6 2.4c-3.2 1.5-5.6 3.7-7 6.2l1.2 1.2c2.5-1.4 4.5-3.9 5.8-7.4z",
    "#M5.9 9.4c-1.7-.2-2.5.9-2.6 2.2-.1.9-.6 1.4-1.3 1.7 1.9 1 5 .4 5-2.4z",
  ],
  eraser: [
    "M6.3 13.5h7.2",
    "M2.8 9.7l6.3-6.3c.4-.4 1-.4 1.4 0l2.6 2.6c.4.4.4 1 0 1.4l-6.1 6.1h-2.3l-1.9-1.9c-.5-.5-.5-1.4 0-1.9z",
    "M6 6.5l4 4",
  ],
  polygon: [
    "M8 2.5l5.5 4.2-2.2 6.3h-6.8l-2-6.5z",
    "#M8 1a1.5 1.5 0 110 3 1.5 1.5 0 010-3zM13.3 5.2a1.5 1.5 0 110 3 1.5 1.5 0 010-3z",
    "#M2.7 5.2a1.5 1.5 0 110 3 1.5 1.5 0 010-3z",
  ],
  point: ["M8 1.5v3M8 11.5v3M1.5 8h3M11.5 8h3", "#M8 6a2 2 0 110 4 2 2 0 010-4z"],
  scribble: [
    "M1.8 10.5c1.5-4.5 4-6.5 5-5.3 1.3 1.6-2.6 5.8-1.1 6.9 1.5 1 3.7-4.8 5.2-4 1.2.7-.9 3 .3 3.7.9.5 2-.5 3-1.8",
  ],
  segment: ["M2.5 13.5l6.8-6.8", "M11 1.8v2.4M11 7.8v2.4M6.8 6h2.4M12.8 6h2.4M8.2 3.2l1.2 1.2M13.8 3.2l-1.2 1.2"],
  mask: [
    "M8 2.5c3 0 5.5 1.6 5.5 5s-2 6-5.5 6-5.5-2-5.5-5 2.5-6 5.5-6z",
    "M3.5 10l6-7.2M5.3 12.5l7-8.3M8.5 13.2l4.8-5.7",
  ],
  into: ["M2.5 2.5h7v7h-7z", "M12.5 8.5v5.5M9.8 11.2h5.5"],
  picture: ["M2.5 3h11v10h-11z", "M2.8 11.5l3.4-3.8 2.6 2.6 1.8-1.8 2.7 3", "#M10.8 5a1.1 1.1 0 110 2.2 1.1 1.1 0 010-2.2z"],
  undo: ["M5.5 3l-3 3 3 3", "M2.7 6h6.8a3.5 3.5 0 010 7h-3"],
  redo: ["M10.5 3l3 3-3 3", "M13.3 6h-6.8a3.5 3.5 0 000 7h3"],
  view: [
    "M1.5 8c1.5-2.8 3.7-4.3 6.5-4.3s5 1.5 6.5 4.3c-1.5 2.8-3.7 4.3-6.5 4.3s-5-1.5-6.5-4.3z",
    "M8 6a2 2 0 110 4 2 2 0 010-4z",
  ],
  file: ["M4 1.8h5l3 3v9.4h-8z", "M8.8 2v3h3"],
  rename: ["M3 13l.8-3.2 7.4-7.4c.4-.4 1-.4 1.4 0l1 1c.4.4.4 1 0 1.4l-7.4 7.4z", "M10 3.8l2.2 2.2"],
  library: ["M2.5 2.5h4.7v4.7h-4.7zM8.8 2.5h4.7v4.7h-4.7zM2.5 8.8h4.7v4.7h-4.7z", "M8.8 8.8h4.7v4.7h-4.7z"],
  popout: ["M6.5 2.5h-4v11h11v-4", "M9.5 2.5h4v4M13.3 2.7l-5.8 5.8"],
  popin: ["M6.5 2.5h-4v11h11v-4", "M13.5 7.5h-5v-5M8.7 7.3l5-5"],
  help: [
    "M8 1.8a6.2 6.2 0 110 12.4 6.2 6.2 0 010-12.4z",
    "M6.2 6.3c0-1 .8-1.7 1.8-1.7s1.8.7 1.8 1.6c0 1.4-1.8 1.5-1.8 2.8",
    "#M8 10.3a.8.8 0 110 1.6.8.8 0 010-1.6z",
  ],
  eye: [
    "M1.5 8c1.5-2.8 3.7-4.3 6.5-4.3s5 1.5 6.5 4.3c-1.5 2.8-3.7 4.3-6.5 4.3s-5-1.5-6.5-4.3z",
    "M8 6a2 2 0 110 4 2 2 0 010-4z",
  ],
  eyeOff: [
    "M2.5 5.7c-.4.6-.7 1.4-1 2.3 1.5 2.8 3.7 4.3 6.5 4.3.9 0 1.7-.2 2.5-.5",
    "M6 3.9c.6-.1 1.3-.2 2-.2 2.8 0 5 1.5 6.5 4.3-.4.8-.9 1.5-1.5 2.1",
    "M2.5 2.5l11 11",
  ],
  lock: ["M3.5 7.5h9v6h-9z", "M5.5 7.3v-2.3a2.5 2.5 0 015 0v2.3"],
  unlock: ["M3.5 7.5h9v6h-9z", "M5.5 7.3v-2.8a2.5 2.5 0 014.7-1.2"],
  grip: [
    "#M5.5 3a1.1 1.1 0 110 2.2 1.1 1.1 0 010-2.2zM10.5 3a1.1 1.1 0 110 2.2 1.1 1.1 0 010-2.2z",
    "#M5.5 7a1.1 1.1 0 110 2.2 1.1 1.1 0 010-2.2zM10.5 7a1.1 1.1 0 110 2.2 1.1 1.1 0 010-2.2z",
    "#M5.5 11a1.1 1.1 0 110 2.2 1.1 1.1 0 010-2.2zM10.5 11a1.1 1.1 0 110 2.2 1.1 1.1 0 010-2.2z",
  ],
  left: ["M2.5 2v12", "M5 4h8.5v2.8h-8.5zM5 9.2h5v2.8h-5z"],
  centre: ["M8 1.8v2M8 6.8v2.4M8 12v2.2", "M3.5 4h9v2.8h-9zM5.5 9.2h5v2.8h-5z"],
  right: ["M13.5 2v12", "M2.5 4h8.5v2.8h-8.5zM6 9.2h5v2.8h-5z"],
  top: ["M2 2.5h12", "M4 5v8.5h2.8v-8.5zM9.2 5v5h2.8v-5z"],
  middle: ["M1.8 8h2M6.8 8h2.4M12 8h2.2", "M4 3.5v9h2.8v-9zM9.2 5.5v5h2.8v-5z"],
  bottom: ["M2 13.5h12", "M4 2.5v8.5h2.8v-8.5zM9.2 6v5h2.8v-5z"],
  distributeX: ["M2 2v12M14 2v12", "M6 4.5h4v7h-4z"],
  distributeY: ["M2 2h12M2 14h12", "M4.5 6h7v4h-7z"],
  front: ["M8 6.5v-5M5.5 3.8l2.5-2.5 2.5 2.5", "#M2.5 8.5h11v2h-11z", "M2.5 13.5h11"],
  forward: ["M8 12.5v-9M4.5 6.5l3.5-3.5 3.5 3.5"],
  backward: ["M8 3.5v9M4.5 9.5l3.5 3.5 3.5-3.5"],
  back: ["M8 9.5v5M5.5 12.2l2.5 2.5 2.5-2.5", "#M2.5 5.5h11v2h-11z", "M2.5 2.5h11"],
  duplicate: ["M5.5 5.5h8v8h-8z", "M10.5 5.3v-2.8h-8v8h2.8"],
  group: ["M2.5 2.5h11v11h-11z", "M6.5 6.5h4.5v4.5h-4.5z"],
  ungroup: ["M2.5 2.5h6.5v6.5h-6.5z", "M11.5 9.5v5M9 12h5"],
  part: ["M3.5 2.5v6.5h6", "M7.5 6.5l2.5 2.5-2.5 2.5"],
  delete: ["M2.5 4.2h11M6 4v-1.7h4v1.7", "M4 4.2l.6 9.3h6.8l.6-9.3M6.7 7v4M9.3 7v4"],
  close: ["M4 4l8 8M12 4l-8 8"],
  swap: ["M2 5.5h11M10.5 3l2.5 2.5-2.5 2.5", "M14 10.5h-11M5.5 8l-2.5 2.5 2.5 2.5"],
  check: ["M3 8.5l3.5 3.5 6.5-8"],
  down: ["M4.5 6.5l3.5 3.5 3.5-3.5"],
  warn: ["M8 2.2l6.2 11.3h-12.4z", "M8 6.3v3.5", "#M8 10.9a.7.7 0 110 1.4.7.7 0 010-1.4z"],
  info: ["M8 1.8a6.2 6.2 0 110 12.4 6.2 6.2 0 010-12.4z", "M8 7.3v4", "#M8 4.3a.8.8 0 110 1.6.8.8 0 010-1.6z"],
};

/** The names of the icons. */
export const ICONS = Object.freeze(Object.keys(PATHS));

/**
 * @param {string} name one of ICONS
 * @param {number} [size] CSS pixels
 * @returns {SVGSVGElement} hidden from screen readers: the button around it carries the words
 */
export function icon(name, size = 16) {
  const svg = document.createElementNS(NS, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 16 16", width: size, height: size, "aria-hidden": "true", class: "ie-icon" }))
    svg.setAttribute(key, value);
  for (const d of PATHS[name]) {
    const path = document.createElementNS(NS, "path");
    const filled = d.startsWith("#");
    path.setAttribute("d", filled ? d.slice(1) : d);
    path.setAttribute("class", filled ? "ie-fill" : "ie-stroke");
    svg.append(path);
  }
  return svg;
}
