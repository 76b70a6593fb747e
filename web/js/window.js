/** The editor in the whole browser window: the same element, moved into an overlay. */

/**
 * @param {HTMLElement} element the editor; the caller puts it back after close()
 * @param {object} text the editor's words
 * @param {() => void} onClose asked when the person clicks beside the editor
 * @returns {{close(): void}}
 */
export function openWindow(element, text, onClose) {
  const overlay = document.createElement("div");
  overlay.className = "instdiff-window";
  overlay.setAttribute("role", "dialog");
  // not aria-modal: behind a modal dialog the page takes no commands, and from here one runs and saves
  overlay.setAttribute("aria-label", text.title);
  overlay.style.cssText = "position:fixed;inset:0;z-index:1000;display:flex;padding:12px;background:rgba(0,0,0,.6)";
  overlay.append(element);
  overlay.addEventListener("pointerdown", (event) => {
    if (event.target === overlay) onClose();
  });
  // nothing of what happens in here is meant for the graph below, except its commands (queue, save)
  for (const type of ["keydown", "keyup", "wheel", "contextmenu", "pointermove", "pointerup"]) {
    overlay.addEventListener(type, (event) => {
      if (!event.ctrlKey && !event.metaKey) event.stopPropagation();
    });
  }
  document.body.append(overlay);
  return { close: () => overlay.remove() };
}
