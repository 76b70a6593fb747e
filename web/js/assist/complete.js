/** What the word at the caret may become: embeddings, and the words of weights that know only a few. */

export const MOST = 8;
const LEAST = 2; // letters
const PREFIX = "embedding:";

/**
 * @param {string} text @param {number} caret where it stands, in UTF-16 units
 * @param {{embeddings: string[], words: string[]}} known
 * @returns {{from: number, to: number, options: {kind: "embedding" | "word", label: string, insert: string}[]} | null} the part of the text
 *   that an option replaces; null where there is nothing to offer
 */
export function completionsAt(text, caret, { embeddings, words }) {
  if (/^[\p{L}\p{N}_-]/u.test(text.slice(caret))) return null; // within a word
  const before = text.slice(0, caret);
  const named = /(?:^|[\s,(])(embedding:([^\s,()]*))$/i.exec(before);
  if (named) return offer(caret, named[1].length, matching(embeddings, named[2]).map(asEmbedding), named[1]);
  const [typed = ""] = /[\p{L}\p{N}_-]+$/u.exec(before) ?? [];
  if (typed.length < LEAST) return null;
  const low = typed.toLowerCase();
  const starts = (name) => name.toLowerCase().startsWith(low);
  const all = typed.length > 2 && PREFIX.startsWith(low);
  const found = [
    ...words.filter(starts).map((word) => ({ kind: "word", label: word, insert: word })),
    ...(all ? embeddings : embeddings.filter(starts)).map(asEmbedding),
  ];
  return offer(caret, typed.length, found, typed);
}

function offer(caret, length, found, typed) {
  const options = found.filter(({ insert }) => insert.toLowerCase() !== typed.toLowerCase()).slice(0, MOST);
  return options.length ? { from: caret - length, to: caret, options } : null;
}

function asEmbedding(name) {
  return { kind: "embedding", label: name, insert: PREFIX + name };
}

/** Those that begin with the query first, then those that hold it. */
function matching(names, query) {
  const low = query.toLowerCase();
  const found = names.filter((name) => name.toLowerCase().includes(low));
  return [...found.filter((name) => name.toLowerCase().startsWith(low)), ...found.filter((name) => !name.toLowerCase().startsWith(low))];
}
