/** Every key of the editor, once: dispatch, tooltips and the help overlay all read this table. */

const SIZED = ["brush", "eraser"]; // tools that have a size

/**
 * key: KeyboardEvent.key, letters in lower case. shift, alt and ctrl (Ctrl or Cmd) must be held, or not held, exactly so; a symbol's own
 * shift does not count. tools: only while one of these is chosen; such an entry stands before the one for all others.
 * hosted: ComfyUI takes this key before us, it stands here for the tooltip alone.
 * @type {ReadonlyArray<{key: string, act: string, shift?: boolean, ctrl?: boolean, alt?: boolean, tools?: string[], hosted?: boolean}>}
 */
export const KEYS = Object.freeze([
  { key: "v", act: "tool-select" },
  { key: "b", act: "tool-box" },
  { key: "m", act: "tool-brush" },
  { key: "e", act: "tool-eraser" },
  { key: "g", act: "tool-polygon" },
  { key: "q", act: "tool-lasso" },
  { key: "o", act: "tool-ellipse" },
  { key: "p", act: "tool-point" },
  { key: "s", act: "tool-scribble" },
  { key: "w", act: "tool-segment" },
  { key: "[", act: "brush-smaller", tools: SIZED },
  { key: "]", act: "brush-larger", tools: SIZED },
  { key: "z", ctrl: true, act: "undo", hosted: true },
  { key: "y", ctrl: true, act: "redo", hosted: true },
  { key: "z", ctrl: true, shift: true, act: "redo", hosted: true },
  { key: "Escape", act: "escape" },
  { key: "Enter", act: "focus-prompt" },
  { key: "F2", act: "edit-here" },
  { key: "n", act: "new-instance" },
  { key: "Tab", act: "next" },
  { key: "Tab", shift: true, act: "previous" },
  { key: "a", ctrl: true, act: "select-all" },
  { key: "c", ctrl: true, act: "copy" },
  { key: "x", ctrl: true, act: "cut" },
  { key: "v", ctrl: true, act: "paste" },
  { key: "d", ctrl: true, act: "duplicate" },
  { key: "g", ctrl: true, act: "group" },
  { key: "g", ctrl: true, shift: true, act: "ungroup" },
  { key: "Delete", act: "delete" },
  { key: "Backspace", act: "delete" },
  { key: "h", act: "toggle-visible" },
  { key: "l", act: "toggle-locked" },
  { key: "r", act: "turn-right" },
  { key: "r", shift: true, act: "turn-left" },
  { key: "h", shift: true, act: "mirror-across" },
  { key: "v", shift: true, act: "mirror-down" },
  { key: "ArrowLeft", act: "nudge-left" },
  { key: "ArrowRight", act: "nudge-right" },
  { key: "ArrowUp", act: "nudge-up" },
  { key: "ArrowDown", act: "nudge-down" },
  { key: "ArrowLeft", shift: true, act: "nudge-left-far" },
  { key: "ArrowRight", shift: true, act: "nudge-right-far" },
  { key: "ArrowUp", shift: true, act: "nudge-up-far" },
  { key: "ArrowDown", shift: true, act: "nudge-down-far" },
  ...["Left", "Right", "Up", "Down"].flatMap((way) => [
    { key: `Arrow${way}`, alt: true, act: `resize-${way.toLowerCase()}` },
    { key: `Arrow${way}`, alt: true, shift: true, act: `resize-${way.toLowerCase()}-far` },
  ]),
  { key: "]", act: "forward" },
  { key: "[", act: "backward" },
  { key: "}", act: "front" }, // Shift+]
  { key: "{", act: "back" },
  { key: "PageUp", act: "forward" },
  { key: "PageDown", act: "backward" },
  { key: "PageUp", shift: true, act: "front" },
  { key: "PageDown", shift: true, act: "back" },
  { key: "+", act: "zoom-in" },
  { key: "=", act: "zoom-in" },
  { key: "-", act: "zoom-out" },
  { key: "0", act: "zoom-fit" },
  { key: "1", act: "zoom-actual" },
  { key: "/", act: "search" },
  { key: "ContextMenu", act: "menu" },
  { key: "F10", shift: true, act: "menu" },
  { key: "f", act: "popout" },
  { key: "?", act: "help" },
]);

/** The help overlay's groups of acts; the mouse's gestures have words of their own in text.gestures. */
export const HELP_GROUPS = Object.freeze({
  tools: [
    ...["tool-select", "tool-box", "tool-brush", "tool-eraser", "tool-polygon", "tool-lasso", "tool-ellipse", "tool-point"],
    ...["tool-scribble", "tool-segment", "brush-smaller", "brush-larger"],
  ],
  edit: ["undo", "redo", "copy", "cut", "paste", "duplicate", "group", "ungroup", "delete", "select-all", "escape"],
  instance: [
    ...["focus-prompt", "edit-here", "new-instance", "next", "previous", "nudge", "nudge-far", "resize", "resize-far", "toggle-visible", "toggle-locked"],
    ...["forward", "backward", "front", "back", "turn-right", "turn-left", "mirror-across", "mirror-down"],
  ],
  view: ["zoom-in", "zoom-out", "zoom-fit", "zoom-actual", "popout", "search", "menu", "help"],
});

const SHOWN = {
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  PageUp: "PgUp",
  PageDown: "PgDn",
  Escape: "Esc",
  Delete: "Del",
  ContextMenu: "Menu",
  "{": "Shift+[",
  "}": "Shift+]",
};
const ARROWS = "← ↑ ↓ →";
const TOGETHER = { nudge: ARROWS, "nudge-far": `Shift+${ARROWS}`, resize: `Alt+${ARROWS}`, "resize-far": `Alt+Shift+${ARROWS}` };

/**
 * @param {KeyboardEvent} event
 * @param {string} [tool] that is chosen
 * @returns {string | null} what the key asks of the editor. A letter of a non-Latin keyboard counts by its place.
 */
export function matchKey(event, tool) {
  const found = entryOf(event, tool);
  return found && !found.hosted ? found.act : null;
}

/** @returns {boolean} whether an event is the key of an act, ComfyUI's own included */
export function keyMatches(event, act) {
  return entryOf(event)?.act === act;
}

function entryOf(event, tool) {
  if (event.isComposing) return undefined;
  if (event.key === "Escape") return KEYS.find((entry) => entry.key === "Escape"); // cancels a drag with Alt or Shift, too
  const key = keyOf(event);
  const symbol = key.length === 1 && !/[a-z]/.test(key);
  // a symbol of the third level, "[" of many keyboards: Windows reports Ctrl+Alt then, a Mac Option alone
  const third = event.getModifierState?.("AltGraph") || (symbol && onMac() && event.altKey && !event.ctrlKey && !event.metaKey);
  const ctrl = !third && Boolean(event.ctrlKey || event.metaKey);
  const alt = !third && Boolean(event.altKey);
  return KEYS.find(
    (entry) =>
      entry.key === key &&
      Boolean(entry.ctrl) === ctrl &&
      Boolean(entry.alt) === alt &&
      (symbol || Boolean(entry.shift) === Boolean(event.shiftKey)) &&
      (!entry.tools || entry.tools.includes(tool))
  );
}

const BRACKETS = { BracketLeft: "[{", BracketRight: "]}" };

/** The key by what it writes; where that is of another script (м, х, 【), by its place on a keyboard of Latin letters. */
function keyOf({ key, code = "", shiftKey }) {
  if (key.length !== 1) return key;
  if (key > "\u007f" && /^Key[A-Z]$/.test(code)) return code[3].toLowerCase();
  if (key > "\u007f" && code in BRACKETS && !/\p{Script=Latin}/u.test(key)) return BRACKETS[code][shiftKey ? 1 : 0];
  return key.toLowerCase();
}

function onMac() {
  return /Mac|iPhone|iPad/.test(globalThis.navigator?.platform ?? "");
}

/** @param {string} act @returns {string} its first key as people write it ("Ctrl+D"), or "" */
export function keyText(act) {
  return keyTexts(act)[0] ?? "";
}

/** @returns {string[]} all keys of an act as people write them */
export function keyTexts(act) {
  if (act in TOGETHER) return [TOGETHER[act]];
  return KEYS.filter((one) => one.act === act).map(written);
}

function written(entry) {
  const key = SHOWN[entry.key] ?? (entry.key.length === 1 ? entry.key.toUpperCase() : entry.key);
  return (entry.ctrl ? (onMac() ? "⌘" : "Ctrl+") : "") + (entry.alt ? "Alt+" : "") + (entry.shift ? "Shift+" : "") + key;
}
