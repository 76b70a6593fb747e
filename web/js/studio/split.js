/** The line between before and after on the canvas: dragged, or moved with the arrow keys. */
import { createScope, describe, el, scaleOf, setAttribute } from "../panels/dom.js";
import { fill } from "../text.js";
import { LAYOUT, shownResult } from "./results.js";

const STEP = 0.02; // of the canvas

/**
 * @param {{stage: HTMLElement, desk: object, words: object, view: () => object}} options view: the viewport
 * @returns {{update(behind: object | null): void, destroy(): void}} update after each drawing, since the canvas may have moved
 */
export function createSplit({ stage, desk, words, view }) {
  const scope = createScope();
  const line = describe(el("div", { class: "ie-split", role: "slider", tabindex: 0, "data-act": "split", "aria-valuemin": 0, "aria-valuemax": 100, hidden: true }), words.split);
  const names = [el("span", { class: "ie-split-name is-before" }), el("span", { class: "ie-split-name is-after" })];
  line.append(el("div", { class: "ie-split-grip" }), ...names);
  stage.append(line);
  const set = (split) => desk.set({ ...desk.state(), split: Math.min(1, Math.max(0, split)) });
  let held = false;

  scope.on(line, "pointerdown", (event) => {
    if (event.button !== 0) return;
    event.stopPropagation();
    held = true;
    line.setPointerCapture(event.pointerId);
  });
  scope.on(line, "pointermove", (event) => {
    if (!held) return;
    event.stopPropagation();
    const x = (event.clientX - stage.getBoundingClientRect().left) / scaleOf(stage);
    const { left, width } = view();
    set((x - left) / width);
  });
  for (const type of ["pointerup", "pointercancel"]) {
    scope.on(line, type, (event) => {
      event.stopPropagation();
      held = false;
    });
  }
  scope.on(line, "keydown", (event) => {
    const by = { ArrowLeft: -STEP, ArrowRight: STEP, Home: -1, End: 1 }[event.key];
    if (by === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    set(desk.state().split + by);
  });
  scope.add(() => line.remove());

  return {
    update(behind) {
      setAttribute(line, "hidden", !behind || behind.split === null); // asked for each frame
      if (line.hidden) return;
      const { left, width } = view();
      line.style.left = `${left + behind.split * width}px`;
      setAttribute(line, "aria-valuenow", Math.round(behind.split * 100));
      const state = desk.state();
      const other = state.results.find((one) => one.id === state.other);
      names[0].textContent = state.other === LAYOUT ? words.layoutAlone : fill(words.result, { n: other?.number ?? "" });
      names[1].textContent = fill(words.result, { n: shownResult(state)?.number ?? "" });
    },
    destroy: scope.destroy,
  };
}
