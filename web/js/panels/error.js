/** Shown in place of the stage when the node's text is not a layout: says why, keeps the text, offers ways out. */
import { createScope, describe, el, ownKeys } from "./dom.js";
import { icon } from "./icons.js";

/** @returns {{element: HTMLElement, destroy: () => void}} */
export function createErrorPanel({ store, host, text }) {
  const words = text.error;
  const scope = createScope();
  const sentence = el("p", { class: "ie-error-sentence", role: "alert" });
  const raw = describe(el("textarea", { "data-act": "error-text", spellcheck: "false", wrap: "soft" }), words.raw);
  raw.removeAttribute("title");
  const button = (act, words, extra = "") => el("button", { type: "button", class: `ie-wide ${extra}`, "data-act": act, text: words });
  const retry = button("error-retry", words.retry, "is-primary");
  const copy = button("error-copy", words.copy);
  const empty = button("error-empty", words.empty);
  const discard = button("error-discard", words.discard, "is-danger");
  const cancel = button("error-cancel", text.cancel);
  const choices = el("div", { class: "ie-buttons" }, retry, copy, empty);
  const sure = el("div", { class: "ie-buttons", hidden: true }, el("span", { text: words.sure }), discard, cancel);
  const element = el(
    "div",
    { class: "ie-error", hidden: true },
    el("h2", {}, icon("warn"), el("span", { text: words.title })),
    sentence,
    el("p", { class: "ie-quiet", text: words.kept }),
    raw,
    choices,
    sure
  );

  function ask(on) {
    choices.hidden = on;
    sure.hidden = !on;
    (on ? cancel : empty).focus({ preventScroll: true });
  }

  let shown = null;
  function update() {
    const { error } = store;
    if (error === shown) return;
    // the same text failing again keeps what was typed since
    if (error && error.raw !== shown?.raw) raw.value = error.raw;
    shown = error;
    element.hidden = !error;
    sentence.textContent = error?.message ?? "";
    choices.hidden = false;
    sure.hidden = true;
  }

  scope.on(retry, "click", () => host.repair(raw.value));
  scope.on(copy, "click", async () => {
    try {
      await host.clipboardWrite(raw.value);
      store.notify(text.notices.copiedText);
    } catch {
      raw.select();
      store.notify(text.notices.copyRefused, "warn");
    }
  });
  scope.on(empty, "click", () => ask(true));
  scope.on(cancel, "click", () => ask(false));
  scope.on(discard, "click", () => host.repair(null));
  ownKeys(scope, raw);
  scope.add(store.subscribe(update));
  update();
  return { element, destroy: scope.destroy };
}
