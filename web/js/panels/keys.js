/** Every key of the editor, once: dispatch, tooltips and the help overlay all read this table. */

/**
 * key: KeyboardEvent.key, letters in lower case. shift and ctrl (Ctrl or Cmd) must be held, or not held, exactly so; a symbol's own
 * shift does not count. hosted: ComfyUI takes this key before us, it stands here for the tooltip alone.
 * @type {ReadonlyArray<{key: string, act: string, shift?: boolean, ctrl?: boolean, hosted?: boolean}>}
 */
export const KEYS = Object.freeze([
  { key: "v", act: "tool-select" },
  { key: "b", act: "tool-box" },
  { key: "m", act: "tool-brush" },
  { key: "e", act: "tool-eraser" },
  { key: "g", act: "tool-polygon" },
  { key: "p", act: "tool-point" },
  { key: "s", act: "tool-scribble" },
  { key: "w", act: "tool-segment" },
  { key: "[", act: "brush-smaller" },
  { key: "]", act: "brush-larger" },
  { key: "z", ctrl: true, act: "undo", hosted: true },
  { key: "y", ctrl: true, act: "redo", hosted: true },
  { key: "z", ctrl: true, shift: true, act: "redo", hosted: true },
  { key: "Escape", act: "escape" },
  { key: "Enter", act: "focus-prompt" },
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
  { key: "ArrowLeft", act: "nudge-left" },
  { key: "ArrowRight", act: "nudge-right" },
  { key: "ArrowUp", act: "nudge-up" },
  { key: "ArrowDown", act: "nudge-down" },
  { key: "ArrowLeft", shift: true, act: "nudge-left-far" },
  { key: "ArrowRight", shift: true, act: "nudge-right-far" },
  { key: "ArrowUp", shift: true, act: "nudge-up-far" },
  { key: "ArrowDown", shift: true, act: "nudge-down-far" },
  { key: "PageUp", act: "forward" },
  { key: "PageDown", act: "backward" },
  { key: "PageUp", shift: true, act: "front" },
  { key: "PageDown", shift: true, act: "back" },
  { key: "+", act: "zoom-in" },
  { key: "=", act: "zoom-in" },
  { key: "-", act: "zoom-out" },
  { key: "0", act: "zoom-fit" },
  { key: "1", act: "zoom-actual" },
  { key: "f", act: "popout" },
  { key: "?", act: "help" },
]);

/** The help overlay's groups of acts; the mouse's gestures have words of their own in text.gestures. */
export const HELP_GROUPS = Object.freeze({
  tools: [
    ...["tool-select", "tool-box", "tool-brush", "tool-eraser", "tool-polygon", "tool-point", "tool-scribble"],
    ...["tool-segment", "brush-smaller", "brush-larger"],
  ],
  edit: ["undo", "redo", "copy", "cut", "paste", "duplicate", "group", "ungroup", "delete", "select-all", "escape"],
  instance: [
    ...["focus-prompt", "next", "previous", "nudge", "nudge-far", "toggle-visible", "toggle-locked"],
    ...["forward", "backward", "front", "back"],
  ],
  view: ["zoom-in", "zoom-out", "zoom-fit", "zoom-actual", "popout", "help"],
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
};
const TOGETHER = { nudge: "← ↑ ↓ →", "nudge-far": "Shift+← ↑ ↓ →" };

/**
 * @param {KeyboardEvent} event
 * @returns {string | null} what the key asks of the editor. A letter of a non-Latin keyboard counts by its place.
 */
export function matchKey(event) {
  const found = entryOf(event);
  return found && !found.hosted ? found.act : null;
}

/** @returns {boolean} whether an event is the key of an act, ComfyUI's own included */
export function keyMatches(event, act) {
  return entryOf(event)?.act === act;
}

function entryOf(event) {
  if (event.isComposing || event.altKey) return undefined;
  const ctrl = Boolean(event.ctrlKey || event.metaKey);
  let key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key.length === 1 && key > "\u007f" && /^Key[A-Z]$/.test(event.code ?? "")) key = event.code[3].toLowerCase();
  const symbol = key.length === 1 && !/[a-z]/.test(key);
  return KEYS.find(
    (entry) => entry.key === key && Boolean(entry.ctrl) === ctrl && (symbol || Boolean(entry.shift) === Boolean(event.shiftKey))
  );
}

/** @param {string} act @returns {string} its key as people write it ("Ctrl+D"), or "" */
export function keyText(act) {
  if (act in TOGETHER) return TOGETHER[act];
  const entry = KEYS.find((one) => one.act === act);
  if (!entry) return "";
  const mac = /Mac|iPhone|iPad/.test(globalThis.navigator?.platform ?? "");
  const key = SHOWN[entry.key] ?? (entry.key.length === 1 ? entry.key.toUpperCase() : entry.key);
  return (entry.ctrl ? (mac ? "⌘" : "Ctrl+") : "") + (entry.shift ? "Shift+" : "") + key;
}
