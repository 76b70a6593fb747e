/**
 * The prompt of the whole picture and those of its instances: which of them it lacks, and what it is when it is made of them. A document
 * whose `caption_from` is "instances" has the latter.
 */
import { missingNoun } from "../layout/nouns.js";

export const FROM_INSTANCES = "instances";

/**
 * @param {object} doc a layout document
 * @returns {string[]} the prompts of visible instances that the caption lacks, from back to front; parts come with their whole. These are
 *   the ones that have a hint; of an empty caption, which has no hints, all
 */
export function missingInCaption(doc) {
  return promptsOf(doc).filter((prompt) => missingNoun(doc.prompt, prompt) !== null);
}

/** @returns {string} the caption with these prompts at its end, but before the background that it ends with ("... on a green background") */
export function withPrompts(caption, prompts) {
  const text = caption.trim().replace(/[,;\s]+$/, "");
  const at = prompts.length ? backgroundAt(text) : text.length;
  const head = text.slice(0, at).trimEnd();
  const said = [head.replace(/[,;\s]+$/, ""), ...prompts].filter(Boolean).join(", ");
  const comma = /[,;]$/.test(head) ? "," : "";
  return at < text.length ? `${said}${comma} ${text.slice(at)}` : said;
}

/** Where "on a green background" begins, if the last phrase ends so; else where the text ends. */
function backgroundAt(text) {
  const body = text.replace(/[.!\s]+$/, "");
  const from = Math.max(...[...",;.!?\n"].map((end) => body.lastIndexOf(end))) + 1;
  const phrase = body.slice(from);
  if (!/\bbackground$/i.test(phrase)) return text.length;
  const found = [...phrase.matchAll(/(?<!\S)(?:on|in|against)(?=\s)/gi)].at(-1);
  return found ? from + found.index : text.length;
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
