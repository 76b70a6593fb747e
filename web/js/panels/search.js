/** The field above the list that shows only instances with certain words. */
import { fill } from "../text.js";
import { createScope, describe, el, ownKeys, setText } from "./dom.js";
import { icon } from "./icons.js";

const FROM = 6; // instances from which on there is something to search

/** @returns {string[]} the words of a query, in lower case */
export function wordsOf(query) {
  return query.toLowerCase().split(/\s+/).filter(Boolean);
}

/** @returns {boolean} whether an instance has all words, each in its prompt or as its number; index in depth order, from 0 */
export function matches(instance, index, words) {
  const prompt = instance.prompt.toLowerCase();
  return words.every((word) => prompt.includes(word) || word === String(index + 1));
}

/**
 * @param {{store: object, text: object, leave: () => void, down: () => void, enter: () => void}} options leave: Esc; down: the arrow, to the
 *   first row; enter: take what was found
 * @returns {{element: HTMLElement, update(total: number, found: number): void, destroy(): void}}
 */
export function createSearch({ store, text, leave, down, enter }) {
  const scope = createScope();
  const words = text.search;
  const input = el("input", { type: "search", "data-act": "search", placeholder: words.label, autocomplete: "off", spellcheck: "false" });
  describe(input, words.help);
  const count = el("output", { class: "ie-found" });
  const element = el("div", { class: "ie-search", role: "search", hidden: true }, icon("search", 14), input, count);

  scope.on(input, "input", () => store.setSession({ search: input.value }));
  scope.on(input, "keydown", (event) => {
    const act = { ArrowDown: down, Enter: enter }[event.key];
    if (!act || event.isComposing || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    act();
  });
  ownKeys(scope, input, {
    leave() {
      store.setSession({ search: "" });
      leave();
    },
  });

  return {
    element,
    update(total, found) {
      const { search } = store.session;
      element.hidden = total < FROM && !search;
      if (input.value !== search) input.value = search;
      setText(count, search.trim() ? fill(words.found, { found, total }) : "");
    },
    destroy: scope.destroy,
  };
}
