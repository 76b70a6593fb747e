/** Buttons that align, distribute, turn, reorder, group, duplicate and delete the selection. */
import { isResizable } from "../editor/hit.js";
import { createScope, el, focusEditor, iconButton, setAttribute } from "./dom.js";
import { icon } from "./icons.js";
import { keyText } from "./keys.js";
import { createTurnBar } from "./turnBar.js";

const EDGES = ["left", "centre", "right", "top", "middle", "bottom"];
const AXES = { x: "distributeX", y: "distributeY" };
const DEPTH = ["front", "forward", "backward", "back"];

/** @returns {{element: HTMLElement, update: (chosen: object[], count: number, held: boolean) => void, flush: () => void, destroy: () => void}} */
export function createArrangeBar({ store, host, text }) {
  const scope = createScope();
  const align = EDGES.map((edge) => iconButton(`align-${edge}`, icon(edge), text.inspector[edge]));
  const distribute = Object.keys(AXES).map((axis) => iconButton(`distribute-${axis}`, icon(AXES[axis]), text.inspector[`${axis}3`]));
  const command = (act, name = act) => iconButton(act, icon(name), text.acts[act], keyText(act));
  const depth = DEPTH.map((how) => command(how));
  const group = command("group");
  const ungroup = command("ungroup");
  const duplicate = command("duplicate");
  const remove = command("delete");
  const turn = createTurnBar({ store, text });
  const element = el(
    "div",
    { class: "ie-arrange" },
    turn.element,
    el("div", { class: "ie-group" }, ...align, ...distribute),
    el("div", { class: "ie-group" }, ...depth, group, ungroup, duplicate, remove)
  );

  scope.on(element, "click", (event) => {
    const act = event.target.closest("button")?.dataset.act;
    if (!act) return;
    const ids = store.session.selection;
    const [verb, what] = act.split("-");
    if (verb === "align") store.dispatch({ type: "align", ids, edge: what });
    else if (verb === "distribute") store.dispatch({ type: "distribute", ids, axis: what });
    else host.perform(act);
    if (event.detail || event.target.closest("button").disabled) focusEditor(element);
  });

  return {
    element,
    /** @param {object[]} chosen @param {number} count of all instances @param {boolean} held whether a part or a parent is chosen */
    update(chosen, count, held) {
      const free = chosen.filter((instance) => !instance.locked).length;
      const disable = (buttons, off) => buttons.forEach((button) => setAttribute(button, "disabled", off));
      disable([...align, remove], !free);
      disable(distribute, chosen.length < 3 || !free);
      disable([group], chosen.length < 2);
      disable([ungroup], !held);
      disable(depth, chosen.length === count);
      turn.update(!isResizable(chosen));
    },
    flush: turn.flush,
    destroy() {
      turn.destroy();
      scope.destroy();
    },
  };
}
