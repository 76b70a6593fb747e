/** Keys, and whose they are: as long as the editor has the focus they are its own, and it loses the focus only to where the person goes. */
import { matchKey } from "../panels/keys.js";

/** @param {object} editor {store, root, tool(), perform(act)} @param {{on: Function}} scope */
export function listenToKeys(editor, scope) {
  const { store, root, perform } = editor;

  function onKey(event) {
    if (event.defaultPrevented) return;
    const tool = editor.tool();
    if (tool.key && !event.target.closest("button, input, textarea, select") && tool.key(event.key)) {
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    const act = matchKey(event, store.session.tool);
    if (act === "next" || act === "previous") {
      // Tab steps through the instances only on the canvas itself, and leaves it at the last one
      const { instances } = store.doc;
      const at = instances.findIndex((instance) => instance.id === store.session.selection.at(-1));
      const edge = act === "next" ? at === instances.length - 1 : at <= 0;
      if (event.target !== root || !instances.length || edge) return;
    }
    if (act === null) {
      // keys that mean nothing here must not reach the graph while the editor has the focus, except its commands (queue, save, undo)
      if (!event.ctrlKey && !event.metaKey && !event.altKey && event.key !== "Tab") event.stopPropagation();
      return;
    }
    event.stopPropagation();
    if (act === "escape" && event.repeat) return; // held too long is not pressed again
    if (perform(act)) event.preventDefault();
  }
  scope.on(root, "keydown", onKey);
  // a control that had the focus may be gone or disabled after what it did, and the page takes the focus from everything while it is busy;
  // then the page's body has it, and Delete would take the node
  scope.on(window, "keydown", (event) => {
    if (!store.session.focused || event.target !== document.body || !root.isConnected) return;
    root.focus({ preventScroll: true });
    onKey(event);
  }, true);
  scope.on(root, "keyup", (event) => event.stopPropagation());
  scope.on(root, "focusin", () => {
    store.session.focused = true;
  });
  scope.on(root, "focusout", (event) => {
    // when the widget is torn down the focus goes nowhere: that does not mean leaving
    if (event.relatedTarget && !root.contains(event.relatedTarget)) store.session.focused = false;
  });
  scope.on(document, "pointerdown", (event) => {
    if (!root.contains(event.target)) store.session.focused = false;
  }, true);
}
