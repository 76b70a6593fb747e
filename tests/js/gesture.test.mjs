import assert from "node:assert/strict";
import { test } from "node:test";
import { selectTool } from "../../web/js/editor/selectTool.js";
import { createGesture, toolForPress } from "../../web/js/editor/gesture.js";
import { freshBox, newBox } from "../../web/js/editor/newBox.js";
import { drawsOnce, place } from "../../web/js/editor/placing.js";
import { viewport } from "../../web/js/editor/viewport.js";
import { emptyLayout, layoutToJson } from "../../web/js/layout/document.js";
import { createStore, newSession } from "../../web/js/state/store.js";

const SIZE = { width: 540, height: 540 };

function storeWith(...instances) {
  const session = newSession();
  const store = createStore({ commit() {}, sessionOf: () => session });
  store.load(layoutToJson({ ...emptyLayout(512, 512), instances: [] }));
  for (const instance of instances) store.dispatch({ type: "add", instance });
  return store;
}

function press(store, x, y, more = {}) {
  const view = viewport(store.doc, SIZE, { zoom: null, pan: [0, 0] });
  return { at: [x, y], screen: view.toScreen([x, y]), view, shift: false, alt: false, ctrl: false, ...more };
}

const taker = (store, ...where) => toolForPress(store, press(store, ...where));

test("select draws where nothing is to be selected, and with Ctrl", () => {
  const store = storeWith();
  assert.equal(taker(store, 0.5, 0.5), "box");
  store.dispatch({ type: "add", instance: { box: [0.2, 0.2, 0.6, 0.6] } });
  assert.equal(taker(store, 0.9, 0.9), "select");
  assert.equal(taker(store, 0.4, 0.4, { ctrl: true }), "box");
  store.dispatch({ type: "update", ids: ["i1"], fields: { visible: false } });
  assert.equal(taker(store, 0.9, 0.9), "box");
});

test("box moves inside what is selected and draws everywhere else", () => {
  const store = storeWith({ box: [0.2, 0.2, 0.6, 0.6] }, { box: [0.7, 0.7, 0.9, 0.9] });
  store.setSession({ tool: "box", selection: ["i1"] });
  assert.equal(taker(store, 0.4, 0.4), "select");
  assert.equal(taker(store, 0.4, 0.4, { ctrl: true }), "box");
  assert.equal(taker(store, 0.8, 0.8), "box"); // not selected
  assert.equal(taker(store, 0.6, 0.6), "box"); // the corner: the next box begins there
  store.setSession({ target: "selected" });
  assert.equal(taker(store, 0.4, 0.4), "box");
  store.setSession({ target: "new", tool: "brush" });
  assert.equal(taker(store, 0.4, 0.4), "brush");
  store.dispatch({ type: "update", ids: ["i1"], fields: { locked: true } });
  store.setSession({ tool: "box" });
  assert.equal(taker(store, 0.4, 0.4), "box");
});

test("a gesture belongs to the tool that took the press, whatever is chosen meanwhile", () => {
  const store = storeWith();
  const tools = { select: {}, box: {} };
  const gesture = createGesture(store, tools);
  assert.equal(gesture.tool(), tools.select);
  gesture.begin(press(store, 0.5, 0.5));
  store.setSession({ tool: "select" });
  assert.equal(gesture.tool(), tools.box);
  gesture.end();
  assert.equal(gesture.tool(), tools.select);
});

test("after a drawing Select is chosen and the empty prompt has the focus", () => {
  const store = storeWith();
  store.setSession({ tool: "point" });
  place(store, null, "point", [0.5, 0.5]);
  const { tool, selection, focusPrompt } = store.session;
  assert.deepEqual([tool, selection, focusPrompt], ["select", ["i1"], "i1"]);
  store.setSession({ tool: "scribble", toolStays: true, focusPrompt: null });
  place(store, store.doc.instances[0], "scribble", [[0.1, 0.1], [0.5, 0.5]]);
  assert.deepEqual([store.session.tool, store.session.focusPrompt], ["scribble", "i1"]);
  store.dispatch({ type: "update", ids: ["i1"], fields: { prompt: "a path" } });
  store.setSession({ focusPrompt: null });
  place(store, store.doc.instances[0], "box", [0.1, 0.1, 0.5, 0.5]);
  assert.equal(store.session.focusPrompt, null);
  assert.deepEqual(["box", "polygon", "brush", "eraser", "select"].map(drawsOnce), [true, true, false, false, false]);
});

test("a new box lies in the middle, whole on the canvas and beside the one before", () => {
  assert.deepEqual(freshBox(emptyLayout(512, 512)), [180 / 512, 180 / 512, 332 / 512, 332 / 512].map((v) => Math.round(v * 1e5) / 1e5));
  const store = storeWith();
  for (let n = 0; n < 40; n++) newBox(store);
  const boxes = store.doc.instances.map(({ box }) => box);
  assert.ok(new Set(boxes.slice(0, 12).map(String)).size === 12 && boxes.flat().every((v) => v >= 0 && v <= 1));
  assert.ok(Math.abs(boxes[1][0] - boxes[0][0] - 16 / 512) < 1e-4);
  assert.deepEqual(freshBox(emptyLayout(1024, 64), [1, 0]), [0.98438, 0, 1, 0.25]);
  assert.deepEqual(freshBox(emptyLayout(1, 1)), [0, 0, 1, 1]);
});

test("a copy that is dragged off leaves its original without the pointer's mark", () => {
  const store = storeWith({ box: [0.1, 0.1, 0.3, 0.3] });
  const tool = selectTool({ store, settings: () => ({}), setGuides() {}, redraw() {} });
  tool.hover(press(store, 0.2, 0.2, { alt: true }));
  assert.equal(store.session.hover, "i1");
  tool.down(press(store, 0.2, 0.2, { alt: true }));
  for (const act of ["move", "up"]) tool[act](press(store, 0.7, 0.7, { alt: true, ctrl: true }));
  assert.deepEqual([store.doc.instances.length, store.session.hover], [2, null]);
});
