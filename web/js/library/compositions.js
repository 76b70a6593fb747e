/** Layouts to begin with, fitted to any canvas. Of each: the caption, and an instance for each row, back to front. */
import { emptyLayout, instanceOf } from "../layout/document.js";

/**
 * A row: prompt, the place [left, top, right, bottom] that it may fill, in 0..1, and width / height in pixels that it should keep, standing
 * on the place's floor; 0: all of it. A part names its whole's row, and its place is in the box of that one.
 */
const ROWS = {
  single: ["a red fox in a meadow, soft morning light", ["a red fox", [0.2, 0.15, 0.8, 0.92], 0.95]],
  pair: [
    "a corgi and a tabby cat on a wooden floor",
    ["a corgi", [0.06, 0.25, 0.5, 0.9], 0.85],
    ["a tabby cat", [0.52, 0.25, 0.94, 0.9], 0.85],
  ],
  row: [
    "a red apple, a green pear and a yellow lemon on a kitchen table",
    ["a red apple", [0.04, 0.32, 0.33, 0.78], 1],
    ["a green pear", [0.355, 0.26, 0.645, 0.78], 0.8],
    ["a yellow lemon", [0.67, 0.32, 0.96, 0.78], 1],
  ],
  thirds: [
    "a lighthouse and a sailing boat by the sea at sunset",
    ["a sailing boat", [0.1, 0.5, 0.42, 0.82], 1],
    ["a lighthouse", [0.55, 0.12, 0.78, 0.9], 0],
  ],
  depth: [
    "a wooden cabin behind a pine tree, in front of a snowy mountain",
    ["a snowy mountain", [0.05, 0.08, 0.98, 0.62], 0],
    ["a wooden cabin", [0.46, 0.46, 0.84, 0.8], 1.3],
    ["a pine tree", [0.03, 0.2, 0.36, 0.98], 0],
  ],
  portrait: [
    "portrait of a woman with curly hair, a straw hat, round glasses and a red scarf",
    ["a woman with curly hair", [0.16, 0.08, 0.84, 1], 0.9],
    ["a straw hat", [0.1, 0, 0.9, 0.28], 0, 0],
    ["round glasses", [0.26, 0.32, 0.74, 0.46], 0, 0],
    ["a red scarf", [0.2, 0.7, 0.8, 0.96], 0, 0],
  ],
};

/** The same in the words of the demo model, which knows coloured shapes alone. */
const SHAPES = {
  single: ["a red star on a white background", "a red star"],
  pair: ["a blue ring and a yellow heart on a black background", "a blue ring", "a yellow heart"],
  row: ["a red circle, a green square and a blue triangle on a white background", "a red circle", "a green square", "a blue triangle"],
  thirds: ["a yellow moon and a white cross on a blue background", "a yellow moon", "a white cross"],
  depth: ["a striped blue square, a green triangle and a red heart on a white background", "a striped blue square", "a green triangle", "a red heart"],
  portrait: [
    "a yellow circle, a purple triangle, a black ring and a red moon on a white background",
    ...["a yellow circle", "a purple triangle", "a black ring", "a red moon"],
  ],
};

export const COMPOSITIONS = Object.keys(ROWS);

/**
 * @param {string} name of COMPOSITIONS @param {{width: number, height: number}} canvas pixels
 * @param {string[]} words that the connected weights know, where they are few
 * @returns {object} a layout document
 */
export function composition(name, { width, height }, words = []) {
  const [caption, ...rows] = ROWS[name];
  const [shapesCaption, ...prompts] = SHAPES[name];
  const shapes = words.length > 0;
  const boxes = rows.map(([, place, ratio]) => standing(place, ratio, width / height));
  const instances = rows.map(([prompt, , , whole], i) =>
    instanceOf({
      id: `i${i + 1}`,
      prompt: shapes ? prompts[i] : prompt,
      box: whole === undefined ? boxes[i] : within(boxes[whole], boxes[i]),
      ...(whole === undefined ? {} : { parent: `i${whole + 1}` }),
    })
  );
  return { ...emptyLayout(width, height), prompt: shapes ? shapesCaption : caption, instances };
}

/** The largest box of that ratio (in pixels) in the middle of a place, on its floor. */
function standing([x0, y0, x1, y1], ratio, canvas) {
  if (!ratio) return [x0, y0, x1, y1];
  const wanted = ratio / canvas; // width / height in shares
  const height = Math.min(y1 - y0, (x1 - x0) / wanted);
  const width = height * wanted;
  const middle = (x0 + x1) / 2;
  return [middle - width / 2, y1 - height, middle + width / 2, y1].map(tidy);
}

function within([x0, y0, x1, y1], place) {
  return place.map((v, i) => tidy(i % 2 ? y0 + v * (y1 - y0) : x0 + v * (x1 - x0)));
}

function tidy(v) {
  return Number(v.toFixed(4));
}
