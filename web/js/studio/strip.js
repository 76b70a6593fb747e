/** The last results as thumbnails, the oldest first, and what can be done with the shown one. */
import { createScope, describe, el, focusEditor, iconButton, setAttribute, setText } from "../panels/dom.js";
import { icon } from "../panels/icons.js";
import { fill } from "../text.js";
import { choose, comparedWith, imageOf, shownResult, stepped, turned } from "./results.js";

/** @returns {{element: HTMLElement, update: () => void, destroy: () => void}} */
export function createStrip({ store, desk, words }) {
  const scope = createScope();
  const list = el("div", { class: "ie-thumbs", role: "listbox", "aria-label": words.strip, "aria-orientation": "horizontal" });
  const empty = el("p", { class: "ie-quiet ie-strip-empty", text: words.empty });
  const before = iconButton("batch-before", icon("previous"), words.batchBefore);
  const after = iconButton("batch-after", icon("next"), words.batchAfter);
  const at = el("span", { class: "ie-batch-at" });
  const batch = el("div", { class: "ie-group ie-batch" }, before, at, after);
  const back = el("button", { type: "button", class: "ie-wide", "data-act": "bring-back", title: words.bringBackHelp, text: words.bringBack });
  const seed = el("span", { class: "ie-strip-seed" });
  const acts = el("div", { class: "ie-strip-acts" }, seed, batch, back);
  const element = el("div", { class: "ie-strip" }, list, empty, acts);
  const thumbs = new Map(); // id of a result -> its button

  function thumb(result) {
    const image = el("img", { alt: "", draggable: "false", decoding: "async" });
    const button = el("button", { type: "button", class: "ie-thumb", role: "option", "data-act": "result", "data-result": result.id }, image, el("span", { class: "ie-thumb-number", text: result.number }));
    image.addEventListener("error", () => {
      button.classList.add("is-missing");
      describe(button, words.missing);
    });
    image.addEventListener("load", () => button.classList.remove("is-missing"));
    return button;
  }

  scope.on(list, "click", (event) => {
    const id = event.target.closest(".ie-thumb")?.dataset.result;
    if (!id) return;
    const state = desk.state();
    desk.set(event.shiftKey ? comparedWith(state, state.other === id ? null : id) : choose(state, id));
  });
  scope.on(list, "keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (by === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    desk.set(stepped(desk.state(), by));
    thumbs.get(desk.state().shown)?.focus({ preventScroll: true });
  });
  scope.on(before, "click", () => desk.set(turned(desk.state(), -1)));
  scope.on(after, "click", () => desk.set(turned(desk.state(), 1)));
  scope.on(back, "click", (event) => {
    const result = shownResult(desk.state());
    if (!result) return;
    const what = desk.bringBack(result);
    const told = { all: words.broughtBack, layout: words.broughtLayout }[what];
    store.notify(fill(told, { n: result.number, seed: result.seed?.value ?? "" }), what === "all" ? "info" : "warn");
    if (event.detail) focusEditor(element);
  });

  function update() {
    const state = desk.state();
    const shown = shownResult(state);
    const ids = state.results.map((one) => one.id);
    for (const [id, button] of thumbs) {
      if (ids.includes(id)) continue;
      button.remove();
      thumbs.delete(id);
    }
    for (const result of state.results) {
      if (!thumbs.has(result.id)) thumbs.set(result.id, thumb(result));
      const button = thumbs.get(result.id);
      const source = desk.url(imageOf(result), result);
      if (button.firstChild.getAttribute("src") !== source) button.firstChild.src = source;
      const label = result.seed ? words.thumb : words.thumbNoSeed;
      if (!button.classList.contains("is-missing")) describe(button, fill(label, { n: result.number, seed: result.seed?.value ?? "" }));
      setAttribute(button, "aria-selected", String(result === shown));
      setAttribute(button, "data-other", result.id === state.other);
      button.tabIndex = result === (shown ?? state.results.at(-1)) ? 0 : -1;
    }
    const buttons = ids.map((id) => thumbs.get(id));
    if (buttons.some((button, i) => list.children[i] !== button)) {
      list.replaceChildren(...buttons);
      list.scrollLeft = list.scrollWidth; // the newest is seen
    }
    empty.hidden = ids.length > 0;
    list.hidden = !ids.length;
    acts.hidden = !shown;
    batch.hidden = !(shown?.images.length > 1);
    setText(seed, shown?.seed ? `${words.seed} ${shown.seed.value}` : "");
    if (batch.hidden) return;
    const titles = new Set(shown.images.map((one) => one.title));
    const numbers = { at: shown.image + 1, count: shown.images.length, title: imageOf(shown).title };
    setText(at, fill(titles.size > 1 ? words.batchFrom : words.batch, numbers));
  }

  return { element, update, destroy: scope.destroy };
}
