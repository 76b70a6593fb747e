/** The number of tokens, quietly in the corner of a prompt field that has the focus. What is cut off is said by the list's remarks. */
import { LIMIT } from "../assist/tokens.js";
import { fill } from "../text.js";
import { el, setAttribute, setText } from "./dom.js";

const PAUSE = 300; // milliseconds without a key before the server is asked

/**
 * @param {{scope: object, element: HTMLElement, textarea: HTMLTextAreaElement, host: object, text: object, cuts: boolean}} field
 *   cuts: whether only the first 77 are read, as of an instance's prompt; longer ones are read in parts
 */
export function showTokens({ scope, element, textarea, host, text, cuts }) {
  const words = text.tokens;
  const shown = el("output", { class: "ie-tokens", hidden: true });
  element.append(shown);
  let timer = null;

  function show(answer) {
    shown.hidden = !answer;
    if (!answer) return;
    const limit = cuts ? LIMIT : LIMIT * answer.parts;
    const over = cuts && answer.parts > 1;
    setText(shown, `${answer.tokens}/${limit}`);
    shown.classList.toggle("is-over", over);
    setAttribute(shown, "aria-label", fill(over ? words.over : words.count, { tokens: answer.tokens, limit }));
  }

  async function ask() {
    const { value } = textarea;
    const answer = value.trim() ? await host.tokens.count(value) : null;
    if (textarea.value === value && textarea.ownerDocument.activeElement === textarea) show(answer);
  }

  function wait() {
    clearTimeout(timer);
    const known = host.tokens.known(textarea.value);
    if (known || !textarea.value.trim()) show(known);
    else timer = setTimeout(ask, PAUSE);
  }

  for (const type of ["input", "focus"]) scope.on(textarea, type, wait);
  scope.on(textarea, "blur", () => {
    clearTimeout(timer);
    shown.hidden = true;
  });
  scope.add(() => clearTimeout(timer));
}
