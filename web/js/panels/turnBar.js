/** Turn the selection by a number of degrees, by quarters, or mirror it. */
import { turnBy } from "../editor/turning.js";
import { el, focusEditor, iconButton, setAttribute } from "./dom.js";
import { icon } from "./icons.js";
import { keyText } from "./keys.js";
import { createNumber, refuseIn } from "./number.js";

const ACTS = { "turn-left": "turnLeft", "turn-right": "turnRight", "mirror-across": "mirrorAcross", "mirror-down": "mirrorDown" };

/** @returns {{element: HTMLElement, update: (off: boolean) => void, flush: () => void, destroy: () => void}} its buttons are pressed by whoever holds it */
export function createTurnBar({ store, text }) {
  const buttons = Object.entries(ACTS).map(([act, name]) => iconButton(act, icon(name), text.acts[act], keyText(act)));
  // what is typed is a step, not a state: it waits for Enter, and the field is 0 again
  const degrees = createNumber({
    act: "turn-by",
    label: text.inspector.turnHelp,
    prefix: "°",
    unit: "°",
    decimals: 1,
    whole: () => 360,
    pause: Infinity,
    leave: () => focusEditor(element),
    refuse: refuseIn({ store, text }),
    cancel: () => store.preview(null),
    preview: (value) => store.preview({ type: "turn", ids: store.session.selection, degrees: value }),
    commit(value) {
      store.preview(null);
      turnBy({ store, text }, value);
      degrees.input.value = "0";
    },
  });
  degrees.set(0);
  const element = el("div", { class: "ie-group ie-turn" }, el("span", { class: "ie-caption", text: text.inspector.turn }), degrees.element, ...buttons);
  return {
    element,
    update(off) {
      for (const one of [...buttons, degrees.input]) setAttribute(one, "disabled", off);
    },
    flush: degrees.flush,
    destroy: degrees.destroy,
  };
}
