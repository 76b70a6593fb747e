/** Every word that the editor shows, by language. */
import { en } from "./text/en.js";
import { zh } from "./text/zh.js";

const TABLES = { en, zh };

/**
 * @param {string} [language] like "en", "zh", "zh-TW"; an unknown one is English
 * @returns {typeof en} the words; what a language lacks is English
 */
export function strings(language = "en") {
  const name = String(language).toLowerCase().split(/[-_]/)[0];
  const table = TABLES[name] ?? en;
  return table === en ? en : withFallback(en, table);
}

/**
 * @param {string} template "{count} {count|box|boxes} in {name}"
 * @param {Record<string, string | number>} values
 * @returns {string} the template with its placeholders filled in
 */
export function fill(template, values) {
  return template.replace(/\{(\w+)(?:\|([^|}]*)\|([^|}]*))?\}/g, (whole, name, one, many) => {
    if (!(name in values)) return whole;
    return many === undefined ? String(values[name]) : values[name] === 1 ? one : many;
  });
}

function withFallback(base, table) {
  if (typeof base !== "object" || Array.isArray(base)) return table ?? base;
  const merged = { ...table };
  for (const key of Object.keys(base)) merged[key] = withFallback(base[key], table?.[key]);
  return merged;
}
