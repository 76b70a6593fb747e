/** Quiet remarks on a layout while it is drawn: what is likely to disappoint. Nothing here forbids anything. */
import { opacityOf } from "./document.js";
import { unknownWords } from "./knownWords.js";
import { missingNoun } from "./nouns.js";
import { estimateTokens } from "./promptText.js";
import { maskBounds } from "./rle.js";

export { estimateTokens };
export const SMALL_SHARE = 0.02; // of the canvas: the model hardly draws below that
export const OVERLAP_IOU = 0.8; // two boxes that share more are hard to tell apart
const MOST_NAMED = 4; // unknown words in one remark
export const MAX_TOKENS = 77; // of CLIP, start and end included; the rest of a longer prompt is not read

const MESSAGES = {
  prompt_empty: () => "The prompt is empty. Write what to draw here.",
  too_many: ({ count, limit }) => `There are ${count} visible instances, the model reads ${limit}. Hide or delete some.`,
  small_box: ({ percent }) => `This covers only ${percent} % of the picture and may not be drawn. Make it larger.`,
  overlap: ({ other }) => `This box covers almost the same region as ${other}. Move one of them.`,
  covered: ({ other }) => `All of this lies behind ${other}. Bring it forward (]), or make that one less opaque.`,
  long_prompt: ({ tokens, limit }) => `The prompt has about ${tokens} tokens, only the first ${limit} are read. Shorten it.`,
  cut_prompt: ({ tokens, limit, cut }) => `The prompt has ${tokens} tokens, only the first ${limit} are read. Cut off: "${cut}"`,
  noun_missing: ({ noun }) => `The prompt of the whole picture does not mention "${noun}". Naming it there helps.`,
  unknown_words: ({ words }) => `The demo model does not know: ${words}. Use the words that it suggests.`,
};

/**
 * @param {object} doc a layout document
 * @param {{maxInstances?: number, words?: string[], tokensOf?: (prompt: string) => {parts: number, cut: string} | null}} [options] how many
 *   instances the checkpoint reads; the words that it knows, none if it knows many; what the tokenizer said of a prompt, null as long as it
 *   said nothing
 * @returns {{id: string | null, code: string, message: string, values: object}[]} remarks on the whole (id null) first, then by instance
 *   from back to front; `values` are what the message is about, for other languages. Hidden instances get none.
 */
export function lint(doc, { maxInstances = 30, words = [], tokensOf = () => null } = {}) {
  const remarks = [];
  const remark = (id, code, values = {}) => remarks.push({ id, code, message: MESSAGES[code](values), values });
  const visible = doc.instances.filter((instance) => instance.visible !== false);
  if (visible.length > maxInstances) remark(null, "too_many", { count: visible.length, limit: maxInstances });
  const there = new Set(doc.instances.map((instance) => instance.id));
  const boxes = [];
  for (const instance of visible) {
    const { id, box, mask } = instance;
    if (!instance.prompt.trim()) remark(id, "prompt_empty");
    const place = box ?? (mask && maskBounds(mask));
    if (place && area(place) < SMALL_SHARE) remark(id, "small_box", { percent: Number((area(place) * 100).toFixed(1)) });
    const other = box && boxes.find((before) => isAlike(before.box, box));
    if (other) remark(id, "overlap", { other: nameOf(other, doc), id: other.id });
    if (box) boxes.push(instance);
    const cover = coverOf(instance, visible);
    if (cover) remark(id, "covered", { other: nameOf(cover, doc), id: cover.id });
    const counted = tokensOf(instance.prompt);
    const tokens = counted?.tokens ?? estimateTokens(instance.prompt);
    if (counted?.parts > 1) remark(id, "cut_prompt", { tokens, limit: MAX_TOKENS, cut: brief(counted.cut) });
    else if (!counted && tokens > MAX_TOKENS) remark(id, "long_prompt", { tokens, limit: MAX_TOKENS });
    const noun = doc.prompt.trim() && !there.has(instance.parent) ? missingNoun(doc.prompt, instance.prompt) : null; // parts come with their whole
    if (noun) remark(id, "noun_missing", { noun: brief(noun) });
    const unknown = unknownWords(instance.prompt, words);
    if (unknown.length) remark(id, "unknown_words", { words: listed(unknown) });
  }
  return remarks;
}

function area([x0, y0, x1, y1]) {
  return (x1 - x0) * (y1 - y0);
}

function isAlike(a, b) {
  const [width, height] = [0, 1].map((i) => Math.max(0, Math.min(a[i + 2], b[i + 2]) - Math.max(a[i], b[i])));
  const shared = width * height;
  return shared > OVERLAP_IOU * (area(a) + area(b) - shared);
}

/** The opaque box in front that holds all of an instance; two alike are told of as such. */
function coverOf(instance, visible) {
  const points = [...(instance.scribble ?? []), ...(instance.point ? [instance.point] : [])];
  const places = [instance.box, instance.mask && maskBounds(instance.mask), ...points.map(([x, y]) => [x, y, x, y])].filter(Boolean);
  const holds = ({ box }) => places.every(([x0, y0, x1, y1]) => box[0] <= x0 && box[1] <= y0 && x1 <= box[2] && y1 <= box[3]);
  const isCover = (one) => one.box && !one.mask && opacityOf(one) === 1 && one.strength > 0 && holds(one) && !(instance.box && isAlike(instance.box, one.box));
  return visible.slice(visible.indexOf(instance) + 1).find(isCover);
}

function nameOf(instance, doc) {
  const text = instance.prompt.trim().split(/\s+/).join(" ");
  return text ? `"${brief(text)}"` : `instance ${doc.instances.indexOf(instance) + 1}`;
}

function listed(words) {
  const named = words.slice(0, MOST_NAMED).map(brief).join(", ");
  return words.length > MOST_NAMED ? `${named}, ...` : named;
}

function brief(text) {
  return text.length > 30 ? `${text.slice(0, 30)}...` : text;
}
