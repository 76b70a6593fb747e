/** Number fields and sliders: shown live while they change, kept as one step at the end. */
import { createScope, describe, el, ownKeys } from "./dom.js";
import { createDraft } from "./draft.js";

/**
 * @typedef {object} NumberOptions
 * @property {string} act data-act
 * @property {string} label
 * @property {string} [prefix] one letter shown before the number
 * @property {number} [min] @property {number} [max] @property {number} [step]
 * @property {number} [decimals] most decimals shown
 * @property {string} [placeholder] shown for a mixed value
 * @property {(value: number) => void} [preview]
 * @property {() => void} [cancel] undoes the preview
 * @property {(value: number) => void} commit
 * @property {() => void} [leave] Esc
 */

/** @param {NumberOptions} options @returns {{element, input, set(value: number | null), limit(min, max), flush(), destroy()}} */
export function createNumber(options) {
  const { act, label, prefix, min, max, step = "any", decimals = 2, placeholder, preview, commit, cancel, leave } = options;
  const scope = createScope();
  const input = el("input", { type: "number", min, max, step, placeholder, "data-act": act, inputmode: "decimal", autocomplete: "off" });
  describe(input, label);
  const letter = prefix ? el("span", { class: "ie-prefix", text: prefix, "aria-hidden": "true" }) : null;
  const element = el("label", { class: "ie-number" }, letter, input);
  const draft = createDraft({ preview, commit, cancel });
  let shown = null;
  const clamped = () => Math.min(Number(input.max || Infinity), Math.max(Number(input.min || -Infinity), input.valueAsNumber));
  const back = () => {
    draft.drop();
    input.value = shown ?? "";
  };

  scope.on(input, "input", () => (Number.isFinite(input.valueAsNumber) ? draft.set(clamped()) : draft.drop()));
  scope.on(input, "blur", () => {
    draft.flush();
    input.value = shown ?? ""; // an unfinished "-" goes, a clamped number shows
  });
  scope.on(input, "focus", () => input.select());
  scope.on(input, "keydown", (event) => {
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey) return;
    draft.flush();
    input.value = shown ?? "";
  });
  ownKeys(scope, input, { flush: draft.flush, leave: () => (back(), leave?.()) });

  return {
    element,
    input,
    /** @param {number | null} value null: several values, or none */
    set(value) {
      const text = value === null ? "" : String(Number(value.toFixed(decimals)));
      shown = text;
      // "0." is as good as 0: what is being typed stays as long as it means the same
      if (!draft.pending && input.value !== text && (text === "" || input.valueAsNumber !== Number(text))) input.value = text;
    },
    limit(least, most) {
      input.min = least;
      input.max = most;
    },
    flush: draft.flush,
    destroy() {
      draft.drop();
      scope.destroy();
    },
  };
}

/** @param {NumberOptions} options @returns {{element: HTMLInputElement, set(value: number | null), flush(), destroy()}} */
export function createSlider({ act, label, min, max, step, preview, commit, cancel, leave }) {
  const scope = createScope();
  const element = el("input", { type: "range", class: "ie-slider", min, max, step, "data-act": act });
  describe(element, label);
  const draft = createDraft({ preview, commit, cancel });
  const paint = () => element.style.setProperty("--part", String((element.valueAsNumber - min) / (max - min)));

  scope.on(element, "input", () => {
    paint();
    draft.set(element.valueAsNumber);
  });
  for (const type of ["pointerup", "blur"]) scope.on(element, type, draft.flush);
  ownKeys(scope, element, { flush: draft.flush, leave });

  return {
    element,
    set(value) {
      if (draft.pending || value === null || element.valueAsNumber === value) return;
      element.value = String(value);
      paint();
    },
    flush: draft.flush,
    destroy() {
      draft.drop();
      scope.destroy();
    },
  };
}
