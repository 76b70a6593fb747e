/** JSON that stands as a text in a field, as programs leave it that write tables. The same as instdiff_modules/importers/json_field.py. */
import { LayoutError } from "./error.js";
import { loadJson } from "./json.js";

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
