/**
 * One walk along JSON text, for what the engine's own reader does not say: where a text breaks off, in the same words in every browser, and
 * what it would take without a word. Every character is looked at once.
 */
export const MAX_DEPTH = 200; // lists and objects inside each other; a layout needs six
export const MAX_DIGITS = 400; // of a whole number: no number that a program can calculate with has more
export const MAX_NAMES = 200000; // fields of one object
export const MAX_GROUPS = 2 ** 21; // lists and objects: more than 32 MB of points are; the engine needs seconds for more

const EXPECTED = {
  value: "a value",
  key: "a field's name in quotes",
  colon: "':'",
  more: "',' or the end of the list or object",
  end: "nothing more",
};
const [QUOTE, BACKSLASH, MINUS, DOT, ZERO, NINE] = [..."\"\\-.09"].map((c) => c.charCodeAt(0));
const WORDS = ["true", "false", "null"];
const NO_NUMBERS = ["NaN", "Infinity", "-Infinity"]; // as some programs write them

/**
 * @param {string} text
 * @param {number} start where to begin, past a byte order mark
 * @returns {{at: number, kind: string, found: string} | null} the first thing that is wrong. kind: one of "syntax" (found: what was
 *   expected), "word" (NaN and its like), "large" (a number beyond all others), "digits" (how many), "twice" (a field's name), "half" (of
 *   a character), "deep", "names", "groups"
 */
export function findFault(text, start = 0) {
  const open = []; // of an object the names so far, of a list null
  let [state, at, first, groups] = ["value", start, false, 0];
  const wrong = (kind, found) => ({ at, kind, found });
  for (;;) {
    at = skipSpace(text, at);
    const c = text[at];
    if ((c === "}" || c === "]") && open.length && (c === "}") === (open.at(-1) !== null) && (state === "more" || first)) {
      open.pop();
      at++;
      state = open.length ? "more" : "end";
    } else if (state === "value" && (c === "{" || c === "[")) {
      if (open.length === MAX_DEPTH) return wrong("deep", "");
      if (++groups > MAX_GROUPS) return wrong("groups", "");
      open.push(c === "{" ? new Set() : null);
      at++;
      state = c === "{" ? "key" : "value";
      first = true;
      continue;
    } else if (state === "value") {
      const word = "NI-".includes(c) && NO_NUMBERS.find((name) => text.startsWith(name, at));
      if (word) return wrong("word", word);
      const end = c === '"' ? endOfString(text, at) : endOfWord(text, at);
      if (end < 0) return wrong("syntax", EXPECTED.value);
      if (c === '"' && isHalf(text, at, end)) return wrong("half", "");
      const digits = c === '"' ? 0 : wholeDigits(text, at, end);
      if (digits > MAX_DIGITS) return wrong("digits", String(digits));
      if (c !== '"' && end - at > 4 && isLarge(text, at, end)) return wrong("large", text.slice(at, Math.min(end, at + 20)));
      at = end;
      state = open.length ? "more" : "end";
    } else if (state === "key") {
      const end = c === '"' ? endOfString(text, at) : -1;
      if (end < 0) return wrong("syntax", EXPECTED.key);
      if (isHalf(text, at, end)) return wrong("half", "");
      const name = nameOf(text, at, end);
      if (open.at(-1).has(name)) return wrong("twice", name);
      if (open.at(-1).add(name).size > MAX_NAMES) return wrong("names", "");
      at = end;
      state = "colon";
    } else if (state === "colon" && c === ":") {
      at++;
      state = "value";
    } else if (state === "more" && c === ",") {
      at++;
      state = open.at(-1) ? "key" : "value";
    } else if (state === "end" && c === undefined) {
      return null;
    } else {
      return wrong("syntax", EXPECTED[state]);
    }
    first = false;
  }
}

function skipSpace(text, at) {
  for (;;) {
    const c = text.charCodeAt(at);
    if (c !== 32 && c !== 10 && c !== 13 && c !== 9) return at;
    at++;
  }
}

/** @returns {number} the place after the closing quote; -1 if there is none, or the text breaks JSON's rules */
function endOfString(text, at) {
  for (let i = at + 1; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) return i + 1;
    if (c < 32) return -1;
    if (c !== BACKSLASH) continue;
    i++;
    if (text[i] === "u" && /^[0-9a-fA-F]{4}$/.test(text.slice(i + 1, i + 5))) i += 4;
    else if (i >= text.length || !'"\\/bfnrt'.includes(text[i])) return -1;
  }
  return -1;
}

function endOfWord(text, at) {
  const word = "tfn".includes(text[at]) && WORDS.find((one) => text.startsWith(one, at));
  return word ? at + word.length : endOfNumber(text, at);
}

function endOfNumber(text, at) {
  const whole = text.charCodeAt(at) === MINUS ? at + 1 : at;
  let end = text.charCodeAt(whole) === ZERO ? whole + 1 : endOfDigits(text, whole);
  if (end === whole) return -1;
  if (text.charCodeAt(end) === DOT) {
    const fraction = end + 1;
    end = endOfDigits(text, fraction);
    if (end === fraction) return fraction - 1; // the dot is left over, and found there
  }
  if (text[end] !== "e" && text[end] !== "E") return end;
  const power = text[end + 1] === "+" || text[end + 1] === "-" ? end + 2 : end + 1;
  const after = endOfDigits(text, power);
  return after === power ? end : after;
}

function endOfDigits(text, at) {
  for (;;) {
    const c = text.charCodeAt(at);
    if (!(c >= ZERO && c <= NINE)) return at;
    at++;
  }
}

function wholeDigits(text, at, end) {
  const from = text.charCodeAt(at) === MINUS ? at + 1 : at;
  return endOfDigits(text, from) === end ? end - from : 0;
}

/** A number beyond the largest needs a power of ten or hundreds of digits. */
function isLarge(text, at, end) {
  const number = text.slice(at, end);
  return (number.length > 308 || /e/i.test(number)) && Math.abs(Number(number)) === Infinity;
}

/** Whether a string's escapes make half a character. */
function isHalf(text, at, end) {
  const raw = text.slice(at, end);
  return /\\u[dD]/.test(raw) && /\p{Surrogate}/u.test(JSON.parse(raw));
}

function nameOf(text, at, end) {
  const raw = text.slice(at, end);
  return raw.includes("\\") ? JSON.parse(raw) : raw.slice(1, -1);
}
