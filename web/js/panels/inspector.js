/** Exact numbers and actions for the selection. */
import { LOCATION_KINDS, opacityOf } from "../layout/document.js";
import { withParts } from "../layout/parts.js";
import { instancesOf, selectionBounds } from "../state/geometry.js";
import { fill } from "../text.js";
import { createArrangeBar } from "./arrangeBar.js";
import { createCalm } from "./calm.js";
import { createScope, describe, el, focusEditor, iconButton, ownKeys, setAttribute, setProperty, setText } from "./dom.js";
import { icon } from "./icons.js";
import { createNegative } from "./negative.js";
import { createNumber, createSlider, refuseIn } from "./number.js";
import { createReference } from "./reference.js";

const SHOWN_UNITS = { px: { decimals: 1 }, "%": { decimals: 2 } };
const LEAST = 1; // px that a side keeps

/** @returns {{element: HTMLElement, flush: () => void, destroy: () => void}} */
export function createInspector({ store, host, text }) {
  const words = text.inspector;
  const scope = createScope();
  const leave = () => focusEditor(element);
  const cancel = () => store.preview(null);
  const refuse = refuseIn({ store, text });
  const ids = () => store.session.selection;
  let unit = "px";

  /** Units per 1.0 of the canvas along an axis. */
  const per = (axis) => (unit === "%" ? 100 : axis ? store.doc.height : store.doc.width);

  /** The action that gives one side of the selection's bounds its new value, or null. */
  function edgeAction(name, value) {
    const from = selectionBounds(store.doc, withParts(store.doc, ids()));
    if (!from) return null;
    const axis = name === "x" || name === "w" ? 0 : 1;
    const size = from[axis + 2] - from[axis];
    const least = LEAST / (axis ? store.doc.height : store.doc.width);
    const to = [...from];
    if (name === "x" || name === "y") {
      to[axis] = Math.min(Math.max(0, value / per(axis)), 1 - size);
      to[axis + 2] = to[axis] + size;
    } else to[axis + 2] = from[axis] + Math.min(Math.max(least, value / per(axis)), 1 - from[axis]);
    return { type: "transform", ids: ids(), from, to };
  }

  const send = (how, action) => action && store[how](action);
  const edge = (name) =>
    createNumber({
      act: `bounds-${name}`,
      label: words[name],
      prefix: name.toUpperCase(),
      min: 0,
      decimals: 2,
      whole: () => per(name === "x" || name === "w" ? 0 : 1),
      leave,
      cancel,
      refuse,
      preview: (value) => send("preview", edgeAction(name, value)),
      commit: (value) => send("dispatch", edgeAction(name, value)),
    });
  const edges = { x: edge("x"), y: edge("y"), w: edge("w"), h: edge("h") };
  const unitButton = el("button", { type: "button", class: "ie-button ie-unit", "data-act": "unit" });

  const fieldOptions = (field, label, max) => ({
    act: field,
    label,
    min: 0,
    max,
    step: 0.05,
    placeholder: "–",
    leave,
    cancel,
    refuse,
    preview: (value) => store.preview({ type: "update", ids: ids(), fields: { [field]: value } }),
    commit: (value) => store.dispatch({ type: "update", ids: ids(), fields: { [field]: value } }),
  });
  const strength = createNumber(fieldOptions("strength", words.strengthHelp, 2));
  const strengthSlider = createSlider({ ...fieldOptions("strength", words.strengthHelp, 2), act: "strength-slider" });
  const opacity = createNumber(fieldOptions("opacity", words.opacityHelp, 1));
  const opacitySlider = createSlider({ ...fieldOptions("opacity", words.opacityHelp, 1), act: "opacity-slider" });
  const start = createNumber(fieldOptions("start", words.start, 1));
  const end = createNumber(fieldOptions("end", words.end, 1));
  const startSlider = createSlider({ ...fieldOptions("start", words.start, 1), act: "start-slider" });
  const endSlider = createSlider({ ...fieldOptions("end", words.end, 1), act: "end-slider" });
  const time = el("div", { class: "ie-time" }, startSlider.element, endSlider.element);

  const parent = describe(el("select", { class: "ie-select", "data-act": "parent" }), words.parentHelp);
  const title = el("span", { class: "ie-title" });
  const chips = el("div", { class: "ie-chips" });
  const negative = createNegative({ store, host, text });
  const reference = createReference({ store, host, text, options: fieldOptions });
  const bar = createArrangeBar({ store, host, text });
  const hint = el("p", { class: "ie-empty", text: words.none });
  const caption = (name) => el("span", { class: "ie-caption", text: name });
  const details = el(
    "div",
    { class: "ie-details" },
    el("div", { class: "ie-line ie-head" }, title, chips),
    el("div", { class: "ie-line ie-bounds" }, ...Object.values(edges).map((one) => one.element), unitButton),
    el("div", { class: "ie-line" }, caption(words.strength), strengthSlider.element, strength.element),
    el("div", { class: "ie-line" }, caption(words.opacity), opacitySlider.element, opacity.element),
    el("div", { class: "ie-line" }, caption(words.time), time, start.element, end.element),
    el("div", { class: "ie-line" }, caption(words.parent), parent),
    reference.element,
    negative.element,
    bar.element
  );
  const element = el("section", { class: "ie-inspector", "aria-label": words.label }, hint, details);

  scope.on(unitButton, "click", () => {
    unit = unit === "px" ? "%" : "px";
    update();
  });
  scope.on(parent, "change", () => {
    store.dispatch({ type: "setParent", ids: ids(), parent: parent.value });
    parentsOf = null; // what cannot be is shown as it was
    update();
    leave();
  });
  ownKeys(scope, parent, { leave });
  scope.on(chips, "click", (event) => {
    const kind = event.target.closest("button")?.dataset.kind;
    if (kind) store.dispatch({ type: "setLocation", id: ids()[0], kind, value: null });
  });

  /** The value that all share, else null. */
  const shared = (instances, field) => (instances.every((one) => one[field] === instances[0][field]) ? instances[0][field] : null);
  let chipsOf = null;
  let parentsOf = null;

  function update() {
    const doc = store.shown;
    const chosen = instancesOf(doc, ids());
    setAttribute(hint, "hidden", chosen.length > 0);
    setAttribute(details, "hidden", !chosen.length);
    if (!chosen.length) return;

    const count = doc.instances.length;
    const locked = chosen.every((one) => one.locked);
    const one = chosen.length === 1;
    const name = fill(one ? words.one : words.many, { n: one ? doc.instances.indexOf(chosen[0]) + 1 : chosen.length, count });
    setText(title, locked ? `${name}, ${words.locked}` : name);

    const bounds = selectionBounds(doc, withParts(doc, ids())); // parts move and grow along
    const { decimals } = SHOWN_UNITS[unit];
    const show = (field, value, axis, flat) => {
      const scale = 10 ** decimals;
      field.set(Math.round(value * per(axis) * scale) / scale);
      setAttribute(field.input, "disabled", locked || flat);
    };
    show(edges.x, bounds[0], 0, false);
    show(edges.y, bounds[1], 1, false);
    show(edges.w, bounds[2] - bounds[0], 0, bounds[2] === bounds[0]);
    show(edges.h, bounds[3] - bounds[1], 1, bounds[3] === bounds[1]);
    setText(unitButton, unit);
    describe(unitButton, fill(words.unit, { unit }));

    const [from, to] = [shared(chosen, "start"), shared(chosen, "end")];
    strength.set(shared(chosen, "strength"));
    strengthSlider.set(shared(chosen, "strength"));
    const seen = chosen.map(opacityOf);
    const hides = seen.every((value) => value === seen[0]) ? seen[0] : null;
    opacity.set(hides);
    opacitySlider.set(hides);
    start.set(from);
    end.set(to);
    startSlider.set(from);
    endSlider.set(to);
    setProperty(startSlider.element, "z-index", from > 0.5 ? 1 : 0); // where both are at the right end, this one is the one to pull
    setProperty(time, "--from", from ?? 0);
    setProperty(time, "--to", to ?? 1);
    updateChips(chosen.length === 1 ? chosen[0] : null);
    updateParents();
    reference.update(chosen);
    negative.update(chosen);
    const names = new Set(ids());
    bar.update(chosen, count, doc.instances.some((one) => one.parent && (names.has(one.id) || names.has(one.parent))));
  }

  /** The menu of what the selection may be a part of; rebuilt only where that may have changed. */
  function updateParents() {
    const { doc } = store;
    if (parentsOf?.doc === doc && parentsOf.ids === ids()) return;
    parentsOf = { doc, ids: ids() };
    const chosen = instancesOf(doc, ids());
    const option = (value, words) => el("option", { value, text: words });
    const taken = new Set(withParts(doc, ids(), true)); // nothing is a part of itself or of its own parts
    const wholes = doc.instances
      .map((one, i) => [one, `${i + 1}  ${one.prompt.trim().split("\n", 1)[0].slice(0, 40)}`])
      .filter(([one]) => !taken.has(one.id));
    const now = shared(chosen, "parent") ?? "";
    const mixed = chosen.some((one) => (one.parent ?? "") !== now);
    const gone = now && !wholes.some(([one]) => one.id === now);
    parent.replaceChildren(
      option("", words.noParent),
      ...wholes.map(([one, words]) => option(one.id, words)),
      ...(gone ? [option(now, `(${now})`)] : [])
    );
    if (mixed) parent.selectedIndex = -1;
    else parent.value = now;
  }

  function updateChips(instance) {
    const kinds = instance ? LOCATION_KINDS.filter((kind) => instance[kind]) : [];
    const key = `${instance?.id} ${instance?.locked} ${kinds}`;
    if (key === chipsOf) return;
    chipsOf = key;
    chips.replaceChildren(
      ...kinds.map((kind) => {
        const tip = kinds.length < 2 ? words.last : fill(words.remove, { kind: text.kinds[kind] });
        const remove = iconButton(`remove-${kind}`, icon("close", 10), tip);
        remove.classList.add("ie-remove");
        remove.dataset.kind = kind;
        remove.disabled = kinds.length < 2 || instance.locked;
        return el("span", { class: "ie-chip" }, icon(kind, 12), el("span", { text: text.kinds[kind] }), remove);
      })
    );
  }

  const fields = [...Object.values(edges), strength, strengthSlider, opacity, opacitySlider, start, end, startSlider, endSlider, reference, negative, bar];
  const calm = createCalm(update);
  scope.add(calm.stop);
  scope.add(
    store.subscribe((change) => {
      if (change.preview) calm.soon();
      else if (change.doc || ["selection", "ignoresNegatives", "references"].some((name) => change.session.has(name))) calm.now();
    })
  );
  for (const field of fields) scope.add(field.destroy);
  update();
  return { element, flush: () => fields.forEach((field) => field.flush()), destroy: scope.destroy };
}
