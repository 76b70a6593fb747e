/** What belongs to the whole picture: its prompt and the size of the canvas. */
import { FROM_INSTANCES, missingInCaption, withPrompts } from "../state/caption.js";
import { assistPrompt } from "./assist.js";
import { paintedSize } from "../painted.js";
import { createScope, describe, el, focusEditor, iconButton, setText } from "./dom.js";
import { icon } from "./icons.js";
import { fill } from "../text.js";
import { createNumber, refuseIn } from "./number.js";
import { createPrompt } from "./prompt.js";

const SIDE = { min: 64, max: 16384, step: 8 }; // pixels
const SAME_SHAPE = 0.02; // as the nodes tell shapes apart: sides are multiples of 8 pixels
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
    assist: assistPrompt({ store, host, text }),
  });
  const source = describe(el("select", { class: "ie-select", "data-act": "caption-from" }), text.settings.caption);
  source.append(el("option", { value: "", text: text.settings.captionFree }), el("option", { value: FROM_INSTANCES, text: text.settings.captionComposed }));
  const add = el("button", { type: "button", class: "ie-wide", "data-act": "caption-add", hidden: true });
  const refuse = refuseIn({ store, text });
  const side = (name, prefix, commit) => {
    const options = { act: `canvas-${name}`, label: text.settings[name], whole: () => store.doc[name] };
    return createNumber({ ...options, prefix, ...SIDE, decimals: 0, commit, leave, refuse });
  };
  const width = side("width", "W", (value) => setCanvas(value, store.doc.height));
  const height = side("height", "H", (value) => setCanvas(store.doc.width, value));
  const swap = iconButton("canvas-swap", icon("swap"), text.settings.swap);
  const picture = iconButton("canvas-picture", icon("picture"), text.settings.picture);
  const presets = describe(el("select", { class: "ie-select", "data-act": "canvas-preset" }), text.settings.presets);
  presets.append(el("option", { value: "", text: text.settings.presets, hidden: true }));
  for (const [w, h] of PRESETS) presets.append(el("option", { value: `${w}x${h}`, text: `${w} × ${h}` }));

  const says = el("span", { class: "ie-painted-size" });
  const takeSize = el("button", { type: "button", class: "ie-wide", "data-act": "canvas-painted", text: text.settings.takeSize });
  const painted = el("div", { class: "ie-line ie-painted", hidden: true }, says, takeSize);
  const element = el(
    "section",
    { class: "ie-settings", "aria-label": text.tabs.settings },
    prompt.element,
    el("div", { class: "ie-line ie-caption-line" }, source, add),
    el("div", { class: "ie-line" }, width.element, swap, height.element, picture, presets),
    painted
  );

  scope.on(picture, "click", () => host.perform("canvas-picture"));
  scope.on(swap, "click", () => setCanvas(store.doc.height, store.doc.width));
  scope.on(presets, "change", () => {
    const [w, h] = presets.value.split("x").map(Number);
    if (w) setCanvas(w, h);
    update();
  });

  scope.on(takeSize, "click", () => {
    const { width: w, height: h } = paintedSize(store.session.painted, store.doc);
    setCanvas(w, h);
    leave(); // the button is gone now
  });

  scope.on(source, "change", () => {
    prompt.flush();
    store.dispatch({ type: "setCaptionFrom", fromInstances: source.value === FROM_INSTANCES });
  });
  scope.on(add, "click", () => {
    prompt.flush();
    store.dispatch({ type: "setPrompt", prompt: withPrompts(store.doc.prompt, missingInCaption(store.doc)) });
    leave(); // the button is gone now
  });

  let looked = null; // the document that the button speaks of
  function updateMissing() {
    if (looked === store.doc) return;
    looked = store.doc;
    const missing = missingInCaption(store.doc);
    add.hidden = !missing.length;
    setText(add, fill(text.settings.captionAdd, { count: missing.length }));
    add.title = missing.join("\n");
  }

  let shown = null;
  function update() {
    const doc = store.shown;
    prompt.set(doc.prompt);
    width.set(doc.width);
    height.set(doc.height);
    source.value = doc.caption_from === FROM_INSTANCES ? FROM_INSTANCES : "";
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

  /** Whether the graph paints another size than the canvas's, and who decides. */
  function updatePainted() {
    const doc = store.shown;
    const size = paintedSize(store.session.painted, doc);
    painted.hidden = size.width === doc.width && size.height === doc.height;
    if (painted.hidden) return;
    const other = Math.abs(Math.log((size.width * doc.height) / (size.height * doc.width))) > SAME_SHAPE;
    setText(says, fill(other ? text.settings.paintedOther : text.settings.painted, size));
    says.classList.toggle("is-warning", other);
    painted.title = fill(text.settings.paintedHelp, store.session.painted);
  }

  const parts = [prompt, width, height];
  scope.add(
    store.subscribe((change) => {
      const changed = change.doc && store.shown !== shown;
      if (changed) update();
      if (changed || change.session.has("painted")) updatePainted();
      if (change.doc && !change.preview) updateMissing();
      if (change.session.has("picture")) updatePicture();
    })
  );
  for (const part of parts) scope.add(part.destroy);
  update();
  updateMissing();
  updatePicture();
  updatePainted();
  return { element, flush: () => parts.forEach((part) => part.flush()), destroy: scope.destroy };
}
