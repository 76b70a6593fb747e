/** What helps while a prompt is typed: completion and the number of tokens. */
import { offerCompletions } from "./completion.js";
import { showTokens } from "./tokenCount.js";

/**
 * @param {{store: object, host: object, text: object, cuts?: boolean}} options cuts: see showTokens
 * @returns {(field: {scope: object, element: HTMLElement, textarea: HTMLTextAreaElement}) => void} for createPrompt; it begins when the field
 *   first has the focus, since a layout may have a thousand of them
 */
export function assistPrompt({ store, host, text, cuts = false }) {
  return ({ scope, element, textarea }) => {
    let begun = false;
    scope.on(textarea, "focusin", () => {
      if (begun) return;
      begun = true;
      offerCompletions({ scope, textarea, store, host, text });
      showTokens({ scope, element, textarea, host, text, cuts });
    });
  };
}
