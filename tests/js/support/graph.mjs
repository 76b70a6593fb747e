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
      const made = { id: nodes.length + 1, type, mode, graph: self, inputs: [], outputs: [{ name: "out", links: [] }] };
      made.widgets = Object.entries(widgets).map(([name, value]) => ({ name, value }));
      nodes.push(made);
      return made;
    },
    connect(link) {
      const id = links.size + 1;
      links.set(id, { id, ...link });
      return id;
    },
    /** A link from an input of this subgraph to a node in it. */
    enter(name, node) {
      const at = self.inputs.findIndex((one) => one.name === name);
      const id = self.connect({ origin_id: -10, origin_slot: at, target_id: node.id, target_slot: node.inputs.length });
      node.inputs.push({ name, link: id });
      self.inputs[at].linkIds.push(id);
    },
    /** A link from a node to an output of this subgraph. */
    leave(name, node) {
      const at = self.outputs.findIndex((one) => one.name === name);
      const id = self.connect({ origin_id: node.id, origin_slot: 0, target_id: -20, target_slot: at });
      node.outputs[0].links.push(id);
      self.outputs[at].linkIds.push(id);
    },
  };
  return self;
}

/** Connect the output of a node with a new input of another, or with an input of that name of a subgraph's node. */
export function link(from, to, name = "in", type = "*") {
  let slot = to.inputs.findIndex((one) => one.name === name);
  if (slot < 0) slot = to.inputs.push({ name, type }) - 1;
  const id = from.graph.connect({ origin_id: from.id, origin_slot: 0, target_id: to.id, target_slot: slot });
  from.outputs[0].links.push(id);
  to.inputs[slot].link = id;
}

/** A node of `outer` that holds a subgraph. */
export function nest(outer, inner, { inputs, outputs }) {
  const node = outer.add("Subgraph");
  inner.inputs.push(...inputs.map((name) => ({ name, linkIds: [] })));
  inner.outputs.push(...outputs.map((name) => ({ name, linkIds: [] })));
  return Object.assign(node, {
    subgraph: inner,
    isSubgraphNode: () => true,
    inputs: inputs.map((name) => ({ name })),
    outputs: outputs.map((name) => ({ name, links: [] })),
  });
}
