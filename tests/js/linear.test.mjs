/**
 * What reads foreign text needs time that grows with its length and no faster. Each text is read at a length and at four times that length: an
 * expression that goes back over what it has read needs sixteen times as long.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LayoutError } from "../../web/js/layout/document.js";
import { readForeign, readText } from "../../web/js/layout/importers.js";
import { loadJson, shorten } from "../../web/js/layout/json.js";
import { lint } from "../../web/js/layout/lint.js";
import { leastWork } from "./support/layouts.mjs";

const CHOSEN = { width: 512, height: 512, units: "pixels", order: "left, top, right, bottom" };
const attempt = (run) => {
  try {
    run();
  } catch (error) {
    if (!(error instanceof LayoutError)) throw error;
    assert.ok(error.message.length < 300 && !error.message.includes("\n"), error.message.slice(0, 400));
  }
};
const prompted = (prompt) => ({ version: 1, width: 512, height: 512, prompt, instances: [{ id: "a", prompt, box: [0, 0, 1, 1] }] });
const READERS = {
  "the notes on a prompt": (text) => lint(prompted(text)),
  "JSON": (text) => loadJson(text),
  "foreign text": (text) => readForeign(readText(text), CHOSEN),
  "a sentence": (text) => shorten(text),
};
const WORDS = [
  "1", " ", "\n", "-", ":", "(", ")", ": 1", ":1.", ":1)", "((", "\\(", "'", "'s ", "a", "a ", "and a ", "a,", "1 0.5 0.5 0.1 0.1\n", "1 0 ", "0.", "<", "< ",
  "<?xml ", "<lora:", "AND ", "MASK(", "MASK (0 1) ", "COUPLE(", "MASK\t", "COUPLE MASK(0 1) a:", "[", "{", "[]", '"', '"\\', "[1,", '{"a":', "\\u", "\ud83d\udc1e", "一", "embedding:", "é",
];

const BEGINNINGS = ["", "(fox:", "MASK(0 1) a:", "MASK(", "[", '{"a": "', "0 0.5 0.5 0.1 0.1\n"];

for (const [name, read] of Object.entries(READERS)) {
  test(`${name}: four times the text takes no more than about four times as long`, () => {
    const slow = BEGINNINGS.flatMap((beginning) => WORDS.map((word) => ({ beginning, word }))).filter(({ beginning, word }) => {
      const time = (length) => leastWork(() => attempt(() => read(beginning + word.repeat(Math.ceil(length / word.length)))), 2);
      return time(60_000) > 8 * time(15_000) + 30;
    });
    assert.deepEqual(slow, []);
  });
}

test("a weight of 200,000 digits, and items whose names are long, are read at once", () => {
  const digits = "1".repeat(200_000);
  assert.ok(leastWork(() => lint(prompted(`(fox:${digits}`)), 1) < 500);
  assert.ok(leastWork(() => attempt(() => readForeign(`a:${digits} COUPLE MASK(0 1) b`, {})), 1) < 500);
  const list = JSON.stringify([{ bbox: [1, 2, 3], label: " ".repeat(1e6) + digits }, { [digits]: digits, bbox: digits }]);
  assert.ok(leastWork(() => attempt(() => readForeign(readText(list), CHOSEN)), 1) < 1000);
});

test("what is large for its bytes is answered, not drawn", () => {
  const zigzag = Array.from({ length: 1000 }, (_, i) => (i % 2 ? [8191, i] : [0, i])).flat();
  const annotations = Array.from({ length: 1000 }, (_, id) => ({ id, image_id: 1, category_id: 1, bbox: [0, 0, 9, 9], segmentation: [zigzag] }));
  let read;
  const work = leastWork(() => (read = readForeign({ images: [{ id: 1, width: 8192, height: 8192 }], annotations })), 1);
  assert.ok(work < 5000, `${work} ms`);
  assert.equal(read.frames[0].instances.length, 1000);
  assert.match(read.notes[0], /the outline of the polygons is \d+ pixels long, which takes too long to draw/);
  const nested = `[${"[".repeat(150)}${"]".repeat(150)}]`;
  for (const text of [nested, `[${nested}]`, `{"a": ${nested}}`, `[{"bbox": ${nested}}]`]) attempt(() => readForeign(readText(text), CHOSEN));
});
