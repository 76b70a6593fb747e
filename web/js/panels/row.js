/** One row of the list: handle, colour, prompt, what locations it holds and whether it has a reference picture, eye and lock. */
import { LOCATION_KINDS } from "../layout/document.js";
import { instanceColor } from "../state/colors.js";
import { assistPrompt } from "./assist.js";
import { createScope, describe, el, focusEditor, iconButton, setAttribute } from "./dom.js";
import { createDraft } from "./draft.js";
import { icon } from "./icons.js";
import { createPrompt } from "./prompt.js";
import { fill } from "../text.js";

/**
 * @param {{id: string, store: object, host: object, text: object}} options
 * @returns {{element: HTMLElement, prompt: object, update: Function, mark: Function, state: Function, destroy: Function}}
 */
export function createRow({ id, store, host, text }) {
  const scope = createScope();
  const write = (fields) => store.dispatch({ type: "update", ids: [id], fields });
  const grip = iconButton("reorder", icon("grip"), text.list.reorder);
  grip.classList.add("ie-grip");
  const color = describe(el("input", { type: "color", class: "ie-swatch", "data-act": "color" }), text.list.color);
  const prompt = createPrompt({
    label: "",
    placeholder: text.list.placeholder,
    act: "prompt",
    commit: (value) => write({ prompt: value }),
    leave: () => focusEditor(element),
    whenEmpty: ["undo", "redo", "delete"],
    perform: (act) => host.perform(act),
    assist: assistPrompt({ store, host, text, cuts: true }),
  });
  const tie = el("span", { class: "ie-tie", role: "img", hidden: true }, icon("part", 12));
  const kinds = el("span", { class: "ie-kinds", role: "img" });
  const dot = el("span", { class: "ie-dot", role: "img", hidden: true });
  const eye = iconButton("visible", icon("eye"), text.list.hide);
  const lock = iconButton("locked", icon("unlock"), text.list.lock);
  const issues = el("div", { class: "ie-issues", hidden: true });
  const element = el(
    "div",
    { class: "ie-row", role: "listitem", "data-id": id },
    grip,
    tie,
    el("span", { class: "ie-swatch-box" }, color, dot),
    prompt.element,
    kinds,
    eye,
    lock,
    issues
  );

  // the browser's colour dialogue sends a value per movement: shown live, kept when it closes
  const draft = createDraft({
    preview: (value) => store.preview({ type: "update", ids: [id], fields: { color: value } }),
    commit: (value) => write({ color: value }),
    cancel: () => store.preview(null),
    pause: 1500,
  });
  scope.on(color, "input", () => draft.set(color.value));
  for (const type of ["change", "blur"]) scope.on(color, type, draft.flush);
  scope.on(eye, "click", () => write({ visible: !shown.visible }));
  scope.on(lock, "click", () => write({ locked: !shown.locked }));
  scope.add(prompt.destroy);
  scope.add(draft.drop);

  let shown = {};
  let held = null;
  let number = null;
  let partOf = "";

  return {
    element,
    prompt,
    /**
     * @param {object} instance @param {number} index in depth order, from 0
     * @param {{depth: number, number: number} | null} whole of a part: how deep it lies, and the number of its parent
     */
    update(instance, index, whole = null) {
      if (partOf !== (whole ? `${whole.depth} ${whole.number}` : "")) describeTie(whole);
      const tint = instanceColor(instance, index);
      if (color.value !== tint.toLowerCase()) color.value = tint;
      if (number !== index) describePrompt((number = index));
      if (shown === instance) return;
      prompt.set(instance.prompt);
      const now = [...LOCATION_KINDS.filter((kind) => instance[kind]), ...(instance.reference ? ["reference"] : [])];
      if (held !== now.join()) {
        held = now.join();
        kinds.replaceChildren(...now.map((kind) => icon(kind === "reference" ? "picture" : kind, 12)));
        describe(kinds, now.map((kind) => (kind === "reference" ? text.reference.label : text.kinds[kind])).join(", "));
      }
      const { visible, locked } = instance;
      if (shown.visible !== visible) toggle(eye, !visible, visible ? "eye" : "eyeOff", visible ? text.list.hide : text.list.show);
      if (shown.locked !== locked) toggle(lock, locked, locked ? "lock" : "unlock", locked ? text.list.unlock : text.list.lock);
      element.classList.toggle("is-hidden", !instance.visible);
      shown = instance;
    },
    /** @param {{code: string, words: string}[]} remarks what the lint says of this instance */
    mark(remarks) {
      const sentence = remarks.map(({ words }) => words).join("\n");
      if (issues.dataset.text === sentence) return;
      issues.dataset.text = sentence;
      dot.hidden = issues.hidden = !remarks.length;
      describe(dot, sentence);
      issues.replaceChildren(...remarks.map(({ code, words }) => el("p", { "data-code": code, text: words })));
    },
    /** @param {{selected: boolean, hovered: boolean}} state */
    state({ selected, hovered }) {
      element.classList.toggle("is-selected", selected);
      element.classList.toggle("is-hovered", hovered);
      setAttribute(element, "aria-current", selected ? "true" : null);
      // Tab goes from prompt to prompt; the small controls are stops in the chosen row alone
      for (const control of [grip, color, eye, lock]) control.tabIndex = selected ? 0 : -1;
    },
    destroy() {
      scope.destroy();
      element.remove();
    },
  };

  function describeTie(whole) {
    partOf = whole ? `${whole.depth} ${whole.number}` : "";
    tie.hidden = !whole;
    if (whole) describe(tie, fill(text.list.partOf, { n: whole.number }));
    tie.style.marginLeft = whole ? `${10 * (Math.min(whole.depth, 4) - 1)}px` : "";
  }

  function describePrompt(index) {
    setAttribute(prompt.textarea, "aria-label", fill(text.list.prompt, { n: index + 1 }));
  }

  function toggle(button, on, picture, words) {
    button.replaceChildren(icon(picture));
    describe(button, words);
    button.classList.toggle("is-on", on);
  }
}
