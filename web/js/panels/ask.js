/** A question in place, inside the editor's root. */
import { createScope, el } from "./dom.js";

let count = 0; // names the question for screen readers

/**
 * @param {HTMLElement} root
 * @param {{message: string, choices: {act: string, label: string, primary?: boolean}[]}} question
 * @returns {Promise<string | null>} the act that was chosen; null after Esc or a newer question
 */
export function ask(root, { message, choices }) {
  root.querySelector(".ie-ask")?.dispatchEvent(new CustomEvent("ie-dismiss"));
  return new Promise((resolve) => {
    const scope = createScope();
    const before = root.ownerDocument.activeElement;
    const id = `ie-ask-${++count}`;
    const buttons = choices.map(({ act, label, primary }) =>
      el("button", { type: "button", class: primary ? "ie-wide is-primary" : "ie-wide", "data-act": act, text: label })
    );
    const box = el(
      "div",
      { class: "ie-ask", role: "alertdialog", "aria-labelledby": id },
      el("p", { id, text: message }),
      el("div", { class: "ie-buttons" }, ...buttons)
    );

    function finish(act) {
      scope.destroy();
      box.remove();
      (root.contains(before) ? before : root).focus({ preventScroll: true });
      resolve(act);
    }

    scope.on(box, "click", (event) => {
      const act = event.target.closest("button")?.dataset.act;
      if (act) finish(act);
    });
    scope.on(box, "ie-dismiss", () => finish(null));
    scope.on(box, "keydown", (event) => {
      if (event.ctrlKey || event.metaKey) return;
      event.stopPropagation();
      const at = buttons.indexOf(event.target);
      const step = { ArrowRight: 1, ArrowLeft: -1, Tab: event.shiftKey ? -1 : 1 }[event.key];
      if (event.key === "Escape") finish(null);
      else if (step) buttons[(at + step + buttons.length) % buttons.length].focus({ preventScroll: true });
      else return;
      event.preventDefault();
    });
    root.append(box);
    (buttons.find((button) => button.classList.contains("is-primary")) ?? buttons[0]).focus({ preventScroll: true });
  });
}
