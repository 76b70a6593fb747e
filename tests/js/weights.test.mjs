import assert from "node:assert/strict";
import { test } from "node:test";
import { connectedSlots, connectedWords, ignoresNegatives } from "../../web/js/weights.js";

const SLOTS = { Demo: 8, Either: { "demo model": 8 } };

/** A graph node: next = the nodes behind its output, loader = the node that gives its weights (null: the socket is free). */
function node({ type = "", output = "INSTANCES", next = [], loader } = {}) {
  const inputs = loader === undefined ? [] : [{ type: "MODEL" }, { type: "INSTDIFF_MODEL" }];
  return {
    ...{ type, graph: {}, inputs, outputs: [{ type: "INT" }, { type: output }] },
    isInputConnected: () => loader !== null,
    getInputNode: () => loader,
    getOutputNodes: (i) => (i === 1 ? next : null),
  };
}

test("the weights behind a layout are found through other nodes, the fewest slots count", () => {
  const demo = node({ loader: node({ type: "Demo" }), output: "MODEL" });
  const full = node({ loader: node({ type: "Full" }), output: "MODEL" });
  assert.equal(connectedSlots(node({ next: [full] }), SLOTS, 30), 30);
  assert.equal(connectedSlots(node({ next: [node({ next: [full, demo], output: "*" })] }), SLOTS, 30), 8);
  const either = (value) => node({ loader: { ...node({ type: "Either" }), widgets: [{ value }, { value: "automatic" }] }, output: "MODEL" });
  assert.equal(connectedSlots(node({ next: [either("demo model")] }), SLOTS, 30), 8);
  assert.equal(connectedSlots(node({ next: [either("sd15.safetensors")] }), SLOTS, 30), 30);
  const words = { Demo: ["circle"], Either: { "demo model": ["star"] } };
  assert.deepEqual([full, demo, either("demo model"), either("other")].map((next) => connectedWords(node({ next: [next] }), words)), [[], ["circle"], ["star"], []]);
  assert.equal(connectedSlots(node({ next: [node({ loader: null })] }), SLOTS, 30), 30);
  assert.equal(connectedSlots(node(), SLOTS, 30), 30);
});

test("a circle ends, and models lead to no further weights", () => {
  const one = node();
  one.getOutputNodes = () => [one];
  assert.equal(connectedSlots(one, SLOTS, 30), 30);
  const demo = node({ loader: node({ type: "Demo" }) });
  assert.equal(connectedSlots(node({ output: "MODEL", next: [demo] }), SLOTS, 30), 30);
});

test("negative prompts of instances are ignored where a plain sampler is all there is", () => {
  const sampler = (type) => ({ ...node({ type, output: "LATENT" }), inputs: [{ type: "MODEL" }] });
  const apply = (...next) => node({ type: "InstDiffApply", output: "MODEL", loader: node(), next });
  assert.ok(ignoresNegatives(node({ next: [apply(sampler("KSampler"))] })));
  assert.ok(ignoresNegatives(node({ next: [node({ output: "*", next: [apply(node({ output: "MODEL", next: [sampler("KSampler")] }))] })] })));
  for (const type of ["InstDiffKSampler", "InstDiffMultiInstance"]) assert.ok(!ignoresNegatives(node({ next: [apply(sampler("KSampler"), sampler(type))] })));
  assert.ok(!ignoresNegatives(node({ next: [apply()] })));
  assert.ok(!ignoresNegatives(node({ next: [apply(sampler("KSampler")), node({ type: "InstDiffToConditioning" })] })));
});
