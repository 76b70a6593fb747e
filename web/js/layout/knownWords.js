/** The words of a prompt that weights which know only a few do not know. */
import { plainPrompt } from "./promptText.js";

const MAX_PROMPT = 2000; // characters
// between the words that matter: nothing is lost with them
const LITTLE = new Set(
  "a an the and or of on in at to by from with is are its plain background far top upper middle lower bottom left center right part parts".split(" "),
);

/**
 * @param {string} prompt an instance's
 * @param {string[]} known the words that the weights know; none: they know many
 * @returns {string[]} each once, in lower case, in the order of the prompt; a plural is known if its singular is
 */
export function unknownWords(prompt, known) {
  if (!known.length) return [];
  const all = new Set(known.map((word) => word.toLowerCase()));
  const said = plainPrompt(prompt.slice(0, MAX_PROMPT)).toLowerCase().match(/[\p{L}\p{M}\p{N}]+(?:['’]s?(?!\p{L}))?/gu) ?? [];
  const words = said.map((word) => word.replace(/['’]s?$/, ""));
  return [...new Set(words)].filter((word) => /\p{L}/u.test(word) && !LITTLE.has(word) && !singulars(word).some((one) => all.has(one)));
}

function singulars(word) {
  return [word, word.replace(/s$/, ""), word.replace(/es$/, "")];
}
