/** Number fields and sliders: shown live while they change, kept as one step at the end. */
import { evaluate, isPlain } from "../state/expression.js";
import { fill } from "../text.js";
import { createScope, describe, el, ownKeys, setAttribute } from "./dom.js";
import { createDraft } from "./draft.js";

const SHOWN = 24; // characters of what cannot be read

/**
 * @typedef {object} NumberOptions
 * @property {string} act data-act
 * @property {string} label
 * @property {string} [prefix] one letter shown before the number
 * @property {number} [min] @property {number} [max] @property {number} [step]
 * @property {number} [decimals] most decimals shown
 * @property {string} [placeholder] shown for a mixed value
 * @property {number} [pause] see draft.js
 * @property {() => number} [whole] what 100 % is; 1 unless given
 * @property {string} [unit] a sign that may stand behind a number
 * @property {(value: number) => void} [preview]
 * @property {() => void} [cancel] undoes the preview
 * @property {(value: number) => void} commit
 * @property {() => void} [leave] Esc
 * @property {(why: string, at: string) => void} [refuse] what is typed is no arithmetic (see expression.js); the old value stays
 */

/** @returns {(why: string, at: string) => void} says in the status line why a field keeps its old value */
export function refuseIn({ store, text }) {
  return (why, at) => store.notify(fill(text.numbers[why], { at: at.length > SHOWN ? `${at.slice(0, SHOWN)}…` : at }), "warn");
}

/** A field for a number or for arithmetic. @param {NumberOptions} options @returns {{element, input, set(value: number | null), flush(), destroy()}} */
export function createNumber(options) {
  const { act, label, prefix, min = -Infinity, max = Infinity, step = 1, decimals = 2, placeholder, whole = () => 1, unit } = options;
  const { preview, commit, cancel, leave, refuse, pause } = options;
  const scope = createScope();
  const input = el("input", { type: "text", placeholder, "data-act": act, inputmode: "decimal", autocomplete: "off", spellcheck: "false" });
  describe(input, label);
  const letter = prefix ? el("span", { class: "ie-prefix", text: prefix, "aria-hidden": "true" }) : null;
  const element = el("label", { class: "ie-number" }, letter, input);
  const draft = createDraft({ preview, commit, cancel, pause });
  let shown = "";
  let typed = false; // the field holds something else than the value
  const read = () => evaluate(input.value, whole(), unit);
  const clamped = (value) => Math.min(max, Math.max(min, decimals ? value : Math.round(value))); // "7/2" is no whole number

  function invalid(is) {
    setAttribute(input, "aria-invalid", is ? "true" : null);
  }

  function back() {
    typed = false;
    invalid(false);
    input.value = shown;
  }

  /** Keep what is typed; what cannot be read is named, once. @returns {boolean} whether it could be read */
  function settle() {
    const { why, at = "" } = typed ? read() : {};
    draft.flush();
    if (!why || why === "empty") back();
    else if (!input.hasAttribute("aria-invalid")) {
      invalid(true);
      refuse?.(why, at);
    }
  }

  function show(value) {
    input.value = String(Number(value.toFixed(decimals)));
    typed = true;
    draft.set(Number(input.value));
  }

  scope.on(input, "input", () => {
    typed = true;
    invalid(false);
    const { value } = read();
    if (value === undefined) draft.drop();
    else draft.set(clamped(value));
    if (!isPlain(input.value)) draft.hold(); // half an expression is not a value
  });
  scope.on(input, "blur", () => {
    settle();
    back(); // a clamped number shows
  });
  scope.on(input, "focus", () => input.select());
  scope.on(input, "keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const way = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (event.key === "Enter") settle();
    if (!way) return;
    event.preventDefault();
    const from = read().value ?? Number(shown);
    show(clamped(from + way * step * (event.shiftKey ? 10 : 1)));
  });
  ownKeys(scope, input, { flush: draft.flush, leave: () => (draft.drop(), back(), leave?.()) });

  return {
    element,
    input,
    /** @param {number | null} value null: several values, or none */
    set(value) {
      shown = value === null ? "" : String(Number(value.toFixed(decimals)));
      if (typed || input.value === shown) return;
      input.value = shown;
      if (document.activeElement === input) input.select(); // as before: what is typed next takes the place of the value
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

  paint();
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
