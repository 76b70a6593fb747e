/** How many instances the weights take that a layout goes to, as far as the graph tells it. */

const INSTANCES = "INSTANCES";
const WEIGHTS = "INSTDIFF_MODEL";

/** A loader with a menu takes as many as what is chosen in it. */
function slotsOf(loader, known) {
  return known instanceof Object ? loader.widgets?.map(({ value }) => known[value]).find((count) => count) : known;
}

/**
 * @param {object} node a graph node with an output of instances
 * @param {Record<string, number | Record<string, number>>} slots by the type of the node that loads the weights, or by what is chosen there
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
      if (loader) found.push(slotsOf(loader, slots[loader.type]) ?? otherwise);
    }
    (at.outputs ?? []).forEach((output, i) => {
      // a reroute has no type of its own
      if (output.type === INSTANCES || (at !== node && output.type === "*")) for (const next of at.getOutputNodes(i) ?? []) walk(next);
    });
  };
  if (node.graph) walk(node);
  return found.length ? Math.min(...found) : otherwise;
}
