/** What is seen on the canvas: the picture, how strong, the layout over it, and with what the picture is compared. */
import { createScope, describe, el, focusEditor, iconButton, setAttribute } from "../panels/dom.js";
import { icon } from "../panels/icons.js";
import { createSlider } from "../panels/number.js";
import { fill } from "../text.js";
import { comparedWith, LAYOUT, natural, shownResult } from "./results.js";

/** @returns {{element: HTMLElement, update: () => void, destroy: () => void}} */
export function createLook({ desk, words }) {
  const scope = createScope();
  const toggle = (act, name, label) => iconButton(act, icon(name), label);
  const picture = toggle("studio-picture", "picture", words.picture);
  const layout = toggle("studio-layout", "eye", words.layout);
  const compare = toggle("studio-compare", "compare", words.compare);
  const other = describe(el("select", { class: "ie-select", "data-act": "studio-other" }), words.compareWith);
  const set = (patch) => desk.set({ ...desk.state(), ...patch });
  const opacity = createSlider({
    act: "studio-opacity",
    label: words.opacity,
    min: 0.05,
    max: 1,
    step: 0.05,
    preview: (value) => set({ opacity: value }),
    commit: (value) => set({ opacity: value }),
    leave: () => focusEditor(element),
  });
  const element = el("div", { class: "ie-group ie-look" }, picture, opacity.element, layout, compare, other);
  let listed = "";

  scope.on(picture, "click", () => set({ on: !desk.state().on }));
  scope.on(layout, "click", () => set({ layout: !desk.state().layout }));
  scope.on(compare, "click", () => {
    const state = desk.state();
    desk.set(comparedWith(state, state.other === null ? natural(state) : null));
  });
  scope.on(other, "change", () => desk.set(comparedWith(desk.state(), other.value)));

  function update() {
    const state = desk.state();
    const { on, other: chosen, results, shown } = state;
    setAttribute(picture, "aria-pressed", String(on));
    setAttribute(layout, "aria-pressed", String(state.layout));
    setAttribute(compare, "aria-pressed", String(chosen !== null));
    opacity.set(state.opacity);
    opacity.element.disabled = !on;
    compare.disabled = !on || !shownResult(state);
    other.hidden = chosen === null;
    const choices = [[LAYOUT, words.layoutAlone], ...results.filter((one) => one.id !== shown).map((one) => [one.id, fill(words.result, { n: one.number })])];
    if (JSON.stringify(choices) !== listed) {
      listed = JSON.stringify(choices);
      other.replaceChildren(...choices.map(([value, label]) => el("option", { value, text: label })));
    }
    if (chosen !== null) other.value = chosen;
  }

  scope.add(opacity.destroy);
  return { element, update, destroy: scope.destroy };
}
