/** What a graph in API form, as it was sent to the server, says about one of its nodes: what it leads to, which seed it is run with. */

const SEEDS = ["noise_seed", "seed"];

/** @param {any} value an input of a node @param {object} prompt @returns {string | null} the node that a link comes from */
function origin(value, prompt) {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === "string" && Object.hasOwn(prompt, value[0]) ? value[0] : null;
}

/**
 * @param {Record<string, {inputs: object}>} prompt graph in API form
 * @param {Iterable<string>} from ids of nodes in it
 * @returns {Set<string>} every node that takes something from them, directly or not, the nearest first; without the nodes themselves
 */
export function downstream(prompt, from) {
  const next = new Map();
  for (const [id, { inputs }] of Object.entries(prompt)) {
    for (const value of Object.values(inputs ?? {})) {
      const source = origin(value, prompt);
      if (source !== null) next.set(source, [...(next.get(source) ?? []), id]);
    }
  }
  const found = new Set();
  const starts = new Set(from);
  let edge = [...starts];
  while (edge.length) {
    edge = edge.flatMap((id) => next.get(id) ?? []).filter((id) => !found.has(id) && found.add(id));
  }
  for (const id of starts) found.delete(id);
  return found;
}

/** @returns {string[]} the nodes of a set that sample: they have a seed, or noise of their own */
export function samplers(prompt, among) {
  return [...among].filter((id) => {
    const inputs = prompt[id]?.inputs ?? {};
    return SEEDS.some((name) => Object.hasOwn(inputs, name)) || origin(inputs.noise, prompt) !== null;
  });
}

/**
 * The pictures of a run that show what became of a layout. Where it is sampled, only what comes after the sampling counts: a preview of the
 * layout itself is no result. Saved pictures come before previews.
 * @param {object} prompt @param {Set<string>} down what is downstream of the editor
 * @param {Map<string, object[]>} outputs by node: its images {filename, subfolder, type}
 * @returns {object[]} images, each with the node that gave it and its title
 */
export function pictures(prompt, down, outputs) {
  const sampling = samplers(prompt, down);
  const after = sampling.length ? downstream(prompt, sampling) : down;
  const found = [...outputs].filter(([node]) => after.has(node)).flatMap(([node, images]) => images.map((image) => ({ ...image, node, title: titleOf(prompt, node) })));
  return [...found.filter((image) => image.type === "output"), ...found.filter((image) => image.type !== "output")];
}

/** @returns {string} what a node is called in the graph that was sent */
export function titleOf(prompt, id) {
  return prompt[id]?._meta?.title || prompt[id]?.class_type || String(id ?? "");
}
