/** The studio of one editor: its panel below the canvas, the pictures behind the layout, the line between before and after. */
import { createScope } from "../panels/dom.js";
import { createBehind } from "./behind.js";
import { createStudioPanel } from "./panel.js";
import { createSplit } from "./split.js";

/**
 * @param {{store: object, desk: object, text: object, frame: object, view: () => object, redraw: () => void}} options
 * @returns {{behind(): object | null, drawn(behind: object | null): void, flush(): void, destroy(): void}}
 */
export function createStudio({ store, desk, text, frame, view, redraw }) {
  const scope = createScope();
  const panel = createStudioPanel({ store, desk, text });
  frame.layout.append(panel.element);
  const pictures = createBehind({ desk, redraw });
  const split = createSplit({ stage: frame.stage, desk, words: text.studio, view });
  scope.add(desk.subscribe(() => store.session.popout && redraw()));
  // who draws wants to see what is drawn
  scope.on(frame.stage, "pointerdown", (event) => {
    if (event.button === 0 && event.target.closest(".ie-canvas") && !desk.state().layout) desk.set({ ...desk.state(), layout: true });
  }, true);
  for (const part of [panel, split]) scope.add(part.destroy);
  scope.add(pictures.rest);
  scope.add(() => panel.element.remove());
  return {
    behind() {
      if (store.session.popout) return pictures.now();
      pictures.rest();
      return null;
    },
    drawn: split.update,
    flush: panel.flush,
    destroy: scope.destroy,
  };
}
