/**
 * The select tool: click, Shift-click, marquee, move, resize with eight handles, turn with a ninth, double click for the prompt. Alt with a click goes through
 * what overlaps, with a drag it drags copies. Which press is its: gesture.js.
 */
import { withParts } from "../layout/parts.js";
import { contains, HANDLES, handlePosition, instanceBounds, instancesOf, moved, rectangle, resized, touches } from "../state/geometry.js";
import { snapMove, snapPoint, snapTargets } from "../state/snap.js";
import { areaAround } from "./areas.js";
import { drawCopies, dropCopies } from "./copies.js";
import { CURSORS, handleAt, instancesAt, isResizable, movableBounds } from "./hit.js";
import { drawTurn, isAtTurnHandle, turnAreas, TURN_CURSOR } from "./turnHandle.js";
import { pointerTurn } from "./turning.js";

const SLOP = 3; // CSS pixels that a click may wander before it is a drag
const SNAP_REACH = 6; // CSS pixels

/**
 * @param {object} editor {store, settings(), setGuides(list), redraw()}
 * A tool: down(e), move(e), up(e), cancel(), hover(e) -> cursor, draw(g, view), areas(view): see areas.js, everyPoint: whether a stroke wants the points between two frames. `e` = {at: layout point, screen: [x, y], view, shift, alt, ctrl, coarse}
 */
export function selectTool(editor) {
  const { store } = editor;
  let drag = null; // {kind: "press" | "move" | "copy" | "resize" | "turn" | "marquee", ...}

  function down(e) {
    const chosen = family(store.session.selection);
    const bounds = movableBounds(chosen);
    const handle = isResizable(chosen) && handleAt(bounds, e.screen, e.view, e.coarse ? 16 : undefined);
    const start = { from: e.at, screen: e.screen, bounds };
    if (handle) {
      drag = { ...start, kind: "resize", handle };
      return;
    }
    if (isResizable(chosen) && isAtTurnHandle(bounds, e.screen, e.view, editor.size(), e.coarse)) {
      drag = { ...start, kind: "turn", turn: pointerTurn(editor, { bounds, screen: e.screen, view: e.view }) };
      return;
    }
    const under = instancesAt(store.doc, e.at, e.view);
    const inGroup = chosen.length > 1 && bounds && contains(bounds, e.at);
    if (e.alt && (under.length || inGroup)) {
      drag = { ...start, kind: "press", ...altPress(under, inGroup) };
      return;
    }
    if (e.shift) {
      drag = under.length ? { ...start, kind: "press", toggle: under[0].id } : { ...start, kind: "marquee", kept: store.session.selection };
      return;
    }
    const already = under.find((instance) => store.session.selection.includes(instance.id));
    if (already || inGroup) {
      // a press on the selection moves it; a mere click chooses the front-most one
      drag = { ...start, kind: "press", movable: true, click: under[0]?.id ?? null, edit: e.clicks > 1 };
    } else if (under.length) {
      select([under[0].id]);
      drag = { ...start, kind: "press", movable: true, bounds: movableBounds(family([under[0].id])), click: under[0].id };
    } else {
      drag = { ...start, kind: "marquee", kept: [] };
    }
  }

  /** What a press with Alt begins: copies of the selection, or of what lies in front, if it becomes a drag; else the next one below. */
  function altPress(under, inGroup) {
    const at = under.findIndex((instance) => store.session.selection.includes(instance.id));
    const next = under.length ? { click: under[(at + 1) % under.length].id } : {};
    const ids = at >= 0 || inGroup ? store.session.selection : [under[0].id];
    return { ...next, copied: ids, bounds: movableBounds(family(ids)) };
  }

  function move(e) {
    if (!drag) return;
    if (drag.kind === "press") {
      if (Math.hypot(e.screen[0] - drag.screen[0], e.screen[1] - drag.screen[1]) < SLOP) return;
      if (drag.copied) drag.kind = "copy";
      else if (drag.movable && drag.bounds) drag.kind = "move";
      else return;
    }
    if (drag.kind === "copy") {
      drag.to = moveTarget(e);
      editor.redraw();
      return;
    }
    if (drag.kind === "marquee") {
      drag.rect = rectangle(drag.from, e.at);
      select([...new Set([...drag.kept, ...insideMarquee(drag.rect)])]);
      editor.redraw();
      return;
    }
    if (drag.kind === "turn") {
      drag.turn.move(e);
      return;
    }
    drag.to = drag.kind === "move" ? moveTarget(e) : resizeTarget(e);
    store.preview(transformAction());
  }

  function up(e) {
    if (!drag) return;
    const done = drag;
    if (done.kind === "copy") {
      select(dropCopies(store, done));
      store.setSession({ hover: null }); // the pointer has left the original
    } else if (done.to) store.dispatch(transformAction());
    else if (done.kind === "turn") done.turn.finish();
    else if (done.edit && done.click) store.setSession({ selection: [done.click], editing: done.click });
    else if (done.kind === "press" && done.toggle) toggle(store, done.toggle);
    else if (done.kind === "press" && done.click !== undefined) select(done.click === null ? [] : [done.click]);
    else if (done.kind === "marquee" && !done.rect) select(done.kept);
    drag = null;
    editor.setGuides([]);
    editor.redraw();
    return e;
  }

  function cancel() {
    if (!drag) return false;
    drag = null;
    store.preview(null);
    editor.setGuides([]);
    editor.redraw();
    return true;
  }

  function hover(e) {
    const chosen = family(store.session.selection);
    const bounds = movableBounds(chosen);
    const handle = isResizable(chosen) && handleAt(bounds, e.screen, e.view);
    const under = instancesAt(store.doc, e.at, e.view);
    store.setSession({ hover: under[0]?.id ?? null });
    if (handle) return CURSORS[handle];
    if (isResizable(chosen) && isAtTurnHandle(bounds, e.screen, e.view, editor.size())) return TURN_CURSOR;
    if (under.length || (chosen.length > 1 && bounds && contains(bounds, e.at))) return e.alt ? "copy" : "move";
    return "default";
  }

  function draw(g, view) {
    if (drag?.kind === "copy" && drag.to) drawCopies(g, view, store.doc, drag);
    const turn = turning();
    if (turn) drawTurn(g, turn, view);
    if (drag?.kind !== "marquee" || !drag.rect) return;
    const [x, y] = view.toScreen(drag.rect.slice(0, 2));
    const [right, bottom] = view.toScreen(drag.rect.slice(2));
    g.fillStyle = "rgba(26, 107, 224, 0.18)";
    g.fillRect(x, y, right - x, bottom - y);
    g.strokeStyle = "#1a6be0";
    g.lineWidth = 1;
    g.strokeRect(x, y, right - x, bottom - y);
  }

  /** What draw() takes of the canvas; see areas.js. */
  function areas(view) {
    const turn = turning();
    if (turn) return turnAreas(turn, view);
    const rect = drag?.kind === "copy" ? drag.to : drag?.kind === "marquee" && drag.rect;
    return rect ? [areaAround(rect, view)] : [];
  }

  function moveTarget(e) {
    let [dx, dy] = [e.at[0] - drag.from[0], e.at[1] - drag.from[1]];
    if (e.shift) {
      // along the axis of the larger way, in pixels
      if (Math.abs(dx) * e.view.width > Math.abs(dy) * e.view.height) dy = 0;
      else dx = 0;
    }
    const free = moved(drag.bounds, dx, dy);
    const { shift, guides } = e.ctrl ? { shift: [0, 0], guides: [] } : snapMove(free, targets(), reach(e));
    editor.setGuides(guides);
    return moved(free, e.shift && !dx ? 0 : shift[0], e.shift && !dy ? 0 : shift[1]);
  }

  function resizeTarget(e) {
    const axes = [0, 1].filter((axis) => HANDLES[drag.handle][axis] !== null);
    const grip = handlePosition(drag.bounds, drag.handle);
    const to = [grip[0] + e.at[0] - drag.from[0], grip[1] + e.at[1] - drag.from[1]];
    const { shift, guides } = e.ctrl || e.shift ? { shift: [0, 0], guides: [] } : snapPoint(to, targets(), reach(e), axes);
    editor.setGuides(guides);
    const least = [0, 1].map((a) => Math.min(4 / [store.doc.width, store.doc.height][a], drag.bounds[a + 2] - drag.bounds[a]));
    return resized(drag.bounds, drag.handle, to[0] + shift[0] - grip[0], to[1] + shift[1] - grip[1], {
      keepAspect: e.shift,
      fromCentre: e.alt,
      least,
    });
  }

  function targets() {
    const chosen = new Set(drag.kind === "copy" ? [] : withParts(store.doc, store.session.selection));
    const others = store.doc.instances.filter((i) => i.visible && !chosen.has(i.id)).map(instanceBounds);
    return snapTargets(others, store.doc, editor.settings());
  }

  const turning = () => drag?.turn?.shown() ?? null;
  const reach = (e) => [SNAP_REACH * e.view.pixel[0], SNAP_REACH * e.view.pixel[1]];
  const transformAction = () => ({ type: "transform", ids: store.session.selection, from: drag.bounds, to: drag.to });
  const family = (ids) => instancesOf(store.doc, withParts(store.doc, ids)); // what moves together
  const select = (ids) => setSelection(store, ids);
  const insideMarquee = (rect) =>
    store.doc.instances.filter((i) => i.visible && !i.locked && touches(instanceBounds(i), rect)).map((i) => i.id);

  return { down, move, up, cancel, hover, draw, areas, turning, busy: () => drag !== null };
}

/** A click where nothing is dragged: choose the front-most instance there; with Shift or Ctrl add it, or take it out. */
export function clickAt(store, e) {
  const [front] = instancesAt(store.doc, e.at, e.view);
  if (!e.shift && !e.ctrl) setSelection(store, front ? [front.id] : []);
  else if (front) toggle(store, front.id);
}

function toggle(store, id) {
  const now = store.session.selection;
  setSelection(store, now.includes(id) ? now.filter((other) => other !== id) : [...now, id]);
}

/** Select these ids, in no particular order; nothing happens if they are selected already. */
export function setSelection(store, ids) {
  const now = store.session.selection;
  if (ids.length !== now.length || ids.some((id, i) => id !== now[i])) store.setSession({ selection: ids });
}
