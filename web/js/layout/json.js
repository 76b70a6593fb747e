/** JSON text <-> values: errors that say where, and Python's spacing in what is written. */
import { LayoutError } from "./error.js";

export const MAX_DOCUMENT_BYTES = 32 * 2 ** 20;

/** @returns {boolean} whether a value is a JSON object (neither null nor a list) */
export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @returns {string} a value as a person may read it in an error */
export function shorten(value, length = 60) {
  const text = (typeof value === "string" ? `'${value}'` : describe(value)).split(/\s+/).join(" ");
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
  if (!text.trim()) throw new LayoutError('The layout text is empty. Expected a JSON object like {"version": 1, "instances": [...]}.');
  if (isBroken(text)) throw new LayoutError("The layout: its JSON holds a broken character. Type it again.");
  const size = text.length * 3 > MAX_DOCUMENT_BYTES ? new TextEncoder().encode(text).length : text.length;
  if (size > MAX_DOCUMENT_BYTES) {
    const limit = MAX_DOCUMENT_BYTES / 2 ** 20;
    throw new LayoutError(`The layout text has ${(size / 2 ** 20).toFixed(1)} MB, at most ${limit} MB are read.`);
  }
  const start = text.length - text.replace(/^[\ufeff \t\r\n]+/, "").length;
  try {
    return JSON.parse(text.slice(start));
  } catch (error) {
    if (error instanceof RangeError) throw new LayoutError("The layout is nested too deeply to be a layout.");
    throw new LayoutError(`The layout is not valid JSON: ${whereItFails(text, start)}.`);
  }
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

function describe(value) {
  try {
    return typeof value === "number" || value === undefined ? String(value) : dumpJson(value) ?? String(value);
  } catch {
    return Array.isArray(value) ? "[...]" : "{...}"; // nested too deeply, or holds NaN
  }
}

const SPACE = /[ \t\r\n]*/y;
const STRING = /"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"/;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/;
const TOKEN = new RegExp(`[{}[\\],:]|${STRING.source}|${NUMBER.source}|true|false|null`, "y");
const EXPECTED = {
  value: "a value",
  key: "a field's name in quotes",
  colon: "':'",
  more: "',' or the end of the list or object",
  end: "nothing more",
};

/** Engines tell of the place in words of their own, or not at all: walk the tokens up to the first that does not fit. */
function whereItFails(text, start) {
  const open = [];
  let [state, at, first] = ["value", start, false];
  for (;;) {
    SPACE.lastIndex = at;
    SPACE.exec(text);
    at = SPACE.lastIndex || at;
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text)?.[0];
    const closes = token !== undefined && token === open.at(-1) && (state === "more" || first);
    first = false;
    if (closes) {
      open.pop();
      state = open.length ? "more" : "end";
    } else if (state === "value" && (token === "{" || token === "[")) {
      open.push(token === "{" ? "}" : "]");
      state = token === "{" ? "key" : "value";
      first = true;
    } else if (state === "value" && token && !"}],:".includes(token)) {
      state = open.length ? "more" : "end";
    } else if (state === "key" && token?.[0] === '"') {
      state = "colon";
    } else if (state === "colon" && token === ":") {
      state = "value";
    } else if (state === "more" && token === ",") {
      state = open.at(-1) === "}" ? "key" : "value";
    } else {
      break;
    }
    at = TOKEN.lastIndex;
  }
  const before = text.slice(0, at).split("\n");
  const near = shorten(text.slice(Math.max(at - 20, 0), at + 20));
  const found = at >= text.length ? " but the text ends" : "";
  return `expected ${EXPECTED[state]}${found} at line ${before.length}, column ${before.at(-1).length + 1}, near ${near}`;
}
