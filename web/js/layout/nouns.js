/**
 * What an English phrase is about: "a brown dog standing on the rock" -> "dog". A few rules and short lists, no dictionary; they stay
 * silent when in doubt, because a false alarm costs more than a missed one.
 */
import { plainPrompt } from "./promptText.js";

const words = (text) => new Set(text.split(" "));

// What may follow a noun and says more about it: the phrase's noun stands before the first of these.
const ENDS = words(
  "with without in on at by of for from to into onto over under above below behind beside besides between near against along across " +
    "around through inside outside within upon atop beneath among amid amidst toward towards off up down during before after while as " +
    "like that which who whose whom where when is are was were be being has have having wearing holding carrying riding eating drinking " +
    "reading playing wielding featuring showing containing covering facing looking sitting standing lying walking running next",
);
// Words that are not nouns by themselves; "orange" and "gold" may be.
const NEVER_NOUNS = words(
  "a an the this that these those some any one two three four five six seven eight nine ten several many few his her its their my your " +
    "our black white red green blue yellow brown gray grey golden pink purple small big large tiny huge little tall old young new cute",
);
const PARTICIPLES = words("cut made built seen shown taken drawn worn left lit broken written hidden grown thrown");
// "a photo of a cat" is about the cat.
const CONTAINERS = words(
  "photo photograph picture image painting drawing sketch portrait illustration render rendering view shot closeup close up detail " +
    "pair group bunch couple pile stack row set lot kind type sort piece slice part depiction scene",
);
const NOUNS_IN_ING = words(
    "dressing topping icing frosting duckling swing sling sibling dumpling seedling sapling darling starling viking drawing being " +
    "bling lodging crossing landing parking stocking herring offspring something anything everything nothing gosling fledgling",
);
const NOUNS_IN_ED = words("bed seed weed shed sled steed reed feed breed moped biped quadruped hundred");
const OTHER_PLURALS = new Map(
  "men man women woman children child people person mice mouse geese goose feet foot teeth tooth oxen ox cacti cactus fungi fungus"
    .match(/\w+ \w+/g)
    .map((pair) => pair.split(" ")),
);
// What one thing is not at once: its textures, its colours.
const LOOKS = [words("striped dotted checkered"), words("black white red green blue yellow brown gray golden orange pink purple silver")];
const JOINS = words("and or &");
// In "a white-haired woman" the colour is not the woman's.
const COLOUR_OF_A_PART = new RegExp(`(?<![\\p{L}\\p{M}\\p{N}'’])(?:grey|${[...LOOKS[1]].join("|")})-(?=\\p{L}+ed(?!\\p{L}))`, "gu");
const MAX_LOOKS = 6; // words before a noun: "a black, white and very old brown dog"
const MAX_PHRASE = 2000; // characters: what a phrase is about stands near its beginning
const MAX_CAPTION = 20000; // characters: beyond that nothing is said to be missing
const MAX_NOUNS = 8; // "a cat, a dog and a bird" names a few
const CLAUSE_ENDS = /[,.;:!?|/()[\]{}"\n，。；、！？]/;
const NO_SPACES = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u;

/**
 * @param {string} prompt an instance's prompt
 * @returns {string[]} lower case; the main noun first, then others that do as well ("a cup of tea": cup, tea). Empty if there is none
 */
export function mainNouns(prompt, depth = 0) {
  const text = plainPrompt(prompt.slice(0, MAX_PHRASE)).toLowerCase();
  if (NO_SPACES.test(text)) return []; // no words to be told apart
  const clause = text.split(CLAUSE_ENDS).find((part) => /\p{L}/u.test(part)) ?? "";
  const given = wordsOf(clause.replace(COLOUR_OF_A_PART, ""));
  const first = given.findIndex((word) => !NEVER_NOUNS.has(word));
  const all = first < 0 ? [] : given.slice(first);
  const end = all.findIndex((word, i) => i > 0 && ENDS.has(word) && !(word === "up" && all[i - 1] === "close"));
  const phrase = end < 0 ? all : all.slice(0, end);
  const found = headsOf(phrase);
  if (all[end] !== "of" || depth > 2) return found;
  const inside = mainNouns(all.slice(end + 1).join(" "), depth + 1);
  return CONTAINERS.has(singular(found[0])) && inside.length ? inside : [...found, ...inside];
}

/**
 * @param {string} noun lower case
 * @param {string} prompt
 * @returns {boolean} whether the prompt speaks of it, in singular or plural, alone or as the end of a longer word; of one too long to be
 *   looked through, true
 */
export function mentions(prompt, noun) {
  if (prompt.length > MAX_CAPTION) return true;
  const said = formsOf(prompt).places;
  const end = singular(noun);
  return [...forms(noun)].some((form) => said.has(form)) || (noun.length > 3 && [...said.keys()].some((form) => form.endsWith(end)));
}

/**
 * The one rule for the hint at an instance and for what is added to the caption.
 * @param {string} caption the prompt of the whole picture
 * @param {string} prompt an instance's
 * @returns {string | null} what the prompt is about, if the caption does not mention it, or only in another colour or texture ("pink star"
 *   beside "a red star"); where words are not parted by spaces, the first clause that the caption does not hold
 */
export function missingNoun(caption, prompt) {
  if (caption.length > MAX_CAPTION) return null;
  const text = plainPrompt(prompt.slice(0, MAX_PHRASE)).toLowerCase();
  if (NO_SPACES.test(text)) {
    const said = plainPrompt(caption).toLowerCase();
    const clauses = text.split(CLAUSE_ENDS).map((part) => part.trim());
    return clauses.find((part) => /\p{L}/u.test(part) && !said.includes(part)) ?? null;
  }
  const nouns = mainNouns(prompt);
  if (!nouns.length) return null;
  return nouns.some((noun) => mentions(caption, noun)) ? unlike(caption, text, nouns[0]) : nouns[0];
}

/** The noun with its looks in the prompt, if the caption gives all things of that name other ones. */
function unlike(caption, prompt, noun) {
  const own = placesIn(prompt);
  const at = own.places.get(noun)?.[0];
  const said = formsOf(caption);
  const wanted = at === undefined ? [] : looksBefore(own.words, at);
  const others = [...forms(noun)].flatMap((form) => said.places.get(form) ?? []).map((place) => looksBefore(said.words, place));
  const differs = (looks) => wanted.some((mine, kind) => mine.size && looks[kind].size && [...mine].every((word) => !looks[kind].has(word)));
  if (!others.length || !others.every(differs)) return null;
  const before = new Set(own.words.slice(Math.max(0, at - MAX_LOOKS), at)); // in their order
  return [...[...before].filter((word) => wanted.some((mine) => mine.has(spelt(word)))), noun].join(" ");
}

/** Of each kind of LOOKS the words that stand before the word at a place, as far as its phrase reaches. */
function looksBefore(words, at) {
  const found = LOOKS.map(() => new Set());
  for (let i = at - 1; i >= Math.max(0, at - MAX_LOOKS); i--) {
    const word = spelt(words[i]);
    const kind = LOOKS.findIndex((looks) => looks.has(word));
    if (kind >= 0) found[kind].add(word);
    else if (!word || ENDS.has(word) || ["a", "an", "the"].includes(word) || (JOINS.has(word) && !isLook(words[i - 1]))) break;
  }
  return found;
}

const spelt = (word) => (word === "grey" ? "gray" : word);
const isLook = (word) => LOOKS.some((looks) => looks.has(spelt(word)));

let last = { prompt: "", said: placesIn("") }; // a thousand instances ask about the same caption

function formsOf(prompt) {
  if (last.prompt !== prompt) last = { prompt, said: placesIn(plainPrompt(prompt).toLowerCase()) };
  return last.said;
}

/** The words of a text in order, clauses parted by "", and where each form stands. */
function placesIn(text) {
  const words = text.replace(COLOUR_OF_A_PART, "").split(CLAUSE_ENDS).flatMap((clause) => [...wordsOf(clause), ""]);
  const places = new Map();
  for (const [i, word] of words.entries()) {
    for (const form of word ? forms(word) : []) {
      if (!places.has(form)) places.set(form, []);
      places.get(form).push(i);
    }
  }
  return { words, places };
}

/** The last word of the phrase, and of what stands before an "and" or "or": "a cat and a dog", "a black and white cat". */
function headsOf(phrase) {
  const parts = [[]];
  for (const word of phrase) {
    if (word === "and" || word === "or" || word === "&") parts.push([]);
    else parts.at(-1).push(word);
  }
  return [...new Set(parts.map(headOf).reverse().filter(Boolean))].slice(0, MAX_NOUNS);
}

function headOf(phrase) {
  const left = phrase.filter((word) => !NEVER_NOUNS.has(word) && !ENDS.has(word) && /\p{L}{2}/u.test(word));
  while (left.length > 1 && isParticiple(left.at(-1))) left.pop(); // "a dog dressed in", "a woman smiling"
  return left.at(-1);
}

function isParticiple(word) {
  if (PARTICIPLES.has(word)) return true;
  if (word.endsWith("ing")) return word.length > 4 && !NOUNS_IN_ING.has(word);
  return word.endsWith("ed") && word.length > 4 && !NOUNS_IN_ED.has(word);
}

/** Letters and digits; hyphens part words, an owner's 's falls off. */
function wordsOf(text) {
  return (text.match(/[\p{L}\p{N}][\p{L}\p{M}\p{N}'’]*|&/gu) ?? []).map((word) => word.replace(/['’]s?$/, ""));
}

function singular(word = "") {
  return OTHER_PLURALS.get(word) ?? (/[^s]s$/.test(word) && word.length > 3 ? word.slice(0, -1) : word);
}

/** Every singular that a word may be the plural of, and itself. */
function forms(word) {
  const found = new Set([word, singular(word)]);
  if (word.length < 4) return found;
  if (word.endsWith("es")) found.add(word.slice(0, -2));
  if (word.endsWith("ies")) found.add(`${word.slice(0, -3)}y`);
  if (word.endsWith("ves")) found.add(`${word.slice(0, -3)}f`).add(`${word.slice(0, -3)}fe`);
  return found;
}
