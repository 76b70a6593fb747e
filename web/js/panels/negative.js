/** The negative prompt of the selection: a line that opens into a field, open where there is one. */
import { assistPrompt } from "./assist.js";
import { createScope, describe, el, focusEditor, setAttribute, setText } from "./dom.js";
import { icon } from "./icons.js";
import { createPrompt } from "./prompt.js";

/** @returns {{element: HTMLElement, update: (chosen: object[]) => void, flush: () => void, destroy: () => void}} */
export function createNegative({ store, host, text }) {
  const words = text.negative;
  const scope = createScope();
  const fold = describe(el("button", { type: "button", class: "ie-fold", "data-act": "negative-fold" }, icon("down", 12), el("span", { text: words.label })), words.help);
  setAttribute(fold, "aria-label", words.label);
  let of = []; // ids of the instances that are shown; what is typed belongs to them, even if others are selected by now
  const prompt = createPrompt({
    label: words.label,
    placeholder: words.placeholder,
    act: "negative",
    commit: (value) => store.dispatch({ type: "update", ids: of, fields: { negative: value } }),
    leave: () => focusEditor(element),
    whenEmpty: ["undo", "redo"],
    perform: (act) => host.perform(act),
    assist: assistPrompt({ store, host, text }),
  });
  const unused = el("p", { class: "ie-hint", hidden: true, text: words.unused });
  const body = el("div", { class: "ie-fold-body" }, prompt.element, unused);
  const element = el("div", { class: "ie-negative" }, fold, body);
  let opened = false; // by hand, for the selection that is shown

  scope.on(fold, "click", (event) => {
    opened = body.hidden;
    show(opened);
    if (opened) prompt.textarea.focus({ preventScroll: true });
    else if (event.detail) focusEditor(element);
  });
  scope.add(prompt.destroy);

  function show(open) {
    body.hidden = !open;
    setAttribute(fold, "aria-expanded", String(open));
  }

  return {
    element,
    update(chosen) {
      const ids = chosen.map(({ id }) => id);
      const isOther = ids.join("\n") !== of.join("\n");
      if (isOther) {
        prompt.flush();
        opened = false;
        of = ids;
      }
      const given = new Set(chosen.map(({ negative = "" }) => negative));
      const mixed = given.size > 1;
      prompt.set(mixed ? "" : [...given][0]);
      setAttribute(prompt.textarea, "placeholder", mixed ? words.mixed : words.placeholder);
      const has = mixed || !given.has("");
      if (isOther || has) show(has || opened);
      setAttribute(unused, "hidden", !(has && store.session.ignoresNegatives));
      setText(unused, words.unused);
    },
    flush: prompt.flush,
    destroy: scope.destroy,
  };
}
