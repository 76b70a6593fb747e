/** JSON text <-> values: errors that say where, and Python's spacing in what is written. */
import { LayoutError } from "./error.js";
import { MAX_DEPTH, MAX_DIGITS, MAX_GROUPS, MAX_NAMES, findFault } from "./jsonWalk.js";

export const MAX_DOCUMENT_BYTES = 32 * 2 ** 20;

/** @returns {boolean} whether a value is a JSON object (neither null nor a list) */
export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @returns {string} a value as a person may read it in an error, on one line; however large it is, little of it is looked at */
export function shorten(value, length = 60) {
  const text = (typeof value === "string" ? `'${value.slice(0, 4 * length)}'` : describe(value, 4 * length)).split(/\s+/).join(" ");
  return text.length <= length ? text : `${text.slice(0, length)}...`;
}

/** @returns {boolean} whether text holds half a character, which no file could take */
export function isBroken(text) {
  return /\p{Surrogate}/u.test(text);
}

/**
 * @param {string} text
 * @returns {*} what it holds; LayoutError with one sentence for anything that is not valid JSON
 */
export function loadJson(text) {
  if (typeof text !== "string") throw new LayoutError(`The layout: its JSON must be text, got ${shorten(text)}.`);
  if (!text.trim()) throw new LayoutError("The layout: the text is empty. Expected a JSON document.");
  if (isBroken(text)) throw new LayoutError("The layout: its JSON holds a broken character. Type it again.");
  const size = text.length * 3 > MAX_DOCUMENT_BYTES ? new TextEncoder().encode(text).length : text.length;
  if (size > MAX_DOCUMENT_BYTES) {
    const limit = MAX_DOCUMENT_BYTES / 2 ** 20;
    throw new LayoutError(`The layout: the text has ${(size / 2 ** 20).toFixed(1)} MB, at most ${limit} MB are read.`);
  }
  const start = text.length - text.replace(/^[\ufeff \t\r\n]+/, "").length;
  const fault = findFault(text, start);
  if (fault) throw new LayoutError(sentenceOf(fault, text));
  return JSON.parse(text.slice(start));
}

/**
 * @param {*} value plain JSON value; fields that are undefined are left out
 * @returns {string} on one line, with a space after each comma and colon as Python's json does. LayoutError for NaN and infinity.
 */
export function dumpJson(value) {
  if (Array.isArray(value)) return `[${value.map(dumpJson).join(", ")}]`;
  if (isObject(value)) {
    const fields = Object.entries(value).filter(([, v]) => v !== undefined);
    return `{${fields.map(([k, v]) => `${JSON.stringify(k)}: ${dumpJson(v)}`).join(", ")}}`;
  }
  if (typeof value === "number" && !Number.isFinite(value)) throw new LayoutError(`A layout cannot hold the number ${value}.`);
  return JSON.stringify(value ?? null);
}

/** As dumpJson, but the beginning alone, and any number. */
function describe(value, room) {
  if (!Array.isArray(value) && !isObject(value)) {
    return typeof value === "string" ? JSON.stringify(value.slice(0, room)) : String(value);
  }
  const isList = Array.isArray(value);
  let text = "";
  const add = (name, item) => {
    text += `${text && ", "}${isList ? "" : `${describe(name, room)}: `}${describe(item, room - text.length - 1)}`;
    return text.length < room;
  };
  if (isList) value.every((item) => add("", item));
  else for (const name in value) if (!add(name, value[name])) break;
  return isList ? `[${text}]` : `{${text}}`;
}

function sentenceOf({ at, kind, found }, text) {
  const before = text.slice(0, at).split("\n");
  const place = `at line ${before.length}, column ${before.at(-1).length + 1}`;
  const SENTENCES = {
    word: `holds ${found}, which JSON has no word for. Write a number instead.`,
    large: `holds the number ${found}, which is too large. Numbers reach up to 1.8e308.`,
    digits: `holds a number of ${found} digits, at most ${MAX_DIGITS} are read.`,
    twice: `names ${JSON.stringify(found.length > 60 ? `${found.slice(0, 60)}...` : found)} twice; keep one.`,
    half: `holds a broken character ${place}. Type it again.`,
    deep: `is nested too deeply: more than ${MAX_DEPTH} levels, at most ${MAX_DEPTH} are read.`,
    names: `holds an object of more than ${MAX_NAMES.toLocaleString("en")} fields, at most so many are read.`,
    groups: `holds more than ${MAX_GROUPS.toLocaleString("en")} lists and objects, at most so many are read.`,
  };
  if (kind in SENTENCES) return `The layout ${SENTENCES[kind]}`;
  const near = shorten(text.slice(Math.max(at - 20, 0), at + 20));
  const ends = at >= text.length ? " but the text ends" : "";
  return `The layout is not valid JSON: expected ${found}${ends} ${place}, near ${near}.`;
}
