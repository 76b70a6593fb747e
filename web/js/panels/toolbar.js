/** The bar above the canvas: tools, brush size, history, menus. */
import { createScope, describe, el, focusEditor, iconButton, setAttribute, setText } from "./dom.js";
import { icon } from "./icons.js";
import { keyText } from "./keys.js";
import { fill } from "../text.js";
import { createSlider } from "./number.js";

const TOOLS = ["select", "box", "brush", "eraser", "polygon", "lasso", "ellipse", "point", "scribble", "segment"];
const SIZED = new Set(["brush", "eraser"]);
const BRUSH = [1, 512]; // px of the layout

/**
 * @param {object} options
 * @param {object} options.store @param {object} options.host @param {object} options.text
 * @param {(anchor: HTMLElement) => void} options.openView @param {(anchor: HTMLElement) => void} options.openFile
 * @param {() => void} options.openLibrary
 * @returns {{element: HTMLElement, destroy: () => void}}
 */
export function createToolbar({ store, host, text, openView, openFile, openLibrary }) {
  const scope = createScope();
  const button = (act, picture = act, words = text.acts[act]) => iconButton(act, icon(picture), words, keyText(act));
  const tools = Object.fromEntries(TOOLS.map((tool) => [tool, button(`tool-${tool}`, tool)]));
  const target = button("target", "into", text.target);
  const popoutIcon = { true: icon("popin"), false: icon("popout") };
  const popout = button("popout");
  const view = button("view-menu", "view", text.viewMenu);
  const file = button("file-menu", "file", text.fileMenu);
  for (const anchor of [view, file]) setAttribute(anchor, "aria-haspopup", "menu");

  // the slider is quadratic: small brushes need the finer steps
  const size = createSlider({
    act: "brush-size",
    label: text.brushSize,
    min: 0,
    max: 1,
    step: 0.005,
    preview: (share) => store.setSession({ brush: Math.round(BRUSH[0] + share * share * (BRUSH[1] - BRUSH[0])) }),
    commit: () => {},
    leave: () => focusEditor(element),
  });
  const pressure = button("pressure", "pressure", text.pressure);
  const sizeText = el("output", { class: "ie-brush-size" });
  const brush = el("div", { class: "ie-brush" }, size.element, sizeText, pressure);

  const element = el(
    "div",
    { class: "ie-toolbar", role: "toolbar", "aria-label": text.tools },
    el("div", { class: "ie-group ie-tools" }, ...Object.values(tools), target),
    el("div", { class: "ie-group ie-history" }, button("undo"), button("redo")),
    brush,
    el("div", { class: "ie-group ie-menus" }, view, file, button("library", "library", text.library.title), popout, button("help"))
  );
  const buttons = [...element.querySelectorAll("button")];

  scope.on(element, "click", (event) => {
    const act = event.target.closest("button")?.dataset.act;
    if (!act) return;
    if (act === "view-menu") openView(view);
    else if (act === "file-menu") openFile(file);
    else if (act === "library") openLibrary();
    else if (act === "pressure") store.setSession({ pressure: !store.session.pressure });
    else if (act === "target") store.setSession({ target: store.session.target === "selected" ? "new" : "selected" });
    else host.perform(act);
    // after a click by pointer the keys belong to the canvas again
    if (event.detail && !act.endsWith("-menu") && !["help", "library"].includes(act)) focusEditor(element);
  });
  scope.on(element, "keydown", (event) => {
    const at = buttons.indexOf(event.target);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const next = buttons[(to + buttons.length) % buttons.length];
    next.focus({ preventScroll: true });
  });
  // one stop for Tab, arrows inside, as the toolbar pattern has it
  scope.on(element, "focusin", (event) => buttons.includes(event.target) && rove(event.target));

  function rove(current) {
    for (const one of buttons) one.tabIndex = one === current ? 0 : -1;
  }

  function update() {
    const { tool, toolStays, brush: px, popout: out, target: into } = store.session;
    for (const name of TOOLS) {
      const stays = toolStays && tool === name;
      setAttribute(tools[name], "aria-pressed", String(tool === name));
      tools[name].classList.toggle("is-kept", stays);
      const words = text.acts[`tool-${name}`];
      describe(tools[name], stays ? fill(text.toolStays, { tool: words }) : words, keyText(`tool-${name}`));
    }
    setAttribute(target, "aria-pressed", String(into === "selected"));
    setAttribute(popout, "aria-pressed", String(out));
    describe(popout, out ? text.popin : text.acts.popout, keyText("popout"));
    if (popout.firstChild !== popoutIcon[out]) popout.replaceChildren(popoutIcon[out]);
    brush.classList.toggle("is-off", !SIZED.has(tool));
    setText(sizeText, `${px} px`);
    setAttribute(pressure, "aria-pressed", String(store.session.pressure));
    size.set(Math.sqrt((px - BRUSH[0]) / (BRUSH[1] - BRUSH[0])));
  }

  const KEYS = ["tool", "toolStays", "brush", "pressure", "popout", "target"];
  scope.add(store.subscribe(({ session }) => KEYS.some((key) => session.has(key)) && update()));
  scope.add(size.destroy);
  update();
  rove(buttons[0]);
  return { element, destroy: scope.destroy };
}
