/** Prompts as ComfyUI reads them: weights `(x:1.2)`, escaped parentheses, `embedding:name`; and how long they are. */

const EMBEDDING = /\bembedding:[^\s,()]+/gi;
const EMBEDDING_TOKENS = 4; // its file knows the true number; most hold 1 to 8
// No digit can belong to two parts of this: a long number that leads to no bracket is walked once.
const WEIGHT = /:\s*[-+]?(?:\d+(?:\.\d+)?|\.\d+)\s*\)/g;
const START_AND_END = 2;
const SYLLABLES = /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u;

/** @returns {string} the words alone: no weights, no parentheses that only weigh, no embeddings */
export function plainPrompt(prompt) {
  return unweighted(prompt).replace(EMBEDDING, " ");
}

/**
 * How many tokens CLIP makes of a prompt, start and end included (it reads 77 at a time). An estimate from the lengths of words, measured
 * against CLIP's tokenizer: its vocabulary would be a megabyte.
 * @param {string} prompt
 * @returns {number}
 */
export function estimateTokens(prompt) {
  const embeddings = prompt.match(EMBEDDING)?.length ?? 0;
  const pieces = plainPrompt(prompt).match(/'(?:s|t|re|ve|m|ll|d)\b|\p{L}[\p{L}\p{M}]*|\p{N}|[^\s\p{L}\p{N}]+/giu) ?? [];
  return Math.ceil(START_AND_END + embeddings * EMBEDDING_TOKENS + pieces.reduce((sum, piece) => sum + tokensOf(piece), 0));
}

function tokensOf(piece) {
  if (!/^\p{L}/u.test(piece)) return /[^\u0000-\u00ff]/.test(piece) ? 1.5 : 1; // an emoji is one or two
  if (/^\p{Script=Latin}/u.test(piece)) {
    const marked = piece.match(/[^a-z]/gi)?.length ?? 0; // an accent splits its word
    return 1 + Math.max(0, Math.ceil((piece.length - 10) / 6)) + marked;
  }
  // CLIP learned English: other scripts come out as bytes or little more
  const weight = (letter) => (/\p{Script=Han}/u.test(letter) ? 2.8 : SYLLABLES.test(letter) ? 2 : 1.2);
  return Math.ceil([...piece].reduce((sum, letter) => sum + weight(letter), 0));
}

function unweighted(prompt) {
  return prompt
    .replace(/\\([()])/g, (_, bracket) => (bracket === "(" ? "\ue000" : "\ue001"))
    .replace(WEIGHT, ")")
    .replace(/[()]/g, " ")
    .replace(/\ue000/g, "(")
    .replace(/\ue001/g, ")");
}
