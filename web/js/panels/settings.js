/** What belongs to the whole picture: its prompt and the size of the canvas. */
import { createScope, describe, el, focusEditor, iconButton } from "./dom.js";
import { icon } from "./icons.js";
import { fill } from "../text.js";
import { createNumber } from "./number.js";
import { createPrompt } from "./prompt.js";

const SIDE = { min: 64, max: 16384, step: 8 }; // pixels
const PRESETS = [[512, 512], [768, 512], [512, 768], [640, 640], [1024, 768]];

/** @returns {{element: HTMLElement, flush: () => void, destroy: () => void}} */
export function createSettings({ store, host, text }) {
  const scope = createScope();
  const leave = () => focusEditor(element);
  const setCanvas = (width, height) => store.dispatch({ type: "setCanvas", width, height });
  const prompt = createPrompt({
    label: text.settings.prompt,
    placeholder: text.settings.prompt,
    act: "global-prompt",
    commit: (value) => store.dispatch({ type: "setPrompt", prompt: value }),
    leave,
    whenEmpty: ["undo", "redo"],
    perform: (act) => host.perform(act),
  });
  const side = (act, label, prefix, commit) => createNumber({ act, label, prefix, ...SIDE, decimals: 0, commit, leave });
  const width = side("canvas-width", text.settings.width, "W", (value) => setCanvas(value, store.doc.height));
  const height = side("canvas-height", text.settings.height, "H", (value) => setCanvas(store.doc.width, value));
  const swap = iconButton("canvas-swap", icon("swap"), text.settings.swap);
  const picture = iconButton("canvas-picture", icon("picture"), text.settings.picture);
  const presets = describe(el("select", { class: "ie-select", "data-act": "canvas-preset" }), text.settings.presets);
  presets.append(el("option", { value: "", text: text.settings.presets, hidden: true }));
  for (const [w, h] of PRESETS) presets.append(el("option", { value: `${w}x${h}`, text: `${w} × ${h}` }));

  const element = el(
    "section",
    { class: "ie-settings", "aria-label": text.tabs.settings },
    prompt.element,
    el("div", { class: "ie-line" }, width.element, swap, height.element, picture, presets)
  );

  scope.on(picture, "click", () => host.perform("canvas-picture"));
  scope.on(swap, "click", () => setCanvas(store.doc.height, store.doc.width));
  scope.on(presets, "change", () => {
    const [w, h] = presets.value.split("x").map(Number);
    if (w) setCanvas(w, h);
    update();
  });

  let shown = null;
  function update() {
    const doc = store.shown;
    prompt.set(doc.prompt);
    width.set(doc.width);
    height.set(doc.height);
    const size = `${doc.width}x${doc.height}`;
    const preset = PRESETS.some((pair) => pair.join("x") === size) ? size : "";
    if (presets.value !== preset) presets.value = preset;
    shown = doc;
  }

  function updatePicture() {
    const { picture: size } = store.session;
    picture.hidden = !size;
    if (size) describe(picture, fill(text.settings.picture, size));
  }

  const parts = [prompt, width, height];
  scope.add(
    store.subscribe((change) => {
      if (change.doc && store.shown !== shown) update();
      if (change.session.has("picture")) updatePicture();
    })
  );
  for (const part of parts) scope.add(part.destroy);
  update();
  updatePicture();
  return { element, flush: () => parts.forEach((part) => part.flush()), destroy: scope.destroy };
}
