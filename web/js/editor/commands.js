/** What keys, buttons and menus ask for: `perform(act)`. The acts and their keys are listed in panels/keys.js. */
import { withParts } from "../layout/parts.js";
import { area, instancesOf, moved, resized } from "../state/geometry.js";
import { keyText } from "../panels/keys.js";
import { fill } from "../text.js";
import { isResizable, movableBounds } from "./hit.js";
import { newBox } from "./newBox.js";
import { canvasOf } from "./picture.js";
import { drawsOnce } from "./placing.js";
import { mirror, turnBy } from "./turning.js";
import { zoomedAt } from "./viewport.js";

const BRUSH_RANGE = [1, 512]; // pixels of the layout
const ZOOM_STEP = 1.25;
const DUPLICATE_OFFSET = 16; // pixels of the layout
const LEAST = 4; // pixels of the layout that a side keeps
const NUDGES = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] };

/**
 * @param {object} editor {store, host, root, view(), size(), tool(), openMenu(), text}
 * @returns {(act: string) => boolean} performs an act; false: not ours, or left to the browser (copy, cut and paste come as events)
 */
export function createCommands(editor) {
  const { store, host } = editor;
  const ids = () => store.session.selection;

  /** Move the selection by a step; or its right and lower edges alone. */
  function nudge(direction, far, edges = false) {
    const chosen = instancesOf(store.doc, withParts(store.doc, ids()));
    const from = movableBounds(chosen);
    if (!from || (edges && !isResizable(chosen))) return;
    const sides = [store.doc.width, store.doc.height];
    const [dx, dy] = NUDGES[direction].map((way, axis) => (way * (far ? 10 : 1)) / sides[axis]);
    const least = sides.map((side, axis) => Math.min(LEAST / side, from[axis + 2] - from[axis]));
    const to = edges ? resized(from, dx ? "e" : "s", dx, dy, { least }) : moved(from, dx, dy);
    store.dispatch({ type: "transform", ids: ids(), from, to });
  }

  /** A box in the middle of what is seen. The keyboard places it, so the focus stays. */
  function newInstance() {
    const { width, height } = editor.size();
    if (newBox(store, editor.view().toLayout([width / 2, height / 2])) !== null) store.notify(editor.text.notices.newBox);
  }

  function cycle(step) {
    const { instances } = store.doc;
    if (!instances.length) return;
    const at = instances.findIndex((instance) => instance.id === ids().at(-1));
    const next = at < 0 ? (step > 0 ? 0 : instances.length - 1) : (at + step + instances.length) % instances.length;
    store.setSession({ selection: [instances[next].id] });
  }

  /** Hide all if any is seen, else show all; the same for lock. */
  function flip(field, whenMixed) {
    const chosen = instancesOf(store.doc, ids());
    if (!chosen.length) return;
    const value = chosen.some((instance) => instance[field] !== whenMixed) ? whenMixed : !whenMixed;
    store.dispatch({ type: "update", ids: ids(), fields: { [field]: value } });
  }

  /** All but the largest of the selection become parts of it. */
  function group() {
    const chosen = instancesOf(store.doc, ids());
    if (chosen.length < 2) {
      store.notify(editor.text.notices.groupNeedsTwo, "warn");
      return;
    }
    const whole = chosen.reduce((best, one) => (area(one) > area(best) ? one : best));
    store.dispatch({ type: "setParent", ids: chosen.filter((one) => one !== whole).map((one) => one.id), parent: whole.id });
  }

  function ungroup() {
    const chosen = new Set(ids());
    const parts = store.doc.instances.filter((one) => one.parent && (chosen.has(one.id) || chosen.has(one.parent)));
    store.dispatch({ type: "setParent", ids: parts.map((one) => one.id), parent: "" });
  }

  function remove() {
    const locked = instancesOf(store.doc, withParts(store.doc, ids())).some((instance) => instance.locked);
    store.dispatch({ type: "remove", ids: ids() });
    if (locked) store.notify(editor.text.notices.locked.replace("{key}", "L"), "warn");
  }

  function duplicate() {
    const before = new Set(store.doc.instances.map((instance) => instance.id));
    store.dispatch({ type: "duplicate", ids: ids(), dx: DUPLICATE_OFFSET / store.doc.width, dy: DUPLICATE_OFFSET / store.doc.height });
    const made = store.doc.instances.filter((instance) => !before.has(instance.id)).map((instance) => instance.id);
    if (made.length) store.setSession({ selection: made });
  }

  /** Choosing the same tool again keeps it for further drawings. */
  function chooseTool(tool) {
    const toolStays = tool === store.session.tool && drawsOnce(tool);
    store.setSession({ tool, toolStays, hover: null }); // what Select pointed out
    if (toolStays) store.notify(fill(editor.text.notices.toolStays, { tool: editor.text.acts[`tool-${tool}`], key: keyText("tool-select") }));
  }

  function zoom(factor) {
    const size = editor.size();
    store.setSession(zoomedAt(editor.view(), size, [size.width / 2, size.height / 2], factor));
  }

  function search() {
    store.setSession({ tab: "list" });
    editor.root.querySelector('[data-act="search"]').focus({ preventScroll: true }); // nothing where there are too few to search
  }

  /** One Escape too many must not end it: the second one does, as long as the note about it is seen. */
  function leaveWindow() {
    const note = editor.text.notices.escapeAgain;
    if (store.session.notice?.text === note) store.setSession({ popout: false, notice: null });
    else store.notify(note);
  }

  function escape() {
    if (store.session.help) store.setSession({ help: false });
    else if (editor.tool().cancel()) return;
    else if (ids().length) store.setSession({ selection: [] });
    else if (store.session.tool !== "select") chooseTool("select");
    else if (store.session.popout) leaveWindow();
    // keys mean what the pointer is at: with the focus on the graph the next Delete would take the node
    else if (!editor.root.matches(":hover")) {
      store.session.focused = false;
      host.requestFocusGraph();
    }
  }

  const acts = {
    "select-all": () => store.setSession({ selection: store.doc.instances.filter((i) => i.visible && !i.locked).map((i) => i.id) }),
    "brush-smaller": () => brush(1 / 1.2),
    "brush-larger": () => brush(1.2),
    delete: remove,
    duplicate,
    group,
    ungroup,
    undo: () => host.undo(),
    redo: () => host.redo(),
    escape,
    next: () => cycle(1),
    previous: () => cycle(-1),
    "focus-prompt": () => (ids().length ? store.setSession({ focusPrompt: ids().at(-1) }) : newInstance()),
    "edit-here": () => ids().length && store.setSession({ editing: ids().at(-1) }),
    "new-instance": newInstance,
    "turn-right": () => turnBy(editor, 90),
    "turn-left": () => turnBy(editor, -90),
    "mirror-across": () => mirror(editor, 0),
    "mirror-down": () => mirror(editor, 1),
    "toggle-visible": () => flip("visible", false),
    "toggle-locked": () => flip("locked", true),
    "zoom-in": () => zoom(ZOOM_STEP),
    "zoom-out": () => zoom(1 / ZOOM_STEP),
    "zoom-fit": () => store.setSession({ zoom: null, pan: [0, 0] }),
    "zoom-actual": () => store.setSession({ zoom: 1, pan: [0, 0] }),
    "canvas-picture": () => store.session.picture && store.dispatch({ type: "setCanvas", ...canvasOf(store.session.picture) }),
    search,
    menu: () => editor.openMenu(),
    popout: () => store.setSession({ popout: !store.session.popout }),
    help: () => store.setSession({ help: !store.session.help }),
  };
  for (const how of ["front", "back", "forward", "backward"]) {
    acts[how] = () => store.dispatch({ type: "arrange", ids: ids(), how });
  }

  function brush(factor) {
    const now = store.session.brush;
    const next = Math.round(now * factor) === now ? now + Math.sign(factor - 1) : Math.round(now * factor);
    store.setSession({ brush: Math.min(BRUSH_RANGE[1], Math.max(BRUSH_RANGE[0], next)) });
  }

  return function perform(act) {
    if (act.startsWith("tool-")) chooseTool(act.slice(5));
    else if (/^(nudge|resize)-/.test(act)) nudge(act.split("-")[1], act.endsWith("-far"), act.startsWith("resize"));
    else if (acts[act]) acts[act]();
    else return false;
    return true;
  };
}
