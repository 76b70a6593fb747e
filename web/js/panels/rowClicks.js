/** Choosing rows of the list: a click or the focus chooses one, Ctrl adds or takes out, Shift chooses all from the last one on. */

/**
 * @param {object} options
 * @param {{on: Function}} options.scope @param {object} options.store
 * @param {HTMLElement} options.list holds the rows
 * @param {(target: Element) => string | null} options.idOf the instance whose row holds the element
 * @param {() => string[]} options.shown ids of the rows that are shown, back to front
 */
export function listenToRowClicks({ scope, store, list, idOf, shown }) {
  let anchor = null; // where a range begins

  function select(id, { range = false, add = false }) {
    const chosen = store.session.selection;
    const order = shown();
    if (range && order.includes(anchor)) {
      const [from, to] = [order.indexOf(anchor), order.indexOf(id)].sort((a, b) => a - b);
      const ids = order.slice(from, to + 1);
      store.setSession({ selection: add ? [...new Set([...chosen, ...ids])] : ids });
      return;
    }
    anchor = id;
    if (add) store.setSession({ selection: chosen.includes(id) ? chosen.filter((other) => other !== id) : [...chosen, id] });
    else if (chosen.length !== 1 || chosen[0] !== id) store.setSession({ selection: [id] });
  }

  const keys = (event) => ({ range: event.shiftKey, add: event.ctrlKey || event.metaKey });
  /** Shift+click in the field that already has the focus marks text there. */
  const isTyping = ({ shiftKey, target }) => shiftKey && target.localName === "textarea" && target === target.ownerDocument.activeElement;

  scope.on(list, "mousedown", (event) => {
    // choosing several rows neither moves the caret nor marks text
    const { range, add } = keys(event);
    if ((range || add) && idOf(event.target) && store.session.selection.length && !isTyping(event)) event.preventDefault();
  });
  scope.on(list, "click", (event) => {
    const id = idOf(event.target);
    if (id === null || event.target.closest("button, input") || isTyping(event)) return;
    select(id, keys(event));
  });
  scope.on(list, "focusin", ({ target }) => {
    const id = idOf(target);
    if (id !== null && target.localName === "textarea" && !store.session.selection.includes(id)) select(id, {});
  });
}
