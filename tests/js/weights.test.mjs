import assert from "node:assert/strict";
import { test } from "node:test";
import { placesAfter, placesOf } from "../../web/js/graph.js";
import { paintedAt, paintedSize } from "../../web/js/painted.js";
import { connectedSlots, connectedWords, ignoresNegatives, useOfReferences } from "../../web/js/weights.js";
import { graph, link, nest } from "./support/graph.mjs";

const SLOTS = { Demo: 8, Either: { "demo model": 8 } };
const WORDS = { Demo: ["circle"], Either: { "demo model": ["star"] } };

/** A node whose output has a type. */
function add(at, type, output, widgets, mode) {
  const made = at.add(type, widgets, mode);
  made.outputs[0].type = output;
  return made;
}

/** A graph with an editor; `weights` connects a loader with a new node that takes the layout from `from`. */
function drawn() {
  const root = graph();
  const editor = add(root, "Editor", "INSTANCES");
  const weights = (loader, { from = editor, mode = 0 } = {}) => {
    const apply = add(from.graph, "InstDiffApply", "MODEL", {}, mode);
    link(from, apply, "instances", "INSTANCES");
    if (loader) link(loader, apply, "instdiff_model", "INSTDIFF_MODEL");
    return apply;
  };
  const loader = (type, widgets) => add(root, type, "INSTDIFF_MODEL", widgets);
  const slots = () => connectedSlots(placesOf(root, editor), SLOTS, 30);
  const words = () => connectedWords(placesOf(root, editor), WORDS);
  return { root, editor, weights, loader, slots, words };
}

test("the weights behind a layout are found through other nodes, the fewest slots count", () => {
  const { root, editor, weights, loader, slots, words } = drawn();
  assert.equal(slots(), 30);
  weights(null);
  weights(loader("Full"));
  assert.deepEqual([slots(), words()], [30, []]);
  const reroute = add(root, "Reroute", "*");
  link(editor, reroute);
  const demo = weights(loader("Demo"), { from: reroute });
  assert.deepEqual([slots(), words()], [8, ["circle"]]);
  demo.mode = 4;
  assert.equal(slots(), 30, "what is bypassed takes nothing");
});

test("what is chosen in a loader counts, and weights come through reroutes", () => {
  const { root, weights, loader, slots, words } = drawn();
  const either = loader("Either", { checkpoint: "sd15.safetensors", weights: "automatic" });
  const reroute = add(root, "Reroute", "*");
  link(either, reroute);
  weights(reroute);
  assert.deepEqual([slots(), words()], [30, []]);
  either.widgets[0].value = "demo model";
  assert.deepEqual([slots(), words()], [8, ["star"]]);
});

test("a circle ends, and models lead to no further weights", () => {
  const { editor, weights, loader, slots } = drawn();
  const full = weights(loader("Full"));
  link(full, editor, "instances", "INSTANCES");
  weights(loader("Demo"), { from: full });
  assert.equal(slots(), 30);
});

test("a circle straight through a subgraph ends, too, and gaps among the links are passed over", () => {
  const { root, editor, weights, slots } = drawn();
  const inner = graph();
  const holder = nest(root, inner, { inputs: ["in"], outputs: ["out"] });
  inner.connect({ origin_id: -10, origin_slot: 0, target_id: -20, target_slot: 0 });
  holder.outputs[0].type = "INSTANCES";
  const apply = weights(holder);
  link(editor, holder, "in");
  assert.deepEqual(placesAfter(placesOf(root, editor)).map(({ node }) => node), [apply]);
  link(holder, holder, "in");
  root.links.set("gap", null);
  root.links.delete([...root.links].find(([, one]) => one?.origin_id === editor.id && one.target_id === holder.id)[0]);
  assert.equal(slots(), 30);
});

test("subgraphs hide nothing: neither around the layout, nor around the weights, nor around the node that takes both", () => {
  for (const hidden of ["editor", "loader", "taker"]) {
    const root = graph();
    const inner = graph();
    const at = (name) => (name === hidden ? inner : root);
    const editor = add(at("editor"), "Editor", "INSTANCES");
    const loader = add(at("loader"), "Either", "INSTDIFF_MODEL", { checkpoint: "demo model" });
    const apply = add(at("taker"), "InstDiffToConditioning", "MODEL");
    const given = { editor: { outputs: ["instances"] }, loader: { inputs: ["checkpoint"], outputs: ["weights"] }, taker: { inputs: ["instances", "weights"], outputs: ["model"] } };
    const holder = nest(root, inner, { inputs: [], outputs: [], ...given[hidden] });
    holder.outputs.forEach((output) => Object.assign(output, { type: { instances: "INSTANCES", weights: "INSTDIFF_MODEL", model: "MODEL" }[output.name] }));
    const sampler = add(root, "KSampler", "LATENT");
    if (hidden === "taker") {
      inner.enter("instances", apply, "instances");
      inner.enter("weights", apply, "instdiff_model");
      apply.inputs[1].type = "INSTDIFF_MODEL";
      inner.leave("model", apply);
      link(editor, holder, "instances");
      link(loader, holder, "weights");
      link(holder, sampler, "model", "MODEL");
    } else {
      inner.leave(holder.outputs[0].name, hidden === "editor" ? editor : loader);
      link(hidden === "editor" ? holder : editor, apply, "instances", "INSTANCES");
      link(hidden === "loader" ? holder : loader, apply, "instdiff_model", "INSTDIFF_MODEL");
      link(apply, sampler, "model", "MODEL");
    }
    const slots = () => connectedSlots(placesOf(root, editor), SLOTS, 30);
    assert.equal(slots(), 8, hidden);
    assert.ok(!ignoresNegatives(placesOf(root, editor)), hidden);
    apply.type = "InstDiffApply";
    assert.ok(ignoresNegatives(placesOf(root, editor)), hidden);
    if (hidden !== "loader") continue;
    holder.widgets = [{ name: "checkpoint", value: "sd15.safetensors" }];
    inner.enter("checkpoint", loader, "checkpoint");
    assert.equal(slots(), 30, "a menu that the subgraph's node shows counts there");
  }
});

test("reference pictures are taken where Apply References is behind, before or after the layers", () => {
  const { root, editor, weights } = drawn();
  const use = () => useOfReferences(placesOf(root, editor));
  const apply = weights(null);
  assert.equal(use(), "");
  const sampler = add(root, "KSampler", "LATENT");
  link(apply, sampler, "model", "MODEL");
  assert.equal(use(), "ignored");
  const references = add(root, "InstDiffApplyReferences", "MODEL");
  link(editor, references, "instances", "INSTANCES");
  assert.equal(use(), "taken");
  references.mode = 4;
  assert.equal(use(), "ignored", "bypassed");
});

test("negative prompts of instances are ignored where a plain sampler is all there is", () => {
  const { root, editor, weights } = drawn();
  const ignored = () => ignoresNegatives(placesOf(root, editor));
  const reroute = add(root, "Reroute", "*");
  link(editor, reroute);
  const apply = weights(null, { from: reroute });
  assert.ok(!ignored());
  const sampler = (type) => {
    const made = add(root, type, "LATENT");
    link(apply, made, "model", "MODEL");
    return made;
  };
  sampler("KSampler");
  assert.ok(ignored());
  for (const type of ["InstDiffKSampler", "InstDiffMultiInstance"]) {
    const branched = sampler(type);
    assert.ok(!ignored(), type);
    branched.mode = 4;
    assert.ok(ignored(), `${type} is bypassed`);
  }
  link(editor, add(root, "InstDiffToConditioning", "CONDITIONING"), "instances", "INSTANCES");
  assert.ok(!ignored());
});

test("the size that the graph paints: of the empty latent, of the demo model, or the canvas's own", () => {
  const { root, editor, weights, loader } = drawn();
  const apply = weights(loader("Demo"));
  const painted = () => paintedAt(placesOf(root, editor), { Demo: [256, 512], Either: { "demo model": [256, 512] } });
  let sampler = null;
  const given = (latent) => {
    if (sampler) sampler.mode = 2;
    sampler = add(root, "KSampler", "LATENT");
    link(apply, sampler, "model", "MODEL");
    link(latent, sampler, "latent_image", "LATENT");
  };
  assert.equal(painted(), null, "nothing is known of it");
  given(add(root, "InstDiffEmptyLatent", "LATENT"));
  assert.deepEqual(painted(), { sides: [256, 512], title: "InstDiffEmptyLatent" });
  assert.deepEqual(paintedSize(painted(), { width: 768, height: 512 }), { width: 384, height: 256 });
  assert.deepEqual(paintedSize(painted(), { width: 300, height: 600 }), { width: 256, height: 512 });
  assert.deepEqual(paintedSize(painted(), { width: 1536, height: 512 }), { width: 504, height: 168 }, "no longer than it was made for, in its form");
  const empty = add(root, "EmptyLatentImage", "LATENT", { width: 640, height: 512 });
  const reroute = add(root, "Reroute", "*");
  link(empty, reroute, "", "*");
  given(reroute);
  assert.deepEqual(painted(), { width: 640, height: 512, title: "EmptyLatentImage" });
  for (const width of [0, -64, Infinity, NaN, "640"]) {
    empty.widgets[0].value = width;
    assert.equal(painted(), null, `${width} is no side`);
  }
  link(editor, empty, "width", "INT");
  assert.equal(painted(), null, "a side comes from the editor");
  const upscaled = add(root, "LatentUpscale", "LATENT", { width: 1024, height: 1024 });
  link(empty, upscaled, "samples", "LATENT");
  given(upscaled);
  assert.equal(painted(), null, "a second pass goes on with what is there");
  assert.deepEqual(paintedSize(null, { width: 8, height: 9 }), { width: 8, height: 9 });
});

test("the empty latent's own model says the size: without InstDiff's weights, through a LoRA, and beside another model", () => {
  const { root, editor, weights, loader } = drawn();
  const painted = () => paintedAt(placesOf(root, editor), { Demo: [256, 512], Either: { "demo model": [256, 512] } });
  const either = add(root, "Either", "MODEL", { checkpoint: "demo model" });
  const lora = add(root, "LoraLoaderModelOnly", "MODEL");
  link(either, lora, "model", "MODEL");
  const apply = add(root, "InstDiffApplyLayout", "MODEL"); // takes no weights of InstDiff
  link(editor, apply, "instances", "INSTANCES");
  link(lora, apply, "model", "MODEL");
  const [empty, sampler] = [add(root, "InstDiffEmptyLatent", "LATENT"), add(root, "KSampler", "LATENT")];
  link(lora, empty, "model", "MODEL");
  link(apply, sampler, "model", "MODEL");
  link(empty, sampler, "latent_image", "LATENT");
  assert.deepEqual(painted(), { sides: [256, 512], title: "InstDiffEmptyLatent" });
  either.widgets[0].value = "sdxl.safetensors";
  assert.equal(painted(), null);
  weights(loader("Demo"));
  assert.equal(painted(), null, "the demo's weights are elsewhere in the graph");
});
