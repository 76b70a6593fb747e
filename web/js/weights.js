/** What becomes of a layout behind its node, as far as the graph tells it. */

const INSTANCES = "INSTANCES";
const WEIGHTS = "INSTDIFF_MODEL";

const NO_WORDS = [];

/**
 * @param {object} node a graph node with an output of instances
 * @param {Record<string, number | Record<string, number>>} slots by the type of the node that loads the weights, or by what is chosen there
 * @param {number} otherwise of all other weights
 * @returns {number} the smallest number of instances among the weights that are connected; `otherwise` if none are
 */
export function connectedSlots(node, slots, otherwise) {
  return Math.min(...connectedLoaders(node).map((loader) => valueOf(loader, slots) ?? otherwise), otherwise);
}

/** @returns {string[]} the words that the connected weights know; empty if they know many. words: as slots above */
export function connectedWords(node, words) {
  return connectedLoaders(node).map((loader) => valueOf(loader, words)).find(Boolean) ?? NO_WORDS;
}

/** What a table says of a loader; of one with a menu, of what is chosen in it. */
function valueOf(loader, table) {
  const known = table[loader.type];
  const byChoice = known instanceof Object && !Array.isArray(known);
  return byChoice ? loader.widgets?.map(({ value }) => known[value]).find(Boolean) : known;
}

/** The nodes that load the weights which the layout goes to. */
function connectedLoaders(node) {
  const seen = new Set();
  const found = [];
  const walk = (at) => {
    if (!at || seen.has(at)) return;
    seen.add(at);
    const input = at.inputs?.findIndex((one) => one.type === WEIGHTS) ?? -1;
    const loader = input >= 0 && at.isInputConnected(input) ? at.getInputNode(input) : null;
    if (loader) found.push(loader);
    (at.outputs ?? []).forEach((output, i) => {
      // a reroute has no type of its own
      if (output.type === INSTANCES || (at !== node && output.type === "*")) for (const next of at.getOutputNodes(i) ?? []) walk(next);
    });
  };
  if (node.graph) walk(node);
  return found;
}

const BRANCHED = new Set(["InstDiffKSampler", "InstDiffMultiInstance", "InstDiffToConditioning"]); // what uses an instance's negative prompt

/** @returns {boolean} whether the layout reaches a sampler, and nothing on the way uses its instances' negative prompts */
export function ignoresNegatives(node) {
  const seen = new Set();
  let [sampled, used] = [false, false];
  const walk = (at) => {
    if (!at || seen.has(at)) return;
    seen.add(at);
    used ||= BRANCHED.has(at.type);
    const takes = at !== node && at.inputs?.some((one) => one.type === "MODEL");
    if (takes && at.outputs?.some((one) => one.type === "LATENT" || one.type === "GUIDER")) sampled = true;
    (at.outputs ?? []).forEach((output, i) => {
      if (["INSTANCES", "MODEL"].includes(output.type) || (at !== node && output.type === "*")) for (const next of at.getOutputNodes(i) ?? []) walk(next);
    });
  };
  if (node.graph) walk(node);
  return sampled && !used;
}
