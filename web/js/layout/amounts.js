/**
 * Numbers that programs write as texts: "12.5", and "10, 20, 30, 40" for a box. What is no such text stays as it came. The same as
 * instdiff_modules/importers/amounts.py.
 */
const NUMBER = /^\s{0,9}[-+]?(?:\d{1,15}(?:\.\d{0,20})?|\.\d{1,20})(?:e[-+]?\d{1,3})?\s{0,9}$/i;
const MAX_TEXT = 200;

/** @returns {*} a number that is a text as a number */
export function amount(value) {
  return typeof value === "string" && value.length < MAX_TEXT && NUMBER.test(value) ? Number(value) : value;
}

/** @returns {*} a list of numbers, some of them texts, or all in one text, as numbers */
export function amounts(value) {
  let list = value;
  if (typeof value === "string" && value.length < MAX_TEXT) {
    const parts = value.replace(/^[ [\]()]+|[ [\]()]+$/g, "").split(/[,;\s]+/);
    if (parts.every((part) => NUMBER.test(part))) list = parts;
  }
  return Array.isArray(list) ? list.map(amount) : list;
}
