/** What becomes of a layout behind its node, as far as the graph tells it. */

const INSTANCES = "INSTANCES";
const WEIGHTS = "INSTDIFF_MODEL";

/**
 * @param {object} node a graph node with an output of instances
 * @param {Record<string, number>} slots by the type of the node that loads the weights
 * @param {number} otherwise of all other weights
 * @returns {number} the smallest number among the weights that are connected; `otherwise` if none are
 */
export function connectedSlots(node, slots, otherwise) {
  const seen = new Set();
  const found = [];
  const walk = (at) => {
    if (!at || seen.has(at)) return;
    seen.add(at);
    const input = at.inputs?.findIndex((one) => one.type === WEIGHTS) ?? -1;
    if (input >= 0) {
      const loader = at.isInputConnected(input) ? at.getInputNode(input) : null;
      if (loader) found.push(slots[loader.type] ?? otherwise);
    }
    (at.outputs ?? []).forEach((output, i) => {
      // a reroute has no type of its own
      if (output.type === INSTANCES || (at !== node && output.type === "*")) for (const next of at.getOutputNodes(i) ?? []) walk(next);
    });
  };
  if (node.graph) walk(node);
  return found.length ? Math.min(...found) : otherwise;
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
