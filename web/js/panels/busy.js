/** Something takes a while: what, how far it is, and a button that ends it; in the editor's stage. */
import { el, setAttribute } from "./dom.js";

/** @returns {{progress: (share: number) => void, close: () => void}} */
export function showBusy(root, { label, cancelLabel, onCancel }) {
  const bar = el("progress", { max: 1, "aria-label": label });
  const cancel = el("button", { type: "button", class: "ie-wide", "data-act": "busy-cancel", text: cancelLabel });
  const element = el("div", { class: "ie-busy", role: "status" }, el("span", { text: label }), bar, cancel);
  cancel.addEventListener("click", onCancel);
  root.append(element);
  return {
    progress: (share) => setAttribute(bar, "value", share.toFixed(3)),
    close() {
      const had = element.contains(root.ownerDocument.activeElement);
      element.remove();
      if (had) root.focus({ preventScroll: true });
    },
  };
}
