/** JSON that stands as a text in a field, as programs leave it that write tables. The same as instdiff_modules/importers/json_field.py. */
import { LayoutError } from "./error.js";
import { loadJson } from "./json.js";

const MAX_LINES = 100000;

/** @returns {*} what a JSON text holds; of JSON Lines, an object in each, the list of them */
export function jsonOrLines(text) {
  try {
    return loadJson(text);
  } catch (error) {
    const lines = error instanceof LayoutError ? text.split(/\r\n|\r|\n/).map((line) => line.trim()).filter(Boolean) : [];
    if (lines.length < 2 || lines.length > MAX_LINES || !lines.every((line) => line.startsWith("{") && line.endsWith("}"))) throw error;
    return lines.map((line) => loadJson(line));
  }
}

/** @returns {*} what a text holds that is itself JSON; anything else as it came */
export function jsonIn(value) {
  if (typeof value !== "string" || !["{", "["].includes(value.slice(0, 200).trimStart()[0])) return value;
  try {
    return loadJson(value);
  } catch (error) {
    if (!(error instanceof LayoutError)) throw error;
    return value;
  }
}
