/** Mouse, pen, touch and wheel on the canvas: turned into calls of the tool that the gesture belongs to, panning and zooming. */
import { pannedBy, zoomedAt } from "./viewport.js";

const WHEEL_ZOOM = 1.0015; // per unit of wheel travel
const LINE_HEIGHT = 16; // CSS pixels that a wheel "line" stands for

/**
 * @param {object} editor {store, host, root, canvas, view(), size(), screenOf(event), gesture}
 * @param {{on: Function}} scope listeners are removed with it
 * @returns {{stop: () => boolean}} ends a gesture for a menu; false: a drawing goes on, which a long press of pen or finger is a part of
 */
export function listenToPointers(editor, scope) {
  const { store, host, root, canvas, gesture, screenOf } = editor;
  let hovering = null; // the last event of a mouse or pen that hovers
  const touches = new Map(); // pointer id -> screen point
  let active = null; // pointer id that draws
  let panning = null; // {id, last}
  let pinch = null; // {distance, middle}
  let space = false;

  function toolEvent(event) {
    const view = editor.view();
    const screen = screenOf(event);
    return {
      at: view.toLayout(screen),
      screen,
      view,
      shift: event.shiftKey,
      alt: event.altKey,
      ctrl: event.ctrlKey || event.metaKey,
      coarse: event.pointerType === "touch",
      eraser: isEraser(event),
      clicks: event.detail,
      pressure: event.pointerType === "pen" && event.pressure > 0 ? 0.3 + 0.7 * event.pressure : 1,
    };
  }

  let lastDown = { time: 0, screen: [0, 0] };

  function down(event) {
    if (event.button > 1 && !isEraser(event)) return;
    if (event.button === 1) event.preventDefault(); // the browser would scroll by itself
    root.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    const screen = screenOf(event);
    if (event.pointerType === "touch") {
      touches.set(event.pointerId, screen);
      if (touches.size === 2) {
        drop();
        pinch = pinchOf(touches);
        return;
      }
      if (touches.size > 2) return;
    }
    if (space || event.button === 1) {
      panning = { id: event.pointerId, last: screen };
      canvas.style.cursor = "grabbing";
      return;
    }
    // pointerdown carries no click count
    const again = event.timeStamp - lastDown.time < 400 && Math.hypot(screen[0] - lastDown.screen[0], screen[1] - lastDown.screen[1]) < 6;
    lastDown = { time: event.timeStamp, screen };
    active = event.pointerId;
    const e = { ...toolEvent(event), clicks: again ? 2 : 1 };
    gesture.begin(e).down(e);
  }

  function move(event) {
    const screen = screenOf(event);
    if (touches.has(event.pointerId)) touches.set(event.pointerId, screen);
    if (pinch && touches.size === 2) {
      const now = pinchOf(touches);
      const size = editor.size();
      store.setSession(zoomedAt(editor.view(), size, pinch.middle, now.distance / pinch.distance));
      store.setSession(pannedBy(editor.view(), size, now.middle[0] - pinch.middle[0], now.middle[1] - pinch.middle[1]));
      pinch = now;
      return;
    }
    if (panning?.id === event.pointerId) {
      store.setSession(pannedBy(editor.view(), editor.size(), screen[0] - panning.last[0], screen[1] - panning.last[1]));
      panning.last = screen;
      return;
    }
    const e = toolEvent(event);
    editor.setCursor(e.at);
    if (active === event.pointerId) {
      // a fast pen gives several points per frame; a stroke wants them all
      const points = event.getCoalescedEvents?.() ?? [];
      const tool = gesture.tool();
      if (points.length > 1 && tool.everyPoint) for (const point of points) tool.move(toolEvent(point));
      else tool.move(e);
    } else if (active === null && event.pointerType !== "touch") hover((hovering = e));
  }

  function hover(e) {
    canvas.style.cursor = space ? "grab" : (gesture.at(e).hover?.(e) ?? "default");
  }

  /** Shift, Alt and Ctrl show what they do before the mouse moves. */
  function modified(event) {
    if (!hovering || active !== null || !["Shift", "Alt", "Control", "Meta"].includes(event.key)) return;
    hover((hovering = { ...hovering, view: editor.view(), shift: event.shiftKey, alt: event.altKey, ctrl: event.ctrlKey || event.metaKey }));
  }

  function up(event) {
    touches.delete(event.pointerId);
    if (touches.size < 2) pinch = null;
    if (panning?.id === event.pointerId) {
      panning = null;
      canvas.style.cursor = space ? "grab" : "default";
    } else if (active === event.pointerId) {
      active = null;
      const tool = gesture.tool();
      gesture.end();
      const e = toolEvent(event);
      tool.up(e);
      if (event.pointerType !== "touch") hovering = e; // keys that are released now mean this place, not where the drag began
    }
  }

  /** What was begun with the tool comes to nothing. */
  function drop() {
    active = null;
    gesture.tool().cancel();
    gesture.end();
  }

  scope.on(canvas, "pointerdown", down);
  scope.on(canvas, "pointermove", move);
  scope.on(canvas, "pointerup", up);
  scope.on(canvas, "pointercancel", (event) => {
    touches.delete(event.pointerId);
    pinch = panning = null;
    drop();
  });
  scope.on(canvas, "pointerleave", () => {
    hovering = null;
    if (active !== null) return;
    editor.setCursor(null);
    store.setSession({ hover: null });
    gesture.tool().leave?.();
  });
  // The middle button pans the layout. Nodes 2.0 pans the graph with it, and gives it the focus, before the widget hears of it; only the
  // window comes before that.
  for (const [type, handle] of [["pointerdown", down], ["pointermove", move], ["pointerup", up]]) {
    const isMiddle = (event) => (type === "pointermove" ? event.buttons & 4 : event.button === 1);
    const listener = (event) => {
      if (!isMiddle(event) || !root.contains(event.target)) return;
      event.stopPropagation();
      if (event.target === canvas) handle(event);
    };
    scope.on(window, type, listener, { capture: true });
  }
  scope.on(root, "keydown", (event) => {
    if (event.key !== " " || event.target.closest("button, input, textarea, select")) return;
    event.preventDefault();
    event.stopPropagation();
    space = true;
    if (active === null) canvas.style.cursor = "grab";
  });
  scope.on(root, "keyup", (event) => {
    if (event.key !== " ") return;
    space = false;
    if (active === null && !panning) canvas.style.cursor = "default";
  });
  scope.on(root, "focusout", () => (space = false));
  for (const type of ["keydown", "keyup"]) scope.on(window, type, modified, { capture: true });

  // ComfyUI zooms its graph with two fingers from listeners around the widget; only the window comes before them
  for (const type of ["touchstart", "touchmove", "touchend", "touchcancel"]) {
    scope.on(window, type, (event) => root.contains(event.target) && event.stopPropagation(), { capture: true, passive: true });
  }

  function wheel(event) {
    const inside = root.contains(document.activeElement) || store.session.popout;
    if (!inside) {
      host.forwardWheel(event);
      return;
    }
    event.stopPropagation();
    if (event.target !== canvas) return; // lists and menus scroll by themselves
    event.preventDefault();
    const size = editor.size();
    const unit = event.deltaMode === 1 ? LINE_HEIGHT : event.deltaMode === 2 ? size.height : 1;
    if (event.shiftKey && !event.ctrlKey) store.setSession(pannedBy(editor.view(), size, -(event.deltaX || event.deltaY) * unit, 0));
    else store.setSession(zoomedAt(editor.view(), size, screenOf(event), WHEEL_ZOOM ** (-event.deltaY * unit)));
  }
  scope.on(root, "wheel", wheel, { passive: false });
  // Nodes 2.0 takes Ctrl+wheel, which is also a trackpad's pinch, before the widget hears of it; only the window comes before that
  scope.on(window, "wheel", (event) => event.ctrlKey && event.target === canvas && root.contains(document.activeElement) && wheel(event), {
    capture: true,
    passive: false,
  });

  return {
    stop() {
      if (active === null) return true;
      if (gesture.tool() !== gesture.select) return false;
      drop();
      return true;
    },
  };
}

/** The other end of a pen, as browsers tell of it once it touches. */
function isEraser({ pointerType, button, buttons }) {
  return pointerType === "pen" && (button === 5 || Boolean(buttons & 32));
}

function pinchOf(touches) {
  const [a, b] = [...touches.values()];
  return { distance: Math.max(1, Math.hypot(a[0] - b[0], a[1] - b[1])), middle: [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2] };
}
