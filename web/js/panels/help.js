/** The overlay that lists every tool and key; shown while session.help is set. */
import { createScope, describe, el, focusEditor, iconButton } from "./dom.js";
import { GESTURES } from "./gestures.js";
import { icon } from "./icons.js";
import { HELP_GROUPS, keyText, keyTexts } from "./keys.js";

/** @returns {{element: HTMLElement, destroy: () => void}} */
export function createHelp({ store, text }) {
  const scope = createScope();
  const close = iconButton("help-close", icon("close"), text.close, keyText("escape"));
  const sheet = el("div", { class: "ie-sheet" });
  const element = describe(el("div", { class: "ie-help", role: "dialog", "aria-modal": "true", hidden: true }, sheet), text.help.title);
  element.removeAttribute("title");
  let back = null; // what had the focus before

  function line(keys, words) {
    return el("div", { class: "ie-help-line" }, el("dt", {}, el("kbd", { text: keys })), el("dd", { text: words }));
  }

  function fillSheet() {
    const group = (name, lines) => el("section", {}, el("h3", { text: text.help[name] }), el("dl", {}, ...lines));
    sheet.append(
      el("header", {}, el("h2", { text: text.help.title }), close),
      el(
        "div",
        { class: "ie-help-groups" },
        ...Object.entries(HELP_GROUPS).map(([name, acts]) => group(name, acts.map((act) => line(keyTexts(act).join(", "), text.acts[act])))),
        ...Object.entries(GESTURES).map(([name, gestures]) => group(name, Object.keys(gestures).map((one) => line(...text.gestures[one]))))
      )
    );
  }

  function update() {
    const open = Boolean(store.session.help);
    if (open === !element.hidden) return;
    if (open && !sheet.firstChild) fillSheet();
    element.hidden = !open;
    if (open) {
      back = element.ownerDocument.activeElement;
      close.focus({ preventScroll: true });
    } else if (back?.isConnected && back !== element.ownerDocument.body) back.focus({ preventScroll: true });
    else focusEditor(element);
  }

  const leave = () => store.setSession({ help: false });
  scope.on(close, "click", leave);
  scope.on(element, "click", (event) => event.target === element && leave());
  scope.on(element, "keydown", (event) => {
    if (event.ctrlKey || event.metaKey) return;
    event.stopPropagation();
    if (event.key === "Tab") event.preventDefault(); // the close button is the only stop
    if (["Escape", "?"].includes(event.key)) {
      event.preventDefault();
      leave();
    }
  });
  scope.add(store.subscribe(({ session }) => session.has("help") && update()));
  scope.add(() => element.remove());
  if (store.session.help) queueMicrotask(update);
  return { element, destroy: scope.destroy };
}
