/** The reference picture of the selection: a thumbnail to choose or drop a picture onto, and how strong it is. */
import { createScope, describe, el, focusEditor, iconButton, setAttribute, setText } from "./dom.js";
import { icon } from "./icons.js";
import { createNumber, createSlider } from "./number.js";

/** @returns {number} 0..2, how much an instance takes from its reference; the document holds it where it is not 1 */
const shareOf = (instance) => instance.reference_strength ?? 1;

/**
 * @param {{store: object, host: object, text: object, options: (field: string, label: string, max: number) => object}} given options: of a
 *   number of the selection
 * @returns {{element: HTMLElement, update: (chosen: object[]) => void, flush: () => void, destroy: () => void}}
 */
export function createReference({ store, host, text, options }) {
  const words = text.reference;
  const scope = createScope();
  const picture = el("img", { alt: "", hidden: true, draggable: "false" });
  const plus = icon("picture", 16);
  const choose = el("button", { type: "button", class: "ie-reference-picture", "data-act": "reference" }, plus, picture);
  const input = el("input", { type: "file", accept: "image/*", hidden: true, "data-act": "reference-file" });
  const remove = iconButton("reference-remove", icon("close", 12), words.remove);
  const share = { ...options("reference_strength", words.strengthHelp, 2) };
  const slider = createSlider({ ...share, act: "reference-slider" });
  const number = createNumber({ ...share, act: "reference-strength" });
  const none = el("span", { class: "ie-quiet", text: words.none });
  const hint = el("p", { class: "ie-hint", hidden: true });
  const caption = el("span", { class: "ie-caption", text: words.label });
  const line = el("div", { class: "ie-line ie-reference" }, caption, choose, input, none, slider.element, number.element, remove);
  const element = el("div", {}, line, hint);
  let of = []; // the instances that are shown
  let shown = "";
  let missing = false;

  const set = (ids, reference) => store.dispatch({ type: "update", ids, fields: reference ? { reference } : { reference, reference_strength: 1 } });

  async function take(file) {
    const ids = of.map(({ id }) => id); // the selection may be another one when the picture has arrived
    const name = await host.uploadReference(file);
    if (name) set(ids, name);
  }

  scope.on(choose, "click", () => input.click());
  scope.on(input, "change", () => {
    const [file] = input.files;
    input.value = ""; // the same file may be chosen again
    if (file) take(file);
    focusEditor(element);
  });
  scope.on(remove, "click", () => {
    set(of.map(({ id }) => id), "");
    focusEditor(element);
  });
  const hasFiles = (event) => [...event.dataTransfer.types].includes("Files");
  for (const type of ["dragenter", "dragover", "dragleave"]) {
    scope.on(line, type, (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      event.stopPropagation();
      line.classList.toggle("is-over", type !== "dragleave");
    });
  }
  scope.on(line, "drop", (event) => {
    line.classList.remove("is-over");
    const [file] = event.dataTransfer.files;
    if (!file?.type.startsWith("image/")) return; // a layout goes where every other one goes
    event.preventDefault();
    event.stopPropagation();
    take(file);
  });
  for (const type of ["error", "load"]) {
    scope.on(picture, type, () => {
      missing = type === "error";
      say();
    });
  }

  function say() {
    const ignored = shown && store.session.references === "ignored";
    setText(hint, missing ? words.missing : words.unused);
    setAttribute(hint, "hidden", !missing && !ignored);
  }

  return {
    element,
    update(chosen) {
      of = chosen;
      const names = new Set(chosen.map(({ reference = "" }) => reference));
      const [name] = names;
      const mixed = names.size > 1;
      const now = mixed ? "" : name;
      if (now !== shown) {
        shown = now;
        missing = false;
        if (now) picture.src = host.referenceUrl(now);
      }
      setAttribute(picture, "hidden", !now);
      setAttribute(plus, "hidden", Boolean(now));
      describe(choose, now ? `${words.change}: ${now}` : words.choose);
      setText(none, mixed ? words.mixed : words.none);
      setAttribute(none, "hidden", Boolean(now));
      for (const part of [slider.element, number.element]) setAttribute(part, "hidden", !now);
      setAttribute(remove, "hidden", !now && !mixed);
      const shares = chosen.map(shareOf);
      const common = shares.every((value) => value === shares[0]) ? shares[0] : null;
      slider.set(common);
      number.set(common);
      say();
    },
    flush() {
      slider.flush();
      number.flush();
    },
    destroy() {
      slider.destroy();
      number.destroy();
      scope.destroy();
    },
  };
}
