/**
 * Completion below a prompt field, never in the way of typing: the list takes no key before the arrow down has entered it; then Enter and
 * Tab take what is marked, and Esc closes it. A click takes, too.
 */
import { completionsAt } from "../assist/complete.js";
import { el, reveal, scaleOf, setAttribute } from "./dom.js";

const GAP = 2; // CSS pixels between the field and its list
let count = 0; // names the lists for screen readers

/** @param {{scope: object, textarea: HTMLTextAreaElement, store: object, host: object, text: object}} field */
export function offerCompletions({ scope, textarea, store, host, text }) {
  let found = null;
  let list = null;
  let active = -1;
  let names = null; // of the embeddings: asked once while the field has the focus
  setAttribute(textarea, "aria-autocomplete", "list");

  async function look() {
    const embeddings = await (names ??= host.embeddings());
    if (textarea.ownerDocument.activeElement !== textarea) return;
    const alone = textarea.selectionStart === textarea.selectionEnd;
    found = alone ? completionsAt(textarea.value, textarea.selectionStart, { embeddings, words: store.session.words }) : null;
    close();
    if (found) open();
  }

  function open() {
    const root = textarea.closest(".instdiff-editor");
    if (!root) return;
    const id = `ie-complete-${++count}`;
    list = el("div", { class: "ie-complete", role: "listbox", id, "aria-label": text.complete.label });
    found.options.forEach(({ kind, label }, i) => {
      const option = el("div", { class: "ie-option", role: "option", id: `${id}-${i}`, "aria-selected": "false" }, el("span", { text: label }));
      if (kind === "embedding") option.append(el("small", { text: text.complete.embedding }));
      list.append(option);
    });
    // a press would take the focus from the field
    list.addEventListener("pointerdown", (event) => event.preventDefault());
    list.addEventListener("mousedown", (event) => event.preventDefault());
    list.addEventListener("click", (event) => take([...list.children].indexOf(event.target.closest(".ie-option"))));
    root.append(list);
    place(root, textarea, list);
    setAttribute(textarea, "aria-controls", id);
    setAttribute(textarea, "aria-expanded", "true");
  }

  function close() {
    list?.remove();
    list = null;
    active = -1;
    for (const name of ["aria-controls", "aria-activedescendant"]) setAttribute(textarea, name, null);
    setAttribute(textarea, "aria-expanded", "false");
  }

  function mark(index) {
    active = index;
    [...list.children].forEach((option, i) => setAttribute(option, "aria-selected", String(i === index)));
    setAttribute(textarea, "aria-activedescendant", index < 0 ? null : list.children[index].id);
    if (index >= 0) reveal(list, list.children[index]);
  }

  function take(index) {
    if (index < 0) return;
    const { from, to, options } = found;
    close();
    textarea.focus({ preventScroll: true });
    textarea.setSelectionRange(from, to);
    // as if it were typed, so that the browser's own undo takes it back
    if (!document.execCommand("insertText", false, options[index].insert)) {
      textarea.setRangeText(options[index].insert, from, to, "end");
      textarea.dispatchEvent(new Event("input", { bubbles: true }));
    }
    close(); // what was inserted may itself be the beginning of something
  }

  const last = () => list.children.length - 1;
  const keys = {
    ArrowDown: () => mark(active === last() ? 0 : active + 1),
    ArrowUp: () => active >= 0 && mark(active - 1),
    Enter: () => active >= 0 && take(active),
    Tab: () => active >= 0 && take(active),
    Escape: close,
  };
  // before the field's own listeners: Esc leaves it, Enter and arrows are the text's
  const onKey = (event) => {
    const { key, isComposing, ctrlKey, metaKey, altKey, shiftKey } = event;
    if (!list || isComposing || ctrlKey || metaKey || altKey || shiftKey || !(key in keys)) return;
    if (active < 0 && key !== "ArrowDown" && key !== "Escape") {
      if (key === "Tab") close();
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    keys[key]();
  };
  scope.on(textarea, "keydown", onKey, true);
  scope.on(textarea, "input", (event) => (event.isComposing ? close() : look()));
  for (const type of ["blur", "pointerdown"]) scope.on(textarea, type, close);
  scope.on(textarea, "focus", () => (names = null));
  scope.on(textarea, "keyup", ({ key }) => list && ["ArrowLeft", "ArrowRight", "Home", "End"].includes(key) && close());
  scope.add(close);
}

/** Below the field, or above it where there is more room; inside the root. */
function place(root, field, list) {
  const scale = scaleOf(root);
  const outer = root.getBoundingClientRect();
  const inner = field.getBoundingClientRect();
  const [top, bottom] = [(inner.top - outer.top) / scale, (inner.bottom - outer.top) / scale];
  const room = root.clientHeight - bottom;
  const above = room < list.offsetHeight && top > room;
  list.style.maxHeight = `${Math.max(40, (above ? top : room) - 2 * GAP)}px`;
  list.style.top = above ? `${Math.max(GAP, top - list.offsetHeight - GAP)}px` : `${bottom + GAP}px`;
  const left = (inner.left - outer.left) / scale;
  list.style.left = `${Math.max(GAP, Math.min(left, root.clientWidth - list.offsetWidth - GAP))}px`;
}
