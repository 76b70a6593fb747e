/** Small helpers over the DOM: build elements, remember what must be undone. */

/**
 * @param {string} tag
 * @param {Record<string, any>} [attributes] attributes; `text` sets textContent, `on<event>` is not read (see createScope)
 * @param {...(Node|null)} children null is skipped
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") element.textContent = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/**
 * Everything that a part must undo when it goes.
 * @returns {{on: Function, add: (undo: () => void) => void, destroy: () => void}}
 *   on(target, type, listener, options?) listens until destroy(); add(f) has f called by destroy()
 */
export function createScope() {
  let undos = [];
  return {
    on(target, type, listener, options) {
      target.addEventListener(type, listener, options);
      undos.push(() => target.removeEventListener(type, listener, options));
    },
    add(undo) {
      undos.push(undo);
    },
    destroy() {
      const now = undos.reverse();
      undos = [];
      for (const undo of now) undo();
    },
  };
}

/** Set an attribute only when it changes; null removes it. */
export function setAttribute(element, name, value) {
  const wanted = value === null || value === false ? null : value === true ? "" : String(value);
  if (element.getAttribute(name) === wanted) return;
  if (wanted === null) element.removeAttribute(name);
  else element.setAttribute(name, wanted);
}

/** Set a style property only when it changes: the browser looks at the styles below anew even where it does not. */
export function setProperty(element, name, value) {
  if (element.style.getPropertyValue(name) !== String(value)) element.style.setProperty(name, String(value));
}

/** Set textContent only when it changes. */
export function setText(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

/** Say and show the same words: aria-label and tooltip. */
export function describe(element, words, keys = "") {
  setAttribute(element, "aria-label", words);
  setAttribute(element, "title", keys ? `${words} (${keys})` : words);
  return element;
}

/** Screen pixels per CSS pixel of an element: the graph scales its DOM widgets by a transform. */
export function scaleOf(element) {
  return element.offsetWidth ? element.getBoundingClientRect().width / element.offsetWidth || 1 : 1;
}

/** Scroll a box just so far that a child of it is seen; unlike scrollIntoView it never moves the graph around it. */
export function reveal(scroller, child) {
  const scale = scaleOf(scroller);
  const outer = scroller.getBoundingClientRect();
  const inner = child.getBoundingClientRect();
  if (inner.top < outer.top) scroller.scrollTop -= (outer.top - inner.top) / scale;
  else if (inner.bottom > outer.bottom) scroller.scrollTop += Math.min(inner.bottom - outer.bottom, inner.top - outer.top) / scale;
}

/**
 * Keep a text control's keys from the graph and from the editor's shortcuts. Queueing and saving still pass, after
 * `flush`; Esc calls `leave`.
 * @param {{on: Function}} scope
 * @param {HTMLElement} control
 * @param {{flush?: () => void, leave?: () => void}} [then]
 */
export function ownKeys(scope, control, { flush, leave } = {}) {
  scope.on(control, "keydown", (event) => {
    if (event.isComposing) {
      event.stopPropagation();
      return;
    }
    const command = event.ctrlKey || event.metaKey;
    if (command && (event.key === "Enter" || event.key.toLowerCase() === "s")) {
      flush?.();
      return;
    }
    event.stopPropagation();
    if (event.key === "Escape") leave?.();
  });
  scope.on(control, "keyup", (event) => event.stopPropagation());
  scope.on(control, "keypress", (event) => event.stopPropagation());
}

/** Give the focus back to the editor around a part, so that its keys work. */
export function focusEditor(part) {
  part.closest(".instdiff-editor")?.focus({ preventScroll: true });
}

/** A button that carries an icon alone. @returns {HTMLButtonElement} */
export function iconButton(act, picture, words, keys = "") {
  return describe(el("button", { type: "button", class: "ie-button", "data-act": act }, picture), words, keys);
}
