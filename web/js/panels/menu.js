/** Popover menus. They live inside the editor's root, since the root may be moved into a full-window overlay. */
import { createScope, el, reveal, scaleOf, setAttribute } from "./dom.js";
import { icon } from "./icons.js";

const GAP = 4; // CSS pixels between the button and its menu
const openMenus = new WeakMap(); // root -> {anchor, close}

/**
 * @typedef {object} Item
 * @property {"action" | "check" | "radio" | "heading" | "separator" | "custom"} kind
 * @property {string} [act] data-act
 * @property {string} [label]
 * @property {string} [hint] its key, shown at the right
 * @property {string} [icon]
 * @property {() => boolean} [checked] read again after every choice
 * @property {() => boolean} [disabled]
 * @property {() => void} [run] an action closes the menu first; check and radio leave it open
 * @property {HTMLElement} [element] for custom
 */

/**
 * Open a menu below a button, or close it if it is that button's own.
 * @param {{root: HTMLElement, anchor: HTMLElement, label: string, items: Item[], onClose?: () => void}} options
 */
export function toggleMenu({ root, anchor, label, items, onClose }) {
  if (openMenus.get(root)?.anchor === anchor) closeMenu(root, true);
  else openMenu({ root, anchor, label, items, onClose, position: (menu) => placeBelow(root, anchor, menu) });
}

/**
 * Open a menu at a place of the page; the editor has the focus again when it closes.
 * @param {{root: HTMLElement, at: number[], label: string, items: Item[]}} options at: [x, y] in CSS pixels of the page
 */
export function openMenuAt({ root, at, label, items }) {
  openMenu({ root, anchor: null, label, items, position: (menu) => placeAt(root, at, menu) });
}

function openMenu({ root, anchor, label, items, onClose, position }) {
  closeMenu(root);
  const scope = createScope();
  const menu = el("div", { class: "ie-menu", role: "menu", "aria-label": label });
  const refreshers = items.map((item) => addItem(menu, item, { close, refresh, scope }));
  refresh();
  root.append(menu);
  position(menu);
  if (anchor) setAttribute(anchor, "aria-expanded", "true");
  openMenus.set(root, { anchor, close });
  choices(menu)[0]?.focus({ preventScroll: true });

  const outside = ({ target }) => !menu.contains(target) && !anchor?.contains(target);
  scope.on(root.ownerDocument, "pointerdown", (event) => outside(event) && close(false), true);
  scope.on(menu, "focusout", ({ relatedTarget: to }) => to && !menu.contains(to) && to !== anchor && close(false));
  scope.on(menu, "keydown", (event) => onKey(event, menu, close));

  function refresh() {
    for (const again of refreshers) again?.();
  }

  function close(giveFocusBack = true) {
    if (openMenus.get(root)?.close !== close) return;
    openMenus.delete(root);
    scope.destroy();
    menu.remove();
    if (anchor) setAttribute(anchor, "aria-expanded", "false");
    if (giveFocusBack) (anchor ?? root).focus({ preventScroll: true });
    onClose?.();
  }
}

/** Close the menu that is open in this root, if any. */
export function closeMenu(root, giveFocusBack = false) {
  openMenus.get(root)?.close(giveFocusBack);
}

function addItem(menu, item, { close, refresh, scope }) {
  if (item.kind === "heading") menu.append(el("div", { class: "ie-menu-heading", text: item.label }));
  if (item.kind === "separator") menu.append(el("div", { class: "ie-menu-line", role: "separator" }));
  if (item.kind === "custom") menu.append(item.element);
  if (!["action", "check", "radio"].includes(item.kind)) return null;

  const role = { action: "menuitem", check: "menuitemcheckbox", radio: "menuitemradio" }[item.kind];
  const mark = el("span", { class: "ie-menu-mark" });
  if (item.icon) mark.append(icon(item.icon));
  const button = el(
    "button",
    { type: "button", class: "ie-menu-item", role, "data-act": item.act, tabindex: -1 },
    mark,
    el("span", { class: "ie-menu-label", text: item.label }),
    item.hint ? el("kbd", { text: item.hint }) : null
  );
  scope.on(button, "click", () => {
    if (item.kind === "action") close();
    item.run();
    if (item.kind !== "action") refresh();
  });
  menu.append(button);
  return () => {
    button.disabled = Boolean(item.disabled?.());
    if (!item.checked) return;
    setAttribute(button, "aria-checked", String(item.checked()));
    mark.replaceChildren(...(item.checked() ? [icon("check")] : []));
  };
}

function choices(menu) {
  return [...menu.querySelectorAll(".ie-menu-item:not(:disabled), input:not(:disabled)")];
}

function onKey(event, menu, close) {
  event.stopPropagation();
  const all = choices(menu);
  const at = all.indexOf(menu.ownerDocument.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
  const inField = event.target instanceof HTMLInputElement && event.target.type === "text";
  if (event.key === "Escape") {
    event.preventDefault();
    close();
  } else if (event.key === "Tab") close(false);
  else if (to !== undefined && !(inField && ["Home", "End"].includes(event.key))) {
    event.preventDefault();
    const next = all[(to + all.length) % all.length];
    next.focus({ preventScroll: true });
    reveal(menu, next);
  }
}

/** At a place of the page, moved as far as it takes to lie inside the root. */
function placeAt(root, [x, y], menu) {
  const scale = scaleOf(root);
  const outer = root.getBoundingClientRect();
  menu.style.maxHeight = `${root.clientHeight - 2 * GAP}px`;
  const within = (v, most) => `${Math.max(GAP, Math.min(v, most - GAP))}px`;
  menu.style.left = within((x - outer.left) / scale, root.clientWidth - menu.offsetWidth);
  menu.style.top = within((y - outer.top) / scale, root.clientHeight - menu.offsetHeight);
}

/** Below the anchor, inside the root, as high as there is room. */
function placeBelow(root, anchor, menu) {
  const scale = scaleOf(root);
  const outer = root.getBoundingClientRect();
  const button = anchor.getBoundingClientRect();
  const top = (button.bottom - outer.top) / scale + GAP;
  const left = Math.min((button.left - outer.left) / scale, root.clientWidth - menu.offsetWidth - GAP);
  menu.style.top = `${top}px`;
  menu.style.left = `${Math.max(GAP, left)}px`;
  menu.style.maxHeight = `${Math.max(120, root.clientHeight - top - GAP)}px`;
}
