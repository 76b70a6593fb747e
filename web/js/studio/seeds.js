/** The seeds that a layout is sampled with: where they are set on the graph, and how they are changed. */
import { placeBefore, placeId, placesAfter } from "../graph.js";

const NAMES = ["noise_seed", "seed"];
const SOURCES = [...NAMES, "value", "INT", "int"]; // widgets of nodes that give a seed to another one
const BYPASSED = 4;
const DEEPEST = 8; // nodes of noise behind each other
const LARGEST = 2 ** 50; // as the page draws them; larger ones lose digits in JavaScript

/**
 * @typedef {object} Seed
 * @property {string} id of the node in the graph that is sent @property {string} title
 * @property {object} node @property {object | null} widget null: it comes from a node whose seed cannot be set here
 * @property {string} sampler id of the node that takes it @property {string} input its name there
 * @property {object | null} control the widget that says what becomes of it after a run
 */

/**
 * @param {object[]} starts places of the editor
 * @returns {Seed[]} each once, those of samplers before others, a sampler before those that go on with what it made, else the nearest first
 */
export function seedsAfter(starts) {
  const places = placesAfter(starts).filter((place) => place.node.mode !== BYPASSED);
  const samples = ({ node }) => node.outputs?.some((output) => output.type === "LATENT") ?? false; // a language model may have a seed, too
  const found = [...inOrder(places.filter(samples)), ...places.filter((place) => !samples(place))].flatMap((place) => seedsOf(place));
  const ids = found.map((seed) => `${seed.id} ${seed.widget?.name}`);
  return found.filter((seed, i) => ids.indexOf(ids[i]) === i);
}

/** A second pass may hang on the editor by a shorter way than the first: what counts is how many samplers come before it. */
function inOrder(samplers) {
  const after = samplers.map((place) => new Set(placesAfter([place]).map(placeId)));
  const before = new Map(samplers.map((place) => [place, after.filter((ids) => ids.has(placeId(place))).length]));
  return [...samplers].sort((a, b) => before.get(a) - before.get(b));
}

function seedsOf(place, depth = 0) {
  const slots = place.node.inputs ?? [];
  const noise = slots.findIndex((one) => one.type === "NOISE");
  if (noise >= 0) {
    const from = placeBefore(place, noise);
    return from?.input === null && depth < DEEPEST ? seedsOf(from, depth + 1) : [];
  }
  const name = NAMES.find((one) => numeric(place.node, one) || slots.some((slot) => slot.name === one));
  if (!name) return [];
  const slot = slots.findIndex((one) => one.name === name);
  const at = slot >= 0 ? placeBefore(place, slot) : { ...place, input: name };
  if (!at) return [];
  const widget = (at.input === null ? SOURCES : [at.input]).map((one) => numeric(at.node, one)).find(Boolean) ?? null;
  if (at.input !== null && !widget) return [];
  return [{ id: placeId(at), title: at.node.title || at.node.type, node: at.node, widget, sampler: placeId(place), input: name, control: controlOf(at, place) }];
}

/** The widget that says what becomes of a seed after a run. A subgraph node that shows a seed leaves it to the node inside. */
function controlOf(at, place) {
  const inside = at.input !== null && at.node !== place.node ? place.node : at.node;
  return inside.widgets?.find((one) => /^control[_ ]after/.test(one.name ?? "")) ?? null;
}

function numeric(node, name) {
  return node.widgets?.find((one) => one.name === name && typeof one.value === "number");
}

/** @returns {boolean | null} whether a seed stays as it is from run to run; null: the node does not say */
export function isFixed(seed) {
  return seed?.control ? seed.control.value === "fixed" : null;
}

/** @param {Seed} seed @param {{value?: number, fixed?: boolean}} change */
export function setSeed(seed, { value, fixed }) {
  if (value !== undefined && seed.widget) put(seed.widget, Math.max(0, Math.round(value)), seed.node);
  if (fixed !== undefined && seed.control) put(seed.control, fixed ? "fixed" : "randomize", seed.node);
  seed.node.graph?.setDirtyCanvas?.(true, true);
}

function put(widget, value, node) {
  widget.value = value;
  widget.callback?.(value, undefined, node);
}

/** @returns {number} */
export const newSeed = () => Math.floor(Math.random() * LARGEST);

/** @returns {{id: string, value: number} | null} the seed as it was sent: a node of the page's own stands in the graph only by its value */
export function sentSeed(seed, prompt) {
  const value = [prompt[seed.id]?.inputs?.[seed.widget?.name], prompt[seed.sampler]?.inputs?.[seed.input]].find((one) => typeof one === "number");
  return value === undefined ? null : { id: seed.id, value };
}
