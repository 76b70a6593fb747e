/** The layout as Omost's canvas: a condition for the whole picture, then one for each instance, places on a grid of 90 x 90. */
import { isObject } from "./json.js";

export const GRID = 90;
const GREY = [128, 128, 128];

/**
 * @param {object} doc @param {object[]} shown its visible instances @param {number[][]} places of each, [left, top, right, bottom] of the grid
 * @returns {object[]} [{rect: [top, bottom, left, right], prefixes, suffixes, color: [r, g, b]}]; what was read from a canvas comes back
 */
export function omostCanvas(doc, shown, places) {
  const kept = isObject(doc.omost) ? doc.omost : {};
  const unchanged = isObject(doc.omost) && doc.prompt === joined([...texts(kept.prefixes), ...texts(kept.suffixes)]);
  const own = doc.prompt.trim() ? [sentence(doc.prompt)] : [];
  const prefixes = unchanged ? texts(kept.prefixes) : own;
  const whole = { rect: [0, GRID, 0, GRID], prefixes, suffixes: unchanged ? texts(kept.suffixes) : [], color: colorOf(kept.color) ?? GREY };
  const regions = shown.map((instance, i) => {
    const [left, top, right, bottom] = places[i];
    return {
      rect: [top, bottom, left, right],
      prefixes: [...prefixes, sentence(instance.prompt)],
      suffixes: texts(instance.omost?.suffixes),
      color: rgb(instance.color) ?? GREY,
    };
  });
  return [whole, ...regions];
}

/** @returns {string} several prompts as one, without the last full stop */
export function joined(parts) {
  return parts.map((part) => part.trim()).join(" ").trim().replace(/\.$/, "");
}

function sentence(text) {
  let [from, to] = [0, text.length];
  while (from < to && ",. ".includes(text[from])) from++;
  while (to > from && ",. ".includes(text[to - 1])) to--;
  return `${text.slice(from, to)}.`;
}

function texts(value) {
  return Array.isArray(value) ? value.filter((text) => typeof text === "string") : [];
}

function colorOf(value) {
  return Array.isArray(value) && value.length ? value : null;
}

function rgb(color) {
  return color.length === 7 ? [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16)) : null;
}
