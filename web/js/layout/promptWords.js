/**
 * The words in a prompt of prompt-control: without what loads LoRAs, breaks the text into chunks, or changes it during the sampling. An instance
 * has one prompt for all steps, so of a schedule `[before:after:0.5]` the first words stay. The same as instdiff_modules/importers/prompt_words.py.
 */
import { shorten } from "./json.js";

const LORA = /<(?:lora|lyco|loha|hypernet|cut):[^<>\n]{0,400}>/gi;
const EMBEDDING = /<emb:([^<>\n]{1,200})>/g;
const BREAK = /\bBREAK\b/g;
const CALL = /\b(?:STYLE|SDXL|TE|TE_WEIGHT|SHUFFLE|SHIFT|NOISE|AVG|NOSTRIP|DEF|CUT|ATTN|CLIP_[A-Z]{1,9})\s{0,9}\([^()]{0,2000}\)/g;
const WHEN = /^\s{0,9}(?:\d{0,6}(?:\.\d{0,9})?(?:\s{0,9},\s{0,9}\d{0,6}(?:\.\d{0,9})?)?|[A-Z_]{1,40})\s{0,9}$/;
const MAX_DEPTH = 32;

/**
 * @param {string} text @param {string} where @param {string[]} notes of what goes
 * @returns {string} the text with words, weights, AND, COUPLE and masks only. Time grows with its length and no faster
 */
export function plainPrompt(text, where, notes) {
  const taken = new Map();
  const take = (kind) => (piece) => {
    taken.set(kind, [...(taken.get(kind) ?? []).slice(0, 2), piece]);
    return " ";
  };
  let left = text.replace(LORA, take("LoRAs")).replace(EMBEDDING, "embedding:$1");
  left = withoutSchedules(left, take("schedules, but for their first words"));
  left = left.replace(CALL, take("functions")).replace(BREAK, take("BREAK"));
  for (const [kind, pieces] of taken) {
    const shown = [...new Set(pieces)].map((piece) => shorten(piece, 40).slice(1, -1)).join(", ");
    notes.push(`${where}: ${kind} (${shown}) cannot be kept and were left out.`);
  }
  return left;
}

/** Each `[a:b:0.5]`, `[a|b]`, `[SEQ:..]` or `[CUT:..]` by its first words, the inner ones first. Other brackets stay. */
function withoutSchedules(text, take) {
  const open = []; // where each opened, its fields so far, the pieces of the last one
  const out = [];
  let at = 0;
  for (const { 0: sign, index } of text.matchAll(/\\.|[[\]:|]/g)) {
    const pieces = open.at(-1)?.pieces ?? out;
    pieces.push(text.slice(at, index));
    at = index + sign.length;
    if (sign === "[" && open.length < MAX_DEPTH) {
      open.push({ start: index, fields: [], pieces: [] });
    } else if ((sign === ":" || sign === "|") && open.length) {
      const last = open.at(-1);
      last.fields.push(pieces.join("") + sign);
      last.pieces = [];
    } else if (sign === "]" && open.length) {
      const { start, fields } = open.pop();
      fields.push(pieces.join(""));
      const words = firstWords(fields);
      if (words !== null) take(text.slice(start, Math.min(at, start + 60)));
      (open.at(-1)?.pieces ?? out).push(words ?? `[${fields.join("")}]`);
    } else {
      pieces.push(sign);
    }
  }
  for (const { fields, pieces } of open) out.push("[", ...fields, ...pieces); // never closed: text as it stands
  return [...out, text.slice(at)].join("");
}

/** Of the fields of a bracket, each but the last with its sign behind it; null if it is no schedule. */
function firstWords(fields) {
  if (fields.length < 2) return null;
  const last = fields.at(-1);
  const options = fields.slice(0, -1).map((field) => field.slice(0, -1));
  const filled = (words) => words.find((option) => option.trim()) ?? "";
  if (fields.slice(0, -1).some((field) => field.endsWith("|"))) return filled([...options, last]);
  if (["SEQ", "CUT"].includes(options[0].trim())) return options[1] ?? last;
  return WHEN.test(last) ? filled(options) : null;
}
