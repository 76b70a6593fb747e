/** Dragging a row of the list by its handle. Pointer events, since the page's own drag and drop belongs to the graph. */
import { el, scaleOf } from "./dom.js";

const EDGE = 24; // CSS pixels at the top and bottom in which the list scrolls by itself
const SPEED = 6; // CSS pixels per frame

/**
 * @param {object} options
 * @param {{on: Function, add: Function}} options.scope
 * @param {HTMLElement} options.list holds the rows
 * @param {HTMLElement} options.scroller what scrolls around them
 * @param {() => HTMLElement[]} options.rows in the order shown
 * @param {(row: HTMLElement, gap: number) => void} options.drop gap: 0 above the first row ... rows.length below the last
 */
export function listenToRowDrag({ scope, list, scroller, rows, drop }) {
  const line = el("div", { class: "ie-drop-line" });
  let drag = null; // {row, pointer, gap, y, frame}

  scope.on(list, "pointerdown", (event) => {
    const grip = event.target.closest(".ie-grip");
    if (!grip || event.button !== 0 || drag) return;
    drag = { row: grip.closest(".ie-row"), grip, pointer: event.pointerId, gap: null, from: event.clientY, frame: 0 };
    grip.setPointerCapture(event.pointerId);
  });
  scope.on(list, "pointermove", (event) => {
    if (event.pointerId !== drag?.pointer) return;
    if (drag.gap === null && Math.abs(event.clientY - drag.from) < 4) return;
    drag.y = event.clientY;
    drag.row.classList.add("is-dragged");
    aim();
    if (!drag.frame) drag.frame = requestAnimationFrame(scroll);
  });
  scope.on(list, "pointerup", (event) => end(event, true));
  scope.on(list, "pointercancel", (event) => end(event, false));
  scope.on(list, "lostpointercapture", (event) => end(event, false));
  scope.on(list, "keydown", (event) => {
    if (event.key !== "Escape" || !drag) return;
    event.stopPropagation();
    stop();
  });
  scope.add(stop);

  function aim() {
    const all = rows();
    const rects = all.map((row) => row.getBoundingClientRect());
    const below = rects.findIndex((rect) => drag.y < (rect.top + rect.bottom) / 2);
    drag.gap = below < 0 ? all.length : below;
    const scale = scaleOf(list);
    const edge = drag.gap < all.length ? rects[drag.gap].top : rects[all.length - 1].bottom;
    line.style.top = `${(edge - list.getBoundingClientRect().top) / scale}px`;
    if (!line.isConnected) list.append(line);
  }

  function scroll() {
    if (!drag) return;
    drag.frame = 0;
    const rect = scroller.getBoundingClientRect();
    const margin = EDGE * scaleOf(scroller);
    const by = drag.y < rect.top + margin ? -SPEED : drag.y > rect.bottom - margin ? SPEED : 0;
    const before = scroller.scrollTop;
    scroller.scrollTop += by;
    if (scroller.scrollTop === before) return; // at rest: nothing runs until the pointer moves
    aim();
    drag.frame = requestAnimationFrame(scroll);
  }

  function end(event, keep) {
    if (event.pointerId !== drag?.pointer) return;
    const { row, gap } = drag;
    stop();
    if (keep && gap !== null) drop(row, gap);
  }

  function stop() {
    if (!drag) return;
    cancelAnimationFrame(drag.frame);
    drag.row.classList.remove("is-dragged");
    line.remove();
    drag = null;
  }
}
