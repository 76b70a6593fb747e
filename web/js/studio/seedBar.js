/** The seed of the sampler that follows the editor: its number, kept or not, new, the one before. */
import { createScope, describe, el, focusEditor, iconButton, setAttribute, setText } from "../panels/dom.js";
import { icon } from "../panels/icons.js";
import { createNumber } from "../panels/number.js";
import { fill } from "../text.js";

const LARGEST = Number.MAX_SAFE_INTEGER;

/** @returns {{element: HTMLElement, update: () => void, flush: () => void, destroy: () => void}} */
export function createSeedBar({ desk, words }) {
  const scope = createScope();
  const which = describe(el("select", { class: "ie-select", "data-act": "seed-which" }), words.seedOf);
  const number = createNumber({
    act: "seed",
    label: words.seed,
    min: 0,
    max: LARGEST,
    step: 1,
    decimals: 0,
    commit: (value) => desk.setSeed({ value }),
    leave: () => focusEditor(element),
  });
  const earlier = iconButton("seed-earlier", icon("earlier"), words.seedEarlier);
  const fresh = iconButton("seed-new", icon("dice"), words.seedNew);
  const lockIcons = { true: icon("lock"), false: icon("unlock") };
  const fix = iconButton("seed-fix", lockIcons.false, words.seedFix);
  const none = el("span", { class: "ie-quiet ie-seed-none", text: words.noSeed });
  const label = el("span", { class: "ie-seed-label", text: words.seed, "aria-hidden": "true" });
  const controls = el("div", { class: "ie-group ie-seed-controls" }, label, which, number.element, fix, fresh, earlier);
  const element = el("div", { class: "ie-seed" }, controls, none);
  let listed = "";

  scope.on(which, "change", () => desk.set({ ...desk.state(), seedAt: which.value }));
  scope.on(fix, "click", () => desk.setSeed({ fixed: !desk.isFixed() }));
  scope.on(fresh, "click", () => desk.newSeed());
  scope.on(earlier, "click", () => desk.earlierSeed());

  function update() {
    const all = desk.seeds();
    const seed = desk.seed(all);
    controls.hidden = !seed;
    none.hidden = Boolean(seed?.widget);
    setText(none, seed ? fill(words.seedElsewhere, { node: seed.title }) : words.noSeed);
    if (!seed) return;
    const names = JSON.stringify(all.map(({ id, title }) => [id, title]));
    if (names !== listed) {
      listed = names;
      const titles = all.map((one) => one.title);
      const name = ({ id, title }) => (titles.indexOf(title) === titles.lastIndexOf(title) ? title : `${title} (${id})`);
      which.replaceChildren(...all.map((one) => el("option", { value: one.id, text: name(one) })));
    }
    which.hidden = all.length < 2;
    which.value = seed.id;
    setAttribute(which, "title", `${words.seedOf}: ${which.selectedOptions[0]?.text ?? seed.title}`); // a long name is cut
    for (const one of [number.element, fresh, earlier, fix]) one.hidden = !seed.widget;
    if (!seed.widget) return;
    const fixed = desk.isFixed();
    number.set(seed.widget.value);
    describe(number.input, fill(words.seedHelp, { node: seed.title }));
    fix.hidden = fixed === null;
    setAttribute(fix, "aria-pressed", String(fixed));
    describe(fix, fixed ? words.seedFree : words.seedFix);
    if (fix.firstChild !== lockIcons[Boolean(fixed)]) fix.replaceChildren(lockIcons[Boolean(fixed)]);
    earlier.disabled = !desk.hasEarlierSeed();
  }

  scope.add(number.destroy);
  return { element, update, flush: number.flush, destroy: scope.destroy };
}
