/** A question in place, inside the editor's root. */
import { createScope, el } from "./dom.js";

let count = 0; // names the question for screen readers

/**
 * @param {HTMLElement} root
 * @param {{message: string, form?: HTMLElement, choices: {act: string, label: string, primary?: boolean}[]}} question form: fields between
 *   the message and the buttons; the first of them has the focus
 * @returns {Promise<string | null>} the act that was chosen; null after Esc or a newer question
 */
export function ask(root, { message, form, choices }) {
  root.querySelector(".ie-ask")?.dispatchEvent(new CustomEvent("ie-dismiss"));
  return new Promise((resolve) => {
    const scope = createScope();
    const before = root.ownerDocument.activeElement;
    const id = `ie-ask-${++count}`;
    const buttons = choices.map(({ act, label, primary }) =>
      el("button", { type: "button", class: primary ? "ie-wide is-primary" : "ie-wide", "data-act": act, text: label })
    );
    const fields = form ? [...form.querySelectorAll("select, input")] : [];
    const box = el(
      "div",
      { class: "ie-ask", role: "alertdialog", "aria-labelledby": id },
      el("p", { id, text: message }),
      form ?? null,
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
      const primary = buttons.find((button) => button.classList.contains("is-primary"));
      const inField = fields.includes(event.target);
      const step = event.key === "Tab" ? (event.shiftKey ? -1 : 1) : inField ? 0 : { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const all = [...fields, ...buttons].filter((control) => !control.disabled && control.offsetParent);
      if (event.key === "Escape") finish(null);
      else if (event.key === "Enter" && inField && primary) primary.click(); // a button that is disabled does nothing
      else if (step) all[(all.indexOf(event.target) + step + all.length) % all.length].focus({ preventScroll: true });
      else return;
      event.preventDefault();
    });
    root.append(box);
    (fields[0] ?? buttons.find((button) => button.classList.contains("is-primary")) ?? buttons[0]).focus({ preventScroll: true });
  });
}
