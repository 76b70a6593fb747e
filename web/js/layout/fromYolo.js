/**
 * YOLO's label files: a line for each object, all numbers fractions of the picture.
 *
 *     class cx cy width height [confidence] [track]   a box by its centre
 *     class x1 y1 x2 y2 x3 y3 ... [confidence]        an outline, or the corners of a turned box
 */
import { numbered } from "./classNames.js";
import { LayoutError, MAX_INSTANCES, instanceOf } from "./document.js";
import { CXCYWH, FRACTIONS, boxOf, knownCanvas } from "./given.js";
import { keepGood, named } from "./oddItems.js";
import { maskOfRings } from "./segmentation.js";

const MAX_TEXT = 2 ** 22; // characters
const MAX_NUMBERS = 4000; // of a line

/** @returns {boolean} whether at least half of the lines of a text are a class and four or more numbers */
export function isYolo(text) {
  if (text.length > MAX_TEXT || !/^-?\d/.test(text.slice(0, 200).trim())) return false;
  const lines = linesOf(text);
  return lines.length > 0 && lines.filter((line) => wordsOf(line)).length * 2 >= lines.length;
}

/** @returns {object} the layout, on the person's canvas, which outlines need. Odd lines are left out */
export function fromYolo(text, given) {
  const lines = linesOf(text);
  if (lines.length > MAX_INSTANCES) throw new LayoutError(`There are ${lines.length} lines, at most ${MAX_INSTANCES} are read.`);
  given.beside = Math.max(given.beside, lines.length);
  const numbers = numbered();
  const instances = keepGood(lines, (line, position) => readLine(line, position, numbers, given), given.notes);
  numbers.note("The lines", given.notes);
  const [width, height] = given.canvas ?? [null, null];
  return { version: 1, width, height, prompt: "", instances };
}

function linesOf(text) {
  return text.split(/\r\n|\r|\n/).filter((line) => line.trim());
}

/** The words of a line; null unless they are a class and four or more numbers. */
function wordsOf(line) {
  const words = line.split(/\s+/, MAX_NUMBERS + 3).filter(Boolean);
  const [first, ...numbers] = words;
  const fits = numbers.length >= 4 && numbers.length <= MAX_NUMBERS && /^-?\d{1,6}(?:\.0*)?$/.test(first);
  return fits && numbers.every((word) => word.length <= 32 && /^-?(?:[.\d][\d.eE+-]*|nan|inf)$/i.test(word)) ? words : null;
}

function readLine(line, position, numbers, given) {
  const words = wordsOf(line);
  const shown = `the line '${line.trim().slice(0, 60)}'`;
  if (!words) throw new LayoutError(`${named(position, [])}: ${shown} is not a class and four or more numbers.`);
  const number = Math.trunc(Number(words[0]));
  if (number < 0) throw new LayoutError(`${named(position, [])}: ${shown} has the class ${number}. Classes are counted from 0.`);
  const prompt = numbers.classId(number);
  const where = named(position, [prompt, `class ${number}`]);
  const about = { id: `i${position}`, prompt, ...(prompt ? {} : { class_id: number }) };
  const values = words.slice(1).map(Number);
  if (values.some((v, i) => Number.isNaN(v) && /\d/.test(words[i + 1]))) {
    throw new LayoutError(`${where}: ${shown} holds something that is not a number.`);
  }
  const tracked = (values.length === 5 || values.length === 6) && /^\d+$/.test(words.at(-1));
  if (tracked && values.length === 6 && values[5] <= 1) {
    throw new LayoutError(`${where}: ${shown} may be a box with its track number, or an outline of three points.`);
  }
  if (tracked && values.at(-1) > 1) values.pop();
  if (!values.every((v) => v >= -0.5 && v <= 1.5)) {
    throw new LayoutError(`${where}: ${shown} does not hold fractions. YOLO's numbers are shares 0..1 of the picture.`);
  }
  if (values.length < 6) {
    const box = boxOf(values.slice(0, 4), CXCYWH, FRACTIONS, [1, 1], where, given.notes);
    return instanceOf({ ...about, box, ...(values.length === 5 ? { score: values[4] } : {}) });
  }
  // Of the other odd lengths key points could be, three numbers each behind a box.
  const scored = [3, 5].includes(values.length % 6) ? { score: values.pop() } : {};
  if (values.length % 2) throw new LayoutError(`${where}: ${shown} is neither a box of 4 numbers nor an outline of x and y in turn.`);
  const [width, height] = knownCanvas(given.canvas, "The outlines are drawn");
  const ring = values.map((v, i) => v * (i % 2 ? height : width));
  return instanceOf({ ...about, ...scored, mask: maskOfRings([ring], width, height, where, given) });
}
