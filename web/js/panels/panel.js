/** The panel beside or below the canvas: list, details, canvas settings. Tabs where the editor is narrow, all at once where it is wide. */
import { createScope, el, setAttribute } from "./dom.js";
import { createInspector } from "./inspector.js";
import { createList } from "./list.js";
import { createSettings } from "./settings.js";

const TABS = ["list", "inspector", "settings"];

/** @returns {{element: HTMLElement, flush: () => void, destroy: () => void}} */
export function createPanel({ store, host, text, lint }) {
  const scope = createScope();
  const tab = (name) => el("button", { type: "button", class: "ie-tab", role: "tab", "data-act": `tab-${name}`, text: text.tabs[name] });
  const tabs = TABS.map(tab);
  const element = el("div", { class: "ie-panel" }, el("div", { class: "ie-tabs", role: "tablist" }, ...tabs));

  // first listener: the list must be on show before it gives a prompt the focus
  scope.add(
    store.subscribe(({ session }) => {
      if (session.has("focusPrompt") && store.session.focusPrompt !== null) store.session.tab = "list";
      update();
    })
  );
  const parts = {
    list: createList({ store, host, text, lint }),
    inspector: createInspector({ store, host, text }),
    settings: createSettings({ store, host, text }),
  };
  for (const name of TABS) {
    element.append(parts[name].element);
    scope.add(parts[name].destroy);
  }

  scope.on(element.firstChild, "click", (event) => {
    const at = tabs.indexOf(event.target);
    if (at >= 0) store.setSession({ tab: TABS[at] });
  });
  scope.on(element.firstChild, "keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const next = (tabs.indexOf(event.target) + step + TABS.length) % TABS.length;
    store.setSession({ tab: TABS[next] });
    tabs[next].focus({ preventScroll: true });
  });

  function update() {
    const current = store.session.tab ?? "list";
    setAttribute(element, "data-tab", current);
    TABS.forEach((name, i) => {
      setAttribute(tabs[i], "aria-selected", String(name === current));
      setAttribute(tabs[i], "tabindex", name === current ? 0 : -1);
    });
  }
  update();

  return {
    element,
    flush: () => TABS.forEach((name) => parts[name].flush()),
    destroy: scope.destroy,
  };
}
