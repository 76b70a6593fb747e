/** The right button, a long press, and the Menu key: which menu they open, and where. None of them reaches the graph's own menu. */
import { withParts } from "../layout/parts.js";
import { contextMenu } from "../panels/contextMenu.js";
import { selectionBounds } from "../state/geometry.js";
import { instancesAt, isOn } from "./hit.js";
import { newBox } from "./newBox.js";
import { setSelection } from "./selectTool.js";

/**
 * @param {object} editor {store, host, root, canvas, text, clipboard, view(), size(), screenOf(event), stopGesture()}
 * @param {{on: Function}} scope
 * @returns {() => void} opens the menu as by a key: at the selection, or in the middle of the canvas
 */
export function listenToRightButton(editor, scope) {
  const { store, root, canvas } = editor;
  const open = contextMenu({ ...editor, newAt });

  function newAt(place) {
    const id = newBox(store, place);
    if (id !== null) store.setSession({ focusPrompt: id });
  }

  /** Visible instances under a point, locked ones behind all others: this is how they are unlocked. */
  function under(at, view) {
    const locked = store.doc.instances.filter((instance) => instance.visible && instance.locked && isOn(instance, at, view)).reverse();
    return [...instancesAt(store.doc, at, view), ...locked].map((instance) => instance.id);
  }

  /** The selection stays where the press is on it, else what is there is selected. @returns {boolean} whether something is */
  function choose(ids) {
    if (ids.length && !ids.some((id) => store.session.selection.includes(id))) setSelection(store, [ids[0]]);
    return ids.length > 0;
  }

  function onCanvas(event) {
    const view = editor.view();
    const place = view.toLayout(editor.screenOf(event));
    open([event.clientX, event.clientY], choose(under(place, view)) ? null : place);
  }

  function byKey() {
    const { store, view, size } = editor;
    const bounds = selectionBounds(store.doc, withParts(store.doc, store.session.selection));
    const middle = [size().width / 2, size().height / 2];
    const screen = bounds ? view().toScreen([(bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2]) : middle;
    const rect = canvas.getBoundingClientRect();
    const [x, y] = screen.map((v, axis) => Math.min(Math.max(v, 0), 2 * middle[axis]));
    const at = [rect.left + (x * rect.width) / size().width, rect.top + (y * rect.height) / size().height];
    open(at, bounds ? null : view().toLayout(middle));
  }

  scope.on(root, "contextmenu", (event) => {
    event.stopPropagation(); // to the graph's menu
    if (event.target.closest("input, textarea")) return; // the browser's own: spelling, paste
    event.preventDefault();
    if (store.error || !editor.stopGesture()) return;
    const row = event.target.closest(".ie-row");
    if (event.target === canvas) onCanvas(event);
    else if (row && choose([row.dataset.id])) open([event.clientX, event.clientY], null);
    else if (event.target === root) byKey(); // the browser's own Menu key
  });

  return () => store.error || byKey();
}
