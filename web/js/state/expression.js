/**
 * Arithmetic in number fields: + - * / and brackets, "512/2+10". A percentage that stands alone or is added is that share of the whole, "50%";
 * one that is multiplied or divided is a factor, "512*50%". Read by hand, since a field's text is never code.
 */

const LONGEST = 200; // characters
const DEEPEST = 50; // brackets within brackets
const NUMBER = /^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?/i;
const TIMES = "*×·";
const OVER = "/÷:⁄";
const MINUS = "-−–";

/**
 * @param {string} typed
 * @param {number} whole what 100 % is
 * @param {string} unit a sign that may stand behind a number
 * @returns {{value: number} | {why: "empty" | "text" | "comma" | "open" | "end" | "zero" | "long", at?: string}}
 *   the finite value, or why there is none and the text from there on
 */
export function evaluate(typed, whole = 1, unit = "") {
  const text = typed.normalize("NFKC").trim(); // full-width digits and signs count as the plain ones
  if (!text) return { why: "empty" };
  if (text.length > LONGEST) return { why: "long" };
  let at = 0;
  let depth = 0;

  const fail = (why) => {
    throw Object.assign(new RangeError(why), { refused: { why, at: text.slice(at) } });
  };
  const next = () => {
    while (/\s/.test(text[at] ?? "")) at++;
    return text[at] ?? "";
  };
  const take = (signs) => {
    const sign = next();
    if (!sign || !signs.includes(sign)) return "";
    at++;
    return sign;
  };

  function sum() {
    let total = product();
    for (let sign; (sign = take(`+${MINUS}`)); ) total += sign === "+" ? product() : -product();
    return total;
  }

  function product() {
    const { value: first, percent } = factor();
    let value = first;
    let alone = true;
    for (let sign; (sign = take(TIMES + OVER)); alone = false) {
      const other = factor();
      const by = other.percent ? other.value / 100 : other.value;
      if (alone && percent) value /= 100;
      if (OVER.includes(sign) && by === 0) fail("zero");
      value = TIMES.includes(sign) ? value * by : value / by;
    }
    return alone && percent ? (value * whole) / 100 : value;
  }

  function factor() {
    let turned = 1;
    for (let sign; (sign = take(`+${MINUS}`)); ) if (sign !== "+") turned = -turned;
    const value = turned * operand();
    return { value, percent: take("%") !== "" };
  }

  function operand() {
    if (take("(")) {
      if (++depth > DEEPEST) fail("long");
      const value = sum();
      if (!take(")")) fail(next() ? "text" : "open");
      depth--;
      return value;
    }
    if (!next()) fail("end");
    const [digits] = NUMBER.exec(text.slice(at)) ?? fail("text");
    at += digits.length;
    if (text[at] === ",") fail("comma");
    if (unit) take(unit);
    return Number(digits);
  }

  try {
    const value = sum();
    if (next()) fail("text");
    return Number.isFinite(value) ? { value } : { why: "zero" };
  } catch (problem) {
    if (!problem.refused) throw problem;
    return problem.refused;
  }
}

/** @returns {boolean} whether the text is a number and nothing more: what is typed of it counts at once */
export function isPlain(typed) {
  const text = typed.trim().replace(/^[+-]/, "");
  return NUMBER.exec(text)?.[0].length === text.length && text !== "";
}
