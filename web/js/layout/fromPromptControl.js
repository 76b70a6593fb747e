/**
 * Regions in the syntax of prompt-control: `a meadow COUPLE MASK(0.1 0.5, 0.2 0.9) a red fox`. Parts stand between AND or COUPLE. A part with
 * MASK or AREA (x0 x1, y0 y1, weight) is an instance, the others are the caption. Numbers up to 1 are fractions, larger ones pixels of
 * MASK_SIZE (512x512 if it is not given), as there. The same as instdiff_modules/importers/prompt_control.py.
 */
import { LayoutError, MAX_INSTANCES, instanceOf } from "./document.js";
import * as fields from "./fields.js";
import { shorten } from "./json.js";
import { keepGood } from "./oddItems.js";
import { plainPrompt } from "./promptWords.js";

const SIDE = 512; // pixels, prompt-control's own default
const WHERE = "The prompt-control text";
const MAX_TEXT = 2 ** 20; // characters
const LOCATIONS = ["MASK", "AREA", "IMASK"];
const CALLS = /\b(MASK_SIZE|MASKW|IMASK|MASK|AREA|FEATHER|FILL)\s{0,20}\(([^()]{0,200})\)/g;

/** @returns {boolean} whether a text that is no JSON calls a region */
export function isPromptControl(text) {
  const first = text.slice(0, 1000).trimStart()[0];
  return first !== "{" && first !== "[" && first !== "<" && /\b(?:MASK|AREA|IMASK|COUPLE)\s{0,20}\(/.test(text.slice(0, MAX_TEXT));
}

/** @returns {object} a layout without canvas, or that of MASK_SIZE. The weight of a region is the instance's strength */
export function fromPromptControl(given, { notes }) {
  if (given.length > MAX_TEXT) throw new LayoutError(`${WHERE} has ${given.length} characters, at most ${MAX_TEXT} are read.`);
  const text = plainPrompt(given, WHERE, notes);
  const size = maskSize(text);
  const [caption, parts] = [[], []];
  for (const piece of text.replace(/\bCOUPLE\s{0,20}\(/g, "COUPLE MASK(").split(/\b(?:AND|COUPLE)\b/)) {
    const calls = [...piece.matchAll(CALLS)].map(([, name, argument]) => ({ name, argument })).filter(({ name }) => LOCATIONS.includes(name));
    const part = { calls, ...wordsOf(piece) };
    if (calls.length) parts.push(part);
    else if (part.words) caption.push(part.words);
  }
  if (parts.length > MAX_INSTANCES) throw new LayoutError(`${WHERE} has ${parts.length} regions, at most ${MAX_INSTANCES} are read.`);
  const instances = keepGood(parts, (part, position) => readPart(part, position, size, notes), notes);
  const [width, height] = size ?? [null, null];
  return { version: 1, width, height, prompt: caption.join(" "), instances };
}

function readPart({ calls, words, weight }, position, size, notes) {
  const where = `${WHERE}'s region ${position}`;
  if (calls.some(({ name }) => name === "IMASK")) {
    throw new LayoutError(`${where} uses IMASK, a mask that is not in the text. Connect that mask to Instances from Masks.`);
  }
  if (calls.length > 1) {
    throw new LayoutError(`${where} puts ${calls.length} masks together. Only one MASK or AREA for each part is read.`);
  }
  const kept = weight === null ? {} : { prompt_control: { weight } };
  return instanceOf({ id: `i${position}`, prompt: words, ...regionOf(calls[0].argument, size, where, notes), ...kept });
}

/** What a part says beside its calls, and the weight at its end (`:1.2`), if there is one. */
function wordsOf(piece) {
  const words = piece.replace(CALLS, " ").split(/\s+/).filter(Boolean).join(" ");
  const colon = words.lastIndexOf(":");
  const end = colon < 0 ? "" : words.slice(colon + 1);
  if (!/^-?(?:\d{1,30}(?:\.\d{1,30})?|\.\d{1,30})$/.test(end)) return { words, weight: null };
  return { words: words.slice(0, colon).trim(), weight: Number(end) };
}

function maskSize(text) {
  const found = /\bMASK_SIZE\s{0,20}\(([^()]{0,200})\)/.exec(text);
  return found && numbersOf(found[1].replaceAll(",", " "), 2, "MASK_SIZE").map((v) => fields.whole(v, WHERE, "MASK_SIZE"));
}

/** `x0 x1, y0 y1, weight, operation`, each of which may be left out -> box and strength. */
function regionOf(argument, size, where, notes) {
  const given = argument.split(",").map((part) => part.trim());
  const spans = [0, 1].map((axis) => {
    const part = given[axis] ?? "";
    const numbers = part ? numbersOf(part, 2, where) : [];
    const [low, high] = [numbers[0] ?? 0, numbers[1] ?? 1];
    const pixels = Math.max(low, high) > 1;
    if (pixels && low > 0 && low < 1) {
      throw new LayoutError(`${where} mixes fractions and pixels in '${part}'. Write all of them as one or the other.`);
    }
    if (pixels && numbers.length === 1) {
      throw new LayoutError(`${where} gives one end of '${part}' in pixels and leaves the other, a fraction. Write both.`);
    }
    const side = (size ?? [SIDE, SIDE])[axis];
    return pixels ? [low / side, high / side] : [low, high];
  });
  const [[x0, x1], [y0, y1]] = spans;
  const weight = given[2] ? numbersOf(given[2], 1, where)[0] : 1;
  return { box: fields.box([x0, y0, x1, y1], where, notes), strength: fields.numberIn(weight, 0, 2, where, "weight") };
}

function numbersOf(text, count, where) {
  const numbers = text.split(/\s+/).filter(Boolean).map(Number);
  if (!numbers.every(Number.isFinite)) {
    throw new LayoutError(`${where}: ${shorten(text)} are not numbers. Expected for example MASK(0 0.5, 0.2 0.9, 1).`);
  }
  if (!numbers.length || numbers.length > count) throw new LayoutError(`${where}: expected ${count} numbers, got ${shorten(text)}.`);
  return numbers;
}
