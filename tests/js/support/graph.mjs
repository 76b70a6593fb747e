/** A stand-in for the page's graph: as much of it as the studio reads. */

export function graph() {
  const nodes = [];
  const links = new Map();
  const self = {
    _nodes: nodes,
    links,
    inputs: [],
    outputs: [],
    getNodeById: (id) => nodes.find((one) => one.id === id) ?? null,
    add(type, widgets = {}, mode = 0) {
      const made = { id: nodes.length + 1, type, mode, graph: self, inputs: [], outputs: [{ name: "out" }] };
      made.widgets = Object.entries(widgets).map(([name, value]) => ({ name, value }));
      nodes.push(made);
      return made;
    },
    connect(link) {
      links.set(links.size + 1, link);
    },
    /** A link from an input of this subgraph to a node in it. */
    enter(name, node, to = "in") {
      const at = self.inputs.findIndex((one) => one.name === name);
      self.connect({ origin_id: -10, origin_slot: at, target_id: node.id, target_slot: node.inputs.length });
      node.inputs.push({ name: to });
    },
    /** A link from a node to an output of this subgraph. */
    leave(name, node) {
      const at = self.outputs.findIndex((one) => one.name === name);
      self.connect({ origin_id: node.id, origin_slot: 0, target_id: -20, target_slot: at });
    },
  };
  return self;
}

/** Connect the output of a node with a new input of another, or with an input of that name of a subgraph's node. */
export function link(from, to, name = "in", type = "*") {
  let slot = to.inputs.findIndex((one) => one.name === name);
  if (slot < 0) slot = to.inputs.push({ name, type }) - 1;
  from.graph.connect({ origin_id: from.id, origin_slot: 0, target_id: to.id, target_slot: slot });
}

/** A node of `outer` that holds a subgraph. */
export function nest(outer, inner, { inputs, outputs }) {
  const node = outer.add("Subgraph");
  inner.inputs.push(...inputs.map((name) => ({ name })));
  inner.outputs.push(...outputs.map((name) => ({ name })));
  return Object.assign(node, {
    subgraph: inner,
    isSubgraphNode: () => true,
    inputs: inputs.map((name) => ({ name })),
    outputs: outputs.map((name) => ({ name })),
  });
}
