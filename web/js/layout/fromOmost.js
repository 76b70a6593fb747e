/** Omost's canvas: a list of conditions, the first one of the whole picture, places on a grid of 90 x 90. */
import { LayoutError, MAX_INSTANCES, instanceOf } from "./document.js";
import * as fields from "./fields.js";
import { isGiven } from "./fromAuthors.js";
import { isObject, shorten } from "./json.js";
import { anObject, keepGood } from "./oddItems.js";
import { GRID, joined } from "./toOmost.js";

const WHERE = "The Omost canvas";

/** The list of conditions, also where Omost's output holds it as `bag_of_conditions`. */
function conditionsOf(value) {
  return isObject(value) && "bag_of_conditions" in value ? value.bag_of_conditions : value;
}

export function isOmost(given) {
  const value = conditionsOf(given);
  return Array.isArray(value) && isObject(value[0]) && "rect" in value[0] && ("prefixes" in value[0] || "suffixes" in value[0]);
}

/**
 * @param {object[] | object} given [{rect: [top, bottom, left, right] of 90, prefixes, suffixes, color: [r, g, b]}], back to front
 * @returns {object} the layout. The prompt of an instance is what its prefixes add to those of the whole picture; the suffixes, details of
 *   many words, are kept in the field "omost"
 */
export function fromOmost(given, { notes }) {
  const value = conditionsOf(given);
  if (value.length > MAX_INSTANCES) throw new LayoutError(`${WHERE} has ${value.length} conditions, at most ${MAX_INSTANCES} are read.`);
  const [first, ...regions] = value;
  const whole = textsOf(first, "prefixes", `${WHERE}'s first condition`);
  const instances = keepGood(regions, (item, position) => readRegion(item, position, whole, notes), notes);
  const suffixes = textsOf(first, "suffixes", `${WHERE}'s first condition`);
  const kept = { prefixes: whole, suffixes, color: Array.isArray(first.color) ? fields.plain(first.color, WHERE) : [] };
  return { version: 1, width: null, height: null, prompt: joined([...whole, ...suffixes]), instances, omost: kept };
}

function readRegion(item, position, whole, notes) {
  const where = `${WHERE}'s region ${position}`;
  const rect = fields.numbers(anObject(item, where).rect, 4, where, "rect", "[top, bottom, left, right] in 0..90");
  const [top, bottom, left, right] = rect.map((v) => v / GRID);
  const [prefixes, suffixes] = ["prefixes", "suffixes"].map((name) => textsOf(item, name, where));
  const own = whole.every((text, i) => prefixes[i] === text) ? prefixes.slice(whole.length) : prefixes;
  return instanceOf({
    id: `i${position}`,
    prompt: joined(own.length ? own : prefixes),
    box: fields.box([left, top, right, bottom], where, notes),
    color: colorOf(item.color),
    omost: { suffixes },
  });
}

function textsOf(item, name, where) {
  const given = isGiven(item[name]) ? item[name] : [];
  if (!Array.isArray(given)) throw new LayoutError(`${where}: ${name} must be a list of texts, got ${shorten(given)}.`);
  return given.map((text) => fields.text(text, where, name));
}

/** Empty for what is no colour: it costs the region nothing. */
function colorOf(value) {
  const rgb = Array.isArray(value) ? value.filter((v) => v >= 0 && v <= 255 && typeof v === "number") : [];
  return rgb.length === 3 ? `#${rgb.map((v) => Math.trunc(v).toString(16).padStart(2, "0")).join("")}` : "";
}
