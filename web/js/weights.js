/** What becomes of a layout behind its node, as far as the graph tells it; the node and what it goes to may lie in different subgraphs. */
import { placeBefore, placeId, placesAfter } from "./graph.js";

const INSTANCES = "INSTANCES";
const WEIGHTS = "INSTDIFF_MODEL";
const BYPASSED = 4;
const NO_WORDS = [];

/**
 * @param {object[]} places of a graph node with an output of instances (graph.js)
 * @param {Record<string, number | Record<string, number>>} slots by the type of the node that loads the weights, or by what is chosen there
 * @param {number} otherwise of all other weights
 * @returns {number} the smallest number of instances among the weights that are connected; `otherwise` if none are
 */
export function connectedSlots(places, slots, otherwise) {
  return Math.min(...connectedLoaders(places).map((loader) => valueOf(loader, slots) ?? otherwise), otherwise);
}

/** @returns {string[]} the words that the connected weights know; empty if they know many. words: as slots above */
export function connectedWords(places, words) {
  return weightsSay(places, words) ?? NO_WORDS;
}

/** @returns {any} the first that a table, as slots above, says of the connected weights; undefined: nothing */
export function weightsSay(places, table) {
  return connectedLoaders(places).map((loader) => valueOf(loader, table)).find(Boolean);
}

/** What a table, as slots above, says of a loader; of one with a menu, of what is chosen in it. */
export function valueOf(loader, table) {
  const known = table[loader.node.type];
  const byChoice = known instanceof Object && !Array.isArray(known);
  return byChoice ? loader.node.widgets?.map((widget) => known[valueAt(loader, widget)]).find(Boolean) : known;
}

/** A widget's value, or that of the subgraph node which shows it as its own. */
function valueAt(loader, { name, value }) {
  const slot = loader.node.inputs?.findIndex((one) => one.name === name) ?? -1;
  const at = slot < 0 ? null : placeBefore(loader, slot);
  return at?.input ? (at.node.widgets?.find((one) => one.name === at.input)?.value ?? value) : value;
}

/** The places of the nodes that load the weights which the layout goes to. */
function connectedLoaders(places) {
  const takers = placesAfter(places, [INSTANCES]).filter(({ node }) => node.mode !== BYPASSED);
  return takers.map((taker) => loaderOf(taker, WEIGHTS)).filter(Boolean);
}

/** Where what a place takes of a type comes from, through reroutes and nodes that take and give such a thing; null: nothing is connected. */
export function loaderOf(taker, wanted) {
  const seen = new Set();
  let [at, slot] = [taker, taker.node.inputs?.findIndex(({ type }) => type === wanted) ?? -1];
  while (slot >= 0 && !seen.has(placeId(at))) {
    seen.add(placeId(at));
    const before = placeBefore(at, slot);
    if (before?.input !== null) break; // a free socket, or a link that leads nowhere
    at = before;
    slot = at.node.inputs?.findIndex(({ type }) => type === "*" || type === wanted) ?? -1;
  }
  return at === taker ? null : at;
}

const BRANCHED = new Set(["InstDiffKSampler", "InstDiffMultiInstance", "InstDiffToConditioning"]); // what uses an instance's negative prompt

/** The nodes that a layout goes to, as it is or inside a model. */
const nodesAfter = (places) => placesAfter(places, [INSTANCES, "MODEL"]).map(({ node }) => node).filter(({ mode }) => mode !== BYPASSED);

const samples = ({ inputs, outputs }) =>
  inputs?.some(({ type }) => type === "MODEL") && outputs?.some(({ type }) => type === "LATENT" || type === "GUIDER");

/** @returns {boolean} whether the layout reaches a sampler, and nothing on the way uses its instances' negative prompts */
export function ignoresNegatives(places) {
  const after = nodesAfter(places);
  return after.some(samples) && !after.some(({ type }) => BRANCHED.has(type));
}

/** @returns {"taken" | "ignored" | ""} what becomes of the instances' reference pictures; empty where the layout reaches no sampler */
export function useOfReferences(places) {
  const after = nodesAfter(places);
  if (after.some(({ type }) => type === "InstDiffApplyReferences")) return "taken";
  return after.some(samples) ? "ignored" : "";
}
