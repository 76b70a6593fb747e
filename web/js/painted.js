/** At what size the graph paints a layout, as far as it tells: the layout fits any size, so it is the empty latent that decides. */
import { placeBefore, placeId, placesAfter } from "./graph.js";
import { loaderOf, valueOf, weightsSay } from "./weights.js";

const OURS = "InstDiffEmptyLatent"; // takes the canvas, scaled for a model that was made for few sizes
const LATENT = "LATENT";
const INACTIVE = new Set([2, 4]); // muted, bypassed
const CELL = 8; // pixels: sides are multiples of it
const SMALLEST = 64; // pixels of a side
const FORM_KEPT = 1 / 64; // as instdiff_modules/shapeworld/canvases.py
const cells = (side) => Math.max(SMALLEST, rounded(side / CELL) * CELL);
/** A half goes to the even neighbour, as Python has it: the node that makes the latent counts so. */
const rounded = (value) => (value % 1 === 0.5 ? 2 * Math.round(value / 2) : Math.round(value));

/**
 * @typedef {{title: string} & ({width: number, height: number} | {sides: [number, number]})} Painted title: of the node that decides; sides: the shorter one, and
 *   the longest that it may be, in the canvas's shape
 * @param {object[]} places of the editor (graph.js)
 * @param {Record<string, [number, number] | Record<string, [number, number]>>} sides of models that were made for few sizes, as slots in weights.js
 * @returns {Painted | null} null: at the canvas's own size, or the graph does not say
 */
export function paintedAt(places, sides) {
  for (const sampler of placesAfter(places)) {
    if (!takes(sampler, LATENT) || !gives(sampler, LATENT) || INACTIVE.has(sampler.node.mode)) continue;
    const source = origin(sampler);
    if (!source || takes(source, LATENT)) continue; // it goes on with what another one made
    const title = source.node.title || source.node.type;
    if (source.node.type !== OURS) return sized(source, title);
    const loader = loaderOf(source, "MODEL"); // it is its own model that decides, whatever else the layout goes to
    const made = loader ? valueOf(loader, sides) : weightsSay(places, sides);
    return made ? { sides: made, title } : null;
  }
  return null;
}

/** @param {Painted | null} painted @returns {{width: number, height: number}} the picture that a graph paints of this canvas, in pixels */
export function paintedSize(painted, { width, height }) {
  if (!painted) return { width, height };
  if (!painted.sides) return { width: painted.width, height: painted.height };
  const [shorter, longest] = painted.sides;
  const scale = Math.min(shorter / Math.min(width, height), longest / Math.max(width, height));
  const sizes = Array.from({ length: 16 }, (_, n) => [width, height].map((side) => cells((side * scale * (64 - n)) / 64)));
  const [w, h] = sizes.find(([w, h]) => Math.abs((w * height) / (h * width) - 1) <= FORM_KEPT) ?? sizes[0];
  return { width: w, height: h };
}

const takes = ({ node }, type) => node.inputs?.some((one) => one.type === type) ?? false;
const gives = ({ node }, type) => node.outputs?.some((one) => one.type === type) ?? false;

/** The place of the node that a latent comes from, through reroutes. */
function origin(sampler) {
  const seen = new Set();
  let [at, slot] = [sampler, sampler.node.inputs.findIndex(({ type }) => type === LATENT)];
  while (slot >= 0 && !seen.has(placeId(at))) {
    seen.add(placeId(at));
    const before = placeBefore(at, slot);
    if (before?.input !== null) return null;
    at = before;
    slot = at.node.inputs?.findIndex(({ type }) => type === "*") ?? -1;
  }
  return at;
}

/** The numbers that stand on a node; null where they come from elsewhere, as from the editor. */
function sized(place, title) {
  const [width, height] = ["width", "height"].map((name) => numberAt(place, name));
  return width && height ? { width, height, title } : null;
}

function numberAt({ node, path }, name) {
  const slot = node.inputs?.findIndex((one) => one.name === name) ?? -1;
  const at = slot < 0 ? { node, input: name } : placeBefore({ node, path }, slot);
  if (!at || at.input === null) return null;
  const value = at.node.widgets?.find((one) => one.name === at.input)?.value;
  return Number.isFinite(value) && value > 0 ? value : null;
}
