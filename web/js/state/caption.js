/**
 * The prompt of the whole picture and those of its instances: which of them it lacks, and what it is when it is made of them. A document
 * whose `caption_from` is "instances" has the latter.
 */
import { plainPrompt } from "../layout/promptText.js";

export const FROM_INSTANCES = "instances";
const LITTLE = new Set("a an the and or of in on at to by for from with is are his her its their".split(" "));
const NO_SPACES = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u;
const LONGEST = 20000; // characters of a caption; in a longer one nothing is missed

/**
 * @param {object} doc a layout document
 * @returns {string[]} the prompts of visible instances that the caption lacks, from back to front; parts come with their whole. A prompt is
 *   there if the words of each of its clauses stand in one clause of the caption, in whatever order
 */
export function missingInCaption(doc) {
  if (doc.prompt.length > LONGEST) return [];
  const said = clausesOf(doc.prompt);
  return promptsOf(doc).filter((prompt) => !clausesOf(prompt).every((clause) => isIn(clause, said)));
}

/** @returns {string} the caption with these prompts at its end */
export function withPrompts(caption, prompts) {
  return [caption.trim().replace(/[,;]+$/, ""), ...prompts].filter(Boolean).join(", ");
}

/** @returns {object} the document with the caption that its instances make, if that is where it comes from; else the document itself */
export function captioned(doc) {
  if (doc.caption_from !== FROM_INSTANCES) return doc;
  const prompt = withPrompts("", promptsOf(doc));
  return prompt === doc.prompt ? doc : { ...doc, prompt };
}

function promptsOf({ instances }) {
  const there = new Set(instances.map((instance) => instance.id));
  const counted = instances.filter((instance) => instance.visible && !there.has(instance.parent));
  return [...new Set(counted.map((instance) => instance.prompt.split(/\s+/).join(" ").trim().replace(/[,.;]+$/, "")))].filter(Boolean);
}

function isIn(clause, said) {
  if (NO_SPACES.test(clause.text)) return said.some((other) => other.text.includes(clause.text));
  return said.some((other) => clause.words.every((word) => other.words.includes(word)));
}

function clausesOf(prompt) {
  const clauses = plainPrompt(prompt).toLowerCase().split(/[,.;:!?|/(){}"\n，。；、！？[\]]/);
  return clauses.map((text) => ({ text: text.trim(), words: wordsOf(text) })).filter(({ words }) => words.length);
}

/** Its words without the little ones; a plural counts as its singular. */
function wordsOf(text) {
  const words = (text.match(/[\p{L}\p{N}]+/gu) ?? []).filter((word) => !LITTLE.has(word));
  return words.map((word) => (word.length > 3 && /[^s]s$/.test(word) ? word.slice(0, -1) : word));
}
