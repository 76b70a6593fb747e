/** The list of instances, the front-most on top. Rows are kept by id and touched only when their instance changed. */
import { estimateTokens } from "../layout/promptText.js";
import { depthOf } from "../layout/parts.js";
import { createScope, el, focusEditor, reveal, setText } from "./dom.js";
import { listenToRowDrag } from "./reorder.js";
import { createRow } from "./row.js";
import { listenToRowClicks } from "./rowClicks.js";
import { createSearch, matches, wordsOf } from "./search.js";
import { fill } from "../text.js";

const WORTH_ASKING = 60; // tokens, as estimated
const LINT_PAUSE = 200; // milliseconds without an edit before the layout is looked over

/**
 * @param {object} options
 * @param {object} options.store @param {object} options.host @param {object} options.text
 * @param {(doc: object, options: object) => {id: string | null, code: string, message: string}[]} options.lint
 * @returns {{element: HTMLElement, flush: () => void, destroy: () => void}}
 */
export function createList({ store, host, text, lint }) {
  const scope = createScope();
  const general = el("p", { class: "ie-general", hidden: true });
  const empty = el("p", { class: "ie-empty", text: text.list.empty });
  const body = el("div", { class: "ie-rows", role: "list", "aria-label": text.list.label });
  const search = createSearch({ store, text, leave: () => focusEditor(element), down: toFirst, enter: take });
  const element = el("div", { class: "ie-list" }, search.element, general, empty, body);
  const rows = new Map(); // id -> row
  let instances = null; // what the rows show
  let state = { selection: new Set(), hover: null };
  let linted = null;
  let sifted = null;
  let timer = null;
  let toShow = null; // id of the row to scroll to in the next frame
  let frame = 0;

  function update() {
    const next = store.shown.instances;
    if (next === instances) return;
    const ids = new Set(next.map((instance) => instance.id));
    for (const [id, row] of rows) {
      if (ids.has(id)) continue;
      row.destroy();
      rows.delete(id);
    }
    const fresh = [];
    const grouped = next.some((instance) => instance.parent);
    const numbers = grouped && new Map(next.map(({ id }, index) => [id, index + 1]));
    const wholeOf = (instance) =>
      grouped && numbers.has(instance.parent) ? { depth: depthOf(store.shown, instance), number: numbers.get(instance.parent) } : null;
    next.forEach((instance, index) => {
      if (!rows.has(instance.id)) {
        rows.set(instance.id, createRow({ id: instance.id, store, host, text }));
        fresh.push(instance.id);
      } else if (instances?.[index] === instance && !instance.parent) return; // of a part the number of its parent may have changed
      rows.get(instance.id).update(instance, index, wholeOf(instance));
    });
    instances = next;
    for (const id of fresh) rows.get(id).state(stateOf(id));
    arrange();
    sift();
  }

  /** Hide the rows that lack the words of the search; the one that is being written stays. */
  function sift() {
    const words = wordsOf(store.session.search);
    const key = words.length ? null : instances.length; // without words only the number counts
    if (key !== null && key === sifted) return;
    sifted = key;
    const active = body.ownerDocument.activeElement;
    let found = 0;
    instances.forEach((instance, index) => {
      const hit = matches(instance, index, words);
      const { element: row } = rows.get(instance.id);
      row.hidden = !hit && !row.contains(active);
      if (hit) found++;
    });
    search.update(instances.length, found);
    empty.hidden = found > 0;
    setText(empty, instances.length ? text.search.none : text.list.empty);
  }

  function toFirst() {
    shownRows()[0]?.querySelector("textarea").focus({ preventScroll: true });
  }

  /** Select what was found; the keys of the canvas act on it. */
  function take() {
    store.setSession({ selection: shownRows().map((row) => row.dataset.id).reverse() });
    focusEditor(element);
  }

  /** Put the rows into order, moving as few as can be; the focus survives a move. */
  function arrange() {
    const active = body.ownerDocument.activeElement;
    let at = body.firstChild;
    let moved = false;
    for (let i = instances.length - 1; i >= 0; i--) {
      const row = rows.get(instances[i].id).element;
      if (row === at) at = at.nextSibling;
      else {
        body.insertBefore(row, at);
        moved = true;
      }
    }
    if (moved && active !== body.ownerDocument.activeElement && body.contains(active)) active.focus({ preventScroll: true });
  }

  function stateOf(id) {
    return { selected: state.selection.has(id), hovered: state.hover === id };
  }

  function updateState() {
    const before = state;
    state = { selection: new Set(store.session.selection), hover: store.session.hover };
    const touched = new Set([...before.selection, ...state.selection, before.hover, state.hover]);
    for (const id of touched) {
      const was = before.selection.has(id) + 2 * (before.hover === id);
      const is = state.selection.has(id) + 2 * (state.hover === id);
      if (was !== is) rows.get(id)?.state(stateOf(id));
    }
    const last = store.session.selection.at(-1);
    if (last !== undefined && !before.selection.has(last) && rows.has(last)) show(last);
  }

  function look() {
    timer = null;
    linted = store.doc;
    const found = new Map([[null, []]]);
    for (const { id, code, message, values } of lint(store.doc, { maxInstances: store.session.slots, words: store.session.words, tokensOf })) {
      if (!found.has(id)) found.set(id, []);
      found.get(id).push({ code, words: text.lint[code] ? fill(text.lint[code], values ?? {}) : message });
    }
    for (const [id, row] of rows) row.mark(found.get(id) ?? []);
    setText(general, found.get(null).map(({ words }) => words).join(" "));
    general.hidden = !found.get(null).length;
  }

  /** Prompts that may be too long are counted by the server; its answer comes for the next look. */
  function tokensOf(prompt) {
    const known = host.tokens.known(prompt);
    if (!known && estimateTokens(prompt) > WORTH_ASKING) {
      host.tokens.count(prompt).then((answer) => answer && (timer ??= setTimeout(look, LINT_PAUSE)));
    }
    return known;
  }

  function focusPrompt() {
    const row = rows.get(store.session.focusPrompt);
    if (!row) return;
    const { textarea } = row.prompt;
    if (row.element.hidden) store.setSession({ search: "" });
    show(store.session.focusPrompt);
    textarea.focus({ preventScroll: true });
    textarea.setSelectionRange(textarea.value.length, textarea.value.length);
    store.setSession({ focusPrompt: null });
  }

  /** Scroll to a row, with the next frame: measuring in the middle of the changes would lay out the page twice. */
  function show(id) {
    toShow = id;
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      if (rows.has(toShow)) reveal(element, rows.get(toShow).element);
    });
  }

  const idOf = (target) => target.closest(".ie-row")?.dataset.id ?? null;
  const shownRows = () => instances.map((instance) => rows.get(instance.id).element).filter((row) => !row.hidden).reverse();

  listenToRowClicks({ scope, store, list: body, idOf, shown: () => shownRows().map((row) => row.dataset.id).reverse() });
  scope.on(body, "pointerover", (event) => store.setSession({ hover: event.pointerType === "touch" ? null : idOf(event.target) }));
  scope.on(body, "pointerleave", () => store.setSession({ hover: null }));
  scope.on(body, "keydown", (event) => {
    const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!step || !event.target.closest(".ie-grip")) return;
    event.preventDefault();
    event.stopPropagation();
    const id = idOf(event.target);
    const at = instances.findIndex((instance) => instance.id === id);
    store.dispatch({ type: "reorder", ids: [id], to: Math.max(0, at + step) });
    rows.get(id).element.querySelector(".ie-grip").focus({ preventScroll: true });
    show(id);
  });

  listenToRowDrag({
    scope,
    list: body,
    scroller: element,
    rows: shownRows,
    drop(row, gap) {
      const { selection } = store.session;
      const ids = selection.includes(row.dataset.id) ? selection : [row.dataset.id];
      // the gap counts rows that are shown from the front, the document all from the back, and without those that move
      const shown = shownRows().map((one) => instances.findIndex(({ id }) => id === one.dataset.id));
      const behind = instances.slice(0, gap < shown.length ? shown[gap] + 1 : shown.at(-1));
      store.dispatch({ type: "reorder", ids, to: behind.filter((instance) => !ids.includes(instance.id)).length });
    },
  });

  scope.add(
    store.subscribe((change) => {
      if (change.doc) update();
      if ((change.doc && !change.preview && store.doc !== linted) || change.session.has("slots") || change.session.has("words")) {
        clearTimeout(timer);
        timer = setTimeout(look, LINT_PAUSE);
      }
      if (change.session.has("search")) sift();
      if (change.session.has("selection") || change.session.has("hover")) updateState();
      if (store.session.focusPrompt !== null) focusPrompt();
    })
  );
  scope.add(() => (clearTimeout(timer), cancelAnimationFrame(frame)));
  scope.add(search.destroy);
  scope.add(() => rows.forEach((row) => row.destroy()));
  update();
  updateState();
  look();

  return { element, flush: () => rows.forEach((row) => row.prompt.flush()), destroy: scope.destroy };
}
