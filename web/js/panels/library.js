/** The library of layouts: what one has saved, and what one begins with, as pictures. Over the editor, as long as it is open. */
import { COMPOSITIONS, composition } from "../library/compositions.js";
import { MOST_LETTERS, tidyName } from "../library/names.js";
import { StoreError } from "../library/saved.js";
import { thumbnail } from "../library/thumbnail.js";
import { layoutToJson } from "../layout/document.js";
import { fill } from "../text.js";
import { ask } from "./ask.js";
import { bringIn } from "./bringIn.js";
import { createScope, describe, el, focusEditor, iconButton, reveal, setText } from "./dom.js";
import { icon } from "./icons.js";

/** @returns {() => void} opens the library */
export function createLibrary({ store, host, text, root }) {
  const words = text.library;
  let shown = null; // the library that is open

  return function open() {
    shown?.close();
    shown = dialog();
  };

  function dialog() {
    const scope = createScope();
    const before = root.ownerDocument.activeElement;
    const close = iconButton("library-close", icon("close"), text.close);
    const name = el("input", { type: "text", class: "ie-name", "data-act": "library-name", "aria-label": words.name, placeholder: words.name, maxlength: MOST_LETTERS });
    const save = el("button", { type: "button", class: "ie-wide is-primary", "data-act": "library-save", text: words.save });
    const said = el("p", { class: "ie-said", role: "status" });
    const begin = el("div", { class: "ie-cards" });
    const saved = el("div", { class: "ie-cards" });
    const note = el("p", { class: "ie-empty" });
    const broken = el("div", { class: "ie-broken" });
    const sheet = el(
      "div",
      { class: "ie-sheet" },
      el("header", {}, el("h2", { text: words.title }), close),
      el("div", { class: "ie-line" }, name, save),
      said,
      el("h3", { text: words.saved }), // first: the compositions are always there, and would push it out of sight
      note,
      saved,
      broken,
      el("h3", { text: words.begin }),
      begin
    );
    const element = el("div", { class: "ie-library", role: "dialog", "aria-modal": "true", "aria-label": words.title }, sheet);

    for (const key of COMPOSITIONS) {
      begin.append(card(words.compositions[key], composition(key, store.doc, store.session.words), `begin-${key}`));
    }
    scope.on(close, "click", finish);
    scope.on(element, "click", (event) => event.target === element && finish());
    scope.on(save, "click", saveThis);
    scope.on(element, "keydown", onKey);
    root.append(element);
    name.focus({ preventScroll: true });
    refresh();
    return { close: finish };

    function finish() {
      if (!element.isConnected) return;
      scope.destroy();
      element.remove();
      shown = null;
      if (before?.isConnected && root.contains(before)) before.focus({ preventScroll: true });
      else focusEditor(root);
    }

    async function refresh() {
      setText(note, words.loading);
      const found = await attempt(() => host.layouts.list());
      if (!found || !element.isConnected) return;
      note.hidden = found.layouts.length > 0;
      setText(note, words.none);
      saved.replaceChildren(...found.layouts.map(({ name: title, doc }) => card(title, doc, "open-saved", true)));
      broken.replaceChildren(...found.broken.map((one) => el("p", { class: "ie-hint", text: fill(words.broken, one) })));
      if (!element.contains(root.ownerDocument.activeElement)) name.focus({ preventScroll: true }); // its button is gone
    }

    function card(title, doc, act, own = false) {
      const opener = el("button", { type: "button", class: "ie-card-open", "data-act": act }, thumbnail(doc), el("span", { text: title }));
      const { width, height } = doc;
      describe(opener, fill(words.open, { name: title, count: doc.instances.length, width, height }));
      opener.addEventListener("click", () => take(title, doc));
      const one = el("div", { class: "ie-card" }, opener);
      if (!own) return one;
      const rename = iconButton("library-rename", icon("rename", 14), fill(words.rename, { name: title }));
      const remove = iconButton("library-remove", icon("delete", 14), fill(words.remove, { name: title }));
      rename.addEventListener("click", () => renameIt(title));
      remove.addEventListener("click", () => removeIt(title));
      one.append(el("div", { class: "ie-card-tools" }, rename, remove));
      return one;
    }

    async function take(title, doc) {
      finish();
      if (await bringIn({ store, text, root }, doc)) store.notify(fill(words.opened, { name: title }));
    }

    async function saveThis() {
      const title = tidyName(name.value);
      if (!title) return say(words.noName);
      const json = layoutToJson(store.doc);
      if (!(await unlessThere(title, (overwrite) => host.layouts.save(title, json, overwrite)))) return;
      name.value = "";
      await refresh();
      const kept = [...saved.querySelectorAll(".ie-card")].find((one) => one.textContent === title);
      if (!kept) return; // the list could not be read, which was said
      say(fill(words.done, { name: title }));
      reveal(sheet, kept);
    }

    async function renameIt(title) {
      const field = el("input", { type: "text", class: "ie-name", value: title, "aria-label": words.name, maxlength: MOST_LETTERS });
      const form = el("div", { class: "ie-line" }, field);
      field.addEventListener("keydown", (event) => (event.ctrlKey || event.metaKey) && event.stopPropagation()); // Ctrl+A and the like
      const choices = [{ act: "rename-do", label: words.renameIt, primary: true }, { act: "rename-cancel", label: text.cancel }];
      const answer = ask(root, { message: fill(words.askName, { name: title }), form, choices });
      field.select();
      if ((await answer) !== "rename-do") return;
      const to = tidyName(field.value);
      if (!to) say(words.noName);
      else if (to !== title && (await unlessThere(to, (overwrite) => host.layouts.rename(title, to, overwrite)))) await refresh();
    }

    async function removeIt(title) {
      const choices = [{ act: "remove-do", label: words.removeIt }, { act: "remove-cancel", label: text.cancel, primary: true }];
      if ((await ask(root, { message: fill(words.askRemove, { name: title }), choices })) !== "remove-do") return;
      await attempt(() => host.layouts.remove(title));
      await refresh();
    }

    /** Do it, and ask before it takes another's place. @returns {Promise<boolean>} whether it was done */
    async function unlessThere(title, act) {
      let taken = false;
      const done = await attempt(async () => {
        try {
          await act(false);
        } catch (problem) {
          if (problem.status !== 409) throw problem;
          taken = true;
        }
        return true;
      });
      if (!taken) return Boolean(done);
      const choices = [{ act: "overwrite-do", label: words.overwrite }, { act: "overwrite-cancel", label: text.cancel, primary: true }];
      if ((await ask(root, { message: fill(words.askOverwrite, { name: title }), choices })) !== "overwrite-do") return false;
      return Boolean(await attempt(async () => (await act(true), true)));
    }

    /** What `act` gives; undefined, and a sentence, where the server would not. */
    async function attempt(act) {
      say("");
      try {
        return await act();
      } catch (problem) {
        if (!(problem instanceof StoreError)) throw problem;
        say(problem.status ? fill(words.failed, problem) : words.gone);
        return undefined;
      }
    }

    function say(sentence) {
      setText(said, sentence);
    }

    function onKey(event) {
      if ((event.ctrlKey || event.metaKey) && ["Enter", "s"].includes(event.key)) return; // ComfyUI's own
      event.stopPropagation();
      if (event.key === "Escape") finish();
      else if (event.key === "Enter" && event.target === name) saveThis();
      else if (event.key === "Tab") {
        const all = [...element.querySelectorAll("button, input")];
        const next = (all.indexOf(event.target) + (event.shiftKey ? -1 : 1) + all.length) % all.length;
        all[next].focus();
      } else return;
      event.preventDefault();
    }
  }
}
