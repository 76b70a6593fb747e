/**
 * Names of layouts <-> names of files. Whatever a person types becomes a file that every system takes, and comes back as it was typed.
 * Escapes are =2F, not %2F: ComfyUI decodes those of a path itself.
 */
const FOLDER = "instdiff/layouts";
const SUFFIX = ".json";
const UNSAFE = /[=%/\\:*?"<>|\u0000-\u001f\u007f]|^[. ]|[. ]$/g;
const RESERVED = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(?=$|\.)/i; // of Windows, with any ending

export { FOLDER };
export const MOST_LETTERS = 60; // of a name; escaped it fits into what file systems take

/** @returns {string} the name as it is kept: no spaces at its ends, no halves of characters, not too long; may be empty */
export function tidyName(given) {
  const whole = [...given.trim().replace(/\s+/g, " ")].filter((letter) => !/^[\ud800-\udfff]$/.test(letter));
  return whole.slice(0, MOST_LETTERS).join("").trim();
}

/** @param {string} name tidy @returns {string} path in the person's data */
export function fileOf(name) {
  const safe = name.replace(UNSAFE, escaped).replace(RESERVED, (word) => escaped(word[0]) + word.slice(1));
  return `${FOLDER}/${safe}${SUFFIX}`;
}

/** @param {string} path within the folder, as the server lists it @returns {string | null} null: not a layout's file */
export function nameOf(path) {
  if (!path.toLowerCase().endsWith(SUFFIX) || path.includes("/")) return null;
  const name = path.slice(0, -SUFFIX.length).replace(/=([0-9A-F]{2})/g, (_, code) => String.fromCharCode(parseInt(code, 16)));
  return name || null;
}

function escaped(letter) {
  return `=${letter.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}
