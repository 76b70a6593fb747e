/** The kinds of data that both languages read: every case of tests/data/kinds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LayoutError, layoutToJson, parseLayout, withCanvas } from "../../web/js/layout/document.js";
import { readForeign, readText } from "../../web/js/layout/importers.js";
import { Question } from "../../web/js/layout/oddItems.js";
import { maskBounds } from "../../web/js/layout/rle.js";
import { filesOf } from "./support/layouts.mjs";

const KEPT = ["id", "prompt", "box", "point", "scribble", "mask", "strength", "start", "end", "color", "visible", "locked", "parent"];

for (const { text } of filesOf("kinds")) {
  const { kind, cases } = JSON.parse(text);
  for (const { name, given, options, ...wanted } of cases) {
    const read = () => readForeign(readText(typeof given === "string" ? given : JSON.stringify(given)), options);
    test(`${kind}: ${name}`, () => {
      if (wanted.expect) compare(read(), wanted, kind);
      else assert.throws(read, (error) => isSentence(error, wanted));
    });
  }
}

function compare({ kind, frames, notes }, { expect, frames: counts = [expect.instances.length], warnings }, wantedKind) {
  assert.ok(kind === wantedKind || wantedKind === "named, not read" || kind === "nothing found" || kind === "frames", `taken for ${kind}`);
  assert.deepEqual(frames.map(({ instances }) => instances.length), counts);
  const [doc] = frames;
  assert.deepEqual([doc.width, doc.height, doc.prompt], [expect.width, expect.height, expect.prompt]);
  doc.instances.forEach((instance, i) => {
    const { prompt, color = instance.color, extra = {}, mask_box: maskBox, ...places } = expect.instances[i];
    assert.deepEqual([instance.prompt, instance.color], [prompt, color]);
    for (const where of ["box", "point", "scribble"]) same(instance[where], places[where], where);
    same(instance.mask && maskBounds(instance.mask), maskBox, "mask");
    const own = Object.fromEntries(Object.entries(instance).filter(([key]) => !KEPT.includes(key)));
    assert.deepEqual(own, extra);
  });
  assert.equal(notes.length, warnings.length, notes.join("\n"));
  warnings.forEach((words, i) => assert.ok(notes[i].includes(words), `${words} is not in: ${notes[i]}`));
  for (const note of notes) assert.ok(note.endsWith(".") && !note.includes("\n"), note);
  const complete = withCanvas(doc);
  assert.deepEqual(parseLayout(layoutToJson(complete)), complete);
}

function same(found, wanted, where) {
  assert.equal(found === undefined || found === null, wanted === undefined, where);
  const [a, b] = [found ?? [], wanted ?? []].map((value) => value.flat());
  assert.ok(a.length === b.length && a.every((v, i) => Math.abs(v - b[i]) < 1e-9), `${where}: ${a} is not ${b}`);
}

function isSentence(error, { asks, error: words = asks }) {
  assert.ok(error instanceof LayoutError, String(error.stack));
  assert.ok(error instanceof Question || !asks, error.message); // what is an error here may be a question there
  for (const word of words) assert.ok(error.message.includes(word), `${word} is not in: ${error.message}`);
  assert.ok(error.message.endsWith(".") && error.message.length < 300 && !error.message.includes("\n"), error.message);
  return true;
}
