/** A prompt field: grows from one to four lines, keeps what is typed after a pause, never loses it to a rebuild. */
import { createScope, describe, el, ownKeys } from "./dom.js";
import { createDraft } from "./draft.js";
import { keyMatches } from "./keys.js";

const NEVER = 2 ** 31 - 1; // milliseconds, the longest that a timer takes

/**
 * @param {object} options
 * @param {string} options.label for screen readers
 * @param {string} [options.placeholder]
 * @param {string} options.act data-act
 * @param {(text: string) => void} options.commit
 * @param {() => void} options.leave Esc: give the focus back to the canvas
 * @param {string[]} options.whenEmpty acts whose keys are the layout's while the field is empty, as after drawing: they mean no text there
 * @param {(act: string) => void} options.perform
 * @param {() => void} [options.close] of a field for a single edit, which is one step: Enter keeps the text, Esc drops it, then it closes
 * @param {(field: object) => void} [options.assist] adds what helps while one types (assist.js)
 * @returns {{element: HTMLElement, textarea: HTMLTextAreaElement, set: (text: string) => void, flush: () => void, destroy: () => void}}
 */
export function createPrompt({ label, placeholder, act, commit, leave, whenEmpty, perform, close, assist }) {
  const scope = createScope();
  const textarea = el("textarea", { rows: 1, spellcheck: "false", autocomplete: "off", placeholder, "data-act": act });
  const element = el("div", { class: "ie-prompt" }, textarea); // its ::after repeats the text and so gives the height
  describe(textarea, label);
  textarea.removeAttribute("title"); // a tooltip over text that one reads is in the way
  let composing = false;
  let emptied = false; // there was a text since the field got the focus
  const draft = createDraft({ commit, pause: close ? NEVER : undefined });
  assist?.({ scope, element, textarea });

  scope.on(textarea, "input", () => {
    emptied = true;
    element.dataset.text = textarea.value;
    draft.set(textarea.value);
    if (composing) draft.hold(); // half a Chinese syllable is not a prompt
  });
  scope.on(textarea, "compositionstart", () => {
    composing = true;
    draft.hold();
  });
  scope.on(textarea, "compositionend", () => {
    composing = false;
    draft.wait();
  });
  scope.on(textarea, "focus", () => (emptied = textarea.value !== ""));
  scope.on(textarea, "change", draft.flush);
  scope.on(textarea, "blur", () => {
    composing = false;
    draft.flush();
  });
  scope.on(textarea, "keydown", (event) => {
    if (textarea.value || composing || event.repeat) return; // a key that is held down has just emptied the field
    if (event.key === "Backspace" && emptied) return; // one press too many must not take the instance
    const found = whenEmpty.find((one) => keyMatches(event, one));
    if (!found) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    draft.flush();
    leave();
    perform(found);
  });
  if (close) scope.on(textarea, "keydown", onlyEdit);
  ownKeys(scope, textarea, { flush: draft.flush, leave: () => (draft.flush(), leave()) });

  function onlyEdit(event) {
    const enter = event.key === "Enter" && !event.shiftKey && !event.ctrlKey && !event.metaKey;
    if (event.isComposing || event.defaultPrevented || !(enter || event.key === "Escape")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (enter) draft.flush();
    else draft.drop();
    close();
  }

  return {
    element,
    textarea,
    /** Show the document's text, unless the person is ahead of it. */
    set(text) {
      if (draft.pending || composing || textarea.value === text) return;
      const { selectionStart, selectionEnd, selectionDirection, scrollTop } = textarea;
      const focused = textarea.ownerDocument.activeElement === textarea;
      textarea.value = element.dataset.text = text;
      if (!focused) return;
      textarea.setSelectionRange(selectionStart, selectionEnd, selectionDirection);
      textarea.scrollTop = scrollTop;
    },
    flush: draft.flush,
    destroy() {
      draft.hold();
      scope.destroy();
    },
  };
}
