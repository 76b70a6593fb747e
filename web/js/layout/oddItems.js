/**
 * One rule for odd items, in every reader: what cannot be read is left out with a note that names it, and the rest is kept. Only if things
 * were given and none of them can be read is that an error, with the first reason. The same as instdiff_modules/importers/odd_items.py.
 */
import { LayoutError } from "./error.js";
import { isObject, shorten } from "./json.js";

export const SAMPLE = 1000; // items by which a list is recognised
const MAX_SHOWN = 8; // notes of one kind

/** What no item can answer, since the data do not say it. `asks`: which of "order", "units", "canvas", "image"; `example`: of the data. */
export class Question extends LayoutError {
  constructor(message, asks, example) {
    super(message);
    this.asks = asks;
    this.example = example;
  }
}

/**
 * @param {Iterable} items @param {(item: *, position: number) => *} read position counts from 1
 * @param {string[]} notes
 * @returns {Array} what it makes of every item that it takes. LayoutError with the first reason if it takes none; a Question is for all
 */
export function keepGood(items, read, notes) {
  const good = [];
  const reasons = [];
  let position = 0;
  for (const item of items) {
    const reason = reasonAgainst(() => good.push(read(item, ++position)));
    if (reason) reasons.push(reason);
  }
  if (reasons.length && !good.length) throw new LayoutError(reasons[0]);
  leftOut(reasons, notes);
  return good;
}

/** A note for each item that was left out, up to MAX_SHOWN. */
export function leftOut(reasons, notes) {
  notes.push(...reasons.slice(0, MAX_SHOWN).map((reason) => `${sentence(reason)} It was left out.`));
  if (reasons.length > MAX_SHOWN) notes.push(`${reasons.length - MAX_SHOWN} more were left out.`);
}

/**
 * @param {Record<string, () => *>} readers of a box, a mask, ...; they may give null: nothing there
 * @param {string} nowhere the sentence if there is nothing at all
 * @returns {object} what they give; one that cannot be read is left out with a note if another can. LayoutError if none can
 */
export function goodLocations(readers, nowhere, notes) {
  const good = {};
  const reasons = [];
  for (const [name, read] of Object.entries(readers)) {
    const reason = reasonAgainst(() => {
      const value = read();
      if (value != null) good[name] = value;
    });
    if (reason) reasons.push(reason);
  }
  if (!Object.keys(good).length) throw new LayoutError(reasons[0] ?? nowhere);
  notes.push(...reasons.map((reason) => `${sentence(reason)} Its ${Object.keys(good).join(" and ")} was kept.`));
  return good;
}

/** @returns {string} the words that name an item: its position and the first name that it has */
export function named(position, names, what = "Instance") {
  const name = names.find((n) => (typeof n === "string" || Number.isInteger(n)) && String(n).trim()) ?? "";
  const words = String(name).slice(0, 400).split(/\s+/).filter(Boolean).join(" ").slice(0, 40);
  return `${what} ${position}${words ? ` (${words})` : ""}`;
}

/** @returns {string} as many of the names as fit, and how many more there are */
export function listing(names, length = 120) {
  const shown = [];
  let room = length;
  for (const name of names) {
    room -= name.length;
    if (room < 0 && shown.length) break;
    shown.push(name.slice(0, 400).split(/\s+/).filter(Boolean).join(" ").slice(0, 60));
  }
  const more = names.length - shown.length;
  return shown.join(", ") + (more ? ` and ${more} more` : "");
}

/** @returns {string | number | null} a name or number as it is; null for what is neither */
export function idOf(value) {
  return typeof value === "string" || typeof value === "number" ? value : null;
}

/** @returns {string} a name or number as text; empty for what is neither */
export function textOf(value) {
  return String(idOf(value) ?? "");
}

export function anObject(item, where) {
  if (!isObject(item)) throw new LayoutError(`${where} must be a JSON object, got ${shorten(item)}.`);
  return item;
}

function reasonAgainst(run) {
  try {
    run();
    return null;
  } catch (error) {
    if (!(error instanceof LayoutError) || error instanceof Question) throw error;
    return error.message;
  }
}

function sentence(reason) {
  return reason.endsWith(".") ? reason : `${reason}.`;
}
