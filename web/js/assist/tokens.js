/** How many tokens prompts have, as ComfyUI's tokenizer says: asked of the pack's own route, and remembered. */

export const LIMIT = 77; // of one part, start and end included
const KEPT = 400; // answers

/**
 * @param {(text: string) => Promise<object | null>} ask the server's answer {tokens, parts, cut}; null: it gives none
 * @returns {{count: (text: string) => Promise<object | null>, known: (text: string) => object | null}} known: an answer that came already
 */
export function createTokenCounter(ask) {
  const known = new Map();
  const waiting = new Map();

  async function fetched(text) {
    const answer = await ask(text);
    waiting.delete(text);
    if (!answer) return null;
    known.set(text, answer);
    if (known.size > KEPT) known.delete(known.keys().next().value);
    return answer;
  }

  return {
    known: (text) => known.get(text) ?? null,
    count(text) {
      if (known.has(text)) return Promise.resolve(known.get(text));
      if (!waiting.has(text)) waiting.set(text, fetched(text));
      return waiting.get(text);
    },
  };
}
