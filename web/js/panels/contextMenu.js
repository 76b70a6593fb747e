/** The menus of the right button: of the selection, and of the empty canvas. */
import { wholeAround } from "../layout/parts.js";
import { canConvert } from "../state/convert.js";
import { instanceBounds, instancesOf } from "../state/geometry.js";
import { fill } from "../text.js";
import { keyText } from "./keys.js";
import { openMenuAt } from "./menu.js";

const LETTERS = 24; // of a prompt in a menu
const LINE = Object.freeze({ kind: "separator" });

/**
 * @param {{store: object, host: object, text: object, root: HTMLElement, clipboard: {copy(cut: boolean): void, paste(): void},
 *   newAt: (at: number[]) => void}} options newAt makes an instance at a point of the layout
 * @returns {(at: number[], place: number[] | null) => void} opens the menu at `at` (CSS pixels of the page): that of the selection, or of the
 *   empty canvas where `place` (fractions of the layout) is given
 */
export function contextMenu({ store, host, text, root, clipboard, newAt }) {
  const words = text.menu;
  const action = (act, label = text.acts[act], run = () => host.perform(act), off = false) => ({
    kind: "action",
    act: `menu-${act}`,
    label,
    hint: keyText(act),
    run,
    disabled: () => off,
  });

  function ofSelection() {
    const { selection: ids, brush } = store.session;
    const chosen = instancesOf(store.doc, ids);
    const all = (test) => chosen.every(test);
    const convert = (kind, label) =>
      action(label, words[label], () => store.dispatch({ type: "convert", ids, kind, width: brush }), !chosen.some((one) => canConvert(one, kind)));
    return [
      action("edit-here", words.edit),
      LINE,
      action("cut", undefined, () => clipboard.copy(true)),
      action("copy", undefined, () => clipboard.copy(false)),
      action("paste", undefined, () => clipboard.paste()),
      action("duplicate"),
      LINE,
      ...["front", "forward", "backward", "back"].map((act) => action(act)),
      LINE,
      ...["turn-right", "turn-left", "mirror-across", "mirror-down"].map((act) => action(act)),
      LINE,
      action("toggle-visible", all((one) => !one.visible) ? text.list.show : text.list.hide),
      action("toggle-locked", all((one) => one.locked) ? text.list.unlock : text.list.lock),
      ...parts(chosen),
      convert("mask", "toMask"),
      convert("box", "toBox"),
      LINE,
      action("delete"),
    ];
  }

  /** Several become parts of the largest, one of what it lies on; parts are released. */
  function parts(chosen) {
    const found = [];
    if (chosen.length > 1) found.push(action("group"));
    const whole = chosen.length === 1 ? wholeAround(store.doc, chosen[0].id, instanceBounds) : null;
    if (whole) {
      const [line] = whole.prompt.trim().split("\n", 1);
      const name = `${store.doc.instances.indexOf(whole) + 1}  ${line.length > LETTERS ? `${line.slice(0, LETTERS - 1).trimEnd()}…` : line}`.trim();
      const run = () => store.dispatch({ type: "setParent", ids: [chosen[0].id], parent: whole.id });
      found.push(action("part", fill(words.partOf, { name }), run));
    }
    const ids = new Set(chosen.map((one) => one.id));
    if (store.doc.instances.some((one) => one.parent && (ids.has(one.id) || ids.has(one.parent)))) found.push(action("ungroup"));
    return found.length ? [LINE, ...found, LINE] : [LINE];
  }

  function ofCanvas(place) {
    const { instances } = store.doc;
    const every = (field, value) => instances.filter((one) => one[field] !== value).map((one) => one.id);
    const set = (act, field, value) => {
      const ids = every(field, value);
      return action(act, words[act], () => store.dispatch({ type: "update", ids, fields: { [field]: value } }), !ids.length);
    };
    return [
      action("new-instance", words.newHere, () => newAt(place)),
      action("paste", undefined, () => clipboard.paste()),
      action("select-all", undefined, undefined, !instances.length),
      LINE,
      set("showAll", "visible", true),
      set("unlockAll", "locked", false),
      LINE,
      action("undo"),
      action("redo"),
      LINE,
      action("zoom-fit", words.fit),
      action("zoom-actual"),
      action("popout", store.session.popout ? text.popin : undefined),
      action("help"),
    ];
  }

  return function open(at, place) {
    const label = place ? words.canvas : words.instance;
    openMenuAt({ root, at, label, items: place ? ofCanvas(place) : ofSelection() });
  };
}
