import assert from "node:assert/strict";
import { test } from "node:test";
import {
  LOCATION_KINDS, LayoutError, emptyLayout, layoutToJson, parseLayout, parseLayoutWithNotes, uniqueIds,
} from "../../web/js/layout/document.js";
import { encodeMask } from "../../web/js/layout/rle.js";
import { bitmapOf, deepFreeze, documentOf, fastest, filesOf, readData } from "./support/layouts.mjs";

const refused = (value, words) => {
  assert.throws(() => parseLayout(value), (error) => {
    assert.ok(error instanceof LayoutError, String(error.stack));
    assert.ok(error.message.endsWith(".") && !error.message.includes("\n"), error.message);
    if (words instanceof RegExp) assert.match(error.message, words);
    else assert.ok(error.message.includes(words), error.message);
    return true;
  });
};

for (const { name, text } of filesOf("layouts/valid")) {
  test(`${name} survives the round trip`, () => {
    const doc = deepFreeze(parseLayout(text));
    assert.deepEqual(parseLayout(layoutToJson(doc)), doc);
    assert.equal(layoutToJson(parseLayout(layoutToJson(doc))), layoutToJson(doc));
    const given = JSON.parse(text);
    for (const key of Object.keys(given)) if (key !== "instances") assert.deepEqual(doc[key], given[key]);
    given.instances.forEach((instance, i) => {
      for (const key of Object.keys(instance)) assert.deepEqual(doc.instances[i][key], instance[key]);
    });
  });
}

for (const { name, text } of filesOf("layouts/invalid")) {
  test(`${name} is refused with a sentence`, () => {
    const given = JSON.parse(text);
    // JSON has no word for NaN and infinity
    refused(given.text ?? given.document, /\b(NaN|Infinity)\b/.test(given.text) ? ", which JSON has no word for" : given.error);
  });
}

test("the empty layout has a canvas and no instances", () => {
  assert.deepEqual(emptyLayout(), { version: 1, width: 512, height: 512, prompt: "", instances: [] });
  assert.deepEqual(parseLayout(layoutToJson(emptyLayout(640, 384))), emptyLayout(640, 384));
});

test("every field of an instance is filled in", () => {
  const [instance] = parseLayout({ version: 1, instances: [{ point: [0.5, 0.25] }] }).instances;
  assert.deepEqual(instance, {
    id: "i1", prompt: "", point: [0.5, 0.25], strength: 1, start: 0, end: 1, color: "", visible: true, locked: false,
  });
});

test("a canvas of unknown size has that of the first mask, else sides of 512", () => {
  const mask = { size: [64, 96], counts: [10, 20, 64 * 96 - 30] };
  const sizeOf = (given) => [parseLayout({ version: 1, ...given }).width, parseLayout({ version: 1, ...given }).height];
  assert.deepEqual(sizeOf({}), [512, 512]);
  assert.deepEqual(sizeOf({ width: null, height: 300 }), [512, 300]);
  assert.deepEqual(sizeOf({ instances: [{ point: [0, 0] }, { mask }] }), [96, 64]);
  assert.deepEqual(sizeOf({ width: 300, instances: [{ mask }] }), [96, 64]);
  assert.deepEqual(sizeOf({ width: 768, height: 512, instances: [{ mask }] }), [768, 512]);
});

test("a line per instance is written, fields in a stable order, those of others last", () => {
  const doc = parseLayout({ mine: { b: [1, null] }, instances: [{ note: "ß", point: [0, 1], box: [0, 0, 0.5, 1], id: "a" }], version: 1 });
  assert.equal(
    layoutToJson(doc),
    '{"version": 1,\n "width": 512,\n "height": 512,\n "prompt": "",\n "instances": [\n' +
      '  {"id": "a", "prompt": "", "box": [0, 0, 0.5, 1], "point": [0, 1], "strength": 1, "start": 0, "end": 1, "color": "", ' +
      '"visible": true, "locked": false, "note": "ß"}\n ],\n "mine": {"b": [1, null]}}',
  );
});

test("a location that was set to null or undefined is left out", () => {
  const doc = parseLayout(documentOf({ box: [0, 0, 1, 1], point: null, mask: null, strength: null }));
  assert.ok(!("point" in doc.instances[0]) && doc.instances[0].strength === 1);
  const text = layoutToJson({ ...doc, source: undefined, instances: [{ ...doc.instances[0], point: undefined, mask: null }] });
  assert.deepEqual(parseLayout(text), doc);
});

test("a box that sticks out is cut with a note", () => {
  const { doc, notes } = parseLayoutWithNotes(documentOf({ id: "a", box: [-0.1, 0.2, 1.49, 0.7] }, { box: [0, 0, 1, 1] }));
  assert.deepEqual(doc.instances[0].box, [0, 0.2, 1, 0.7]);
  assert.deepEqual(notes, ["Instance 1 (a): box [-0.1, 0.2, 1.49, 0.7] sticks out of the canvas and was cut to [0, 0.2, 1, 0.7]."]);
});

test("a stroke that leaves the canvas is pulled to its border with a note", () => {
  const { doc, notes } = parseLayoutWithNotes(documentOf({ scribble: [[0.9, 0.5], [1.2, 0.6]] }));
  assert.deepEqual(doc.instances[0].scribble, [[0.9, 0.5], [1, 0.6]]);
  assert.match(notes[0], /1 scribble points lie outside/);
});

test("later duplicates get a new id", () => {
  const named = (id) => ({ id, point: [0.5, 0.5] });
  const { instances } = parseLayout(documentOf(...["a", "a", "a-2", "a"].map(named)));
  assert.deepEqual(instances.map((i) => i.id), ["a", "a-3", "a-2", "a-4"]);
  const unique = deepFreeze(["a", "b"].map(named));
  assert.ok(uniqueIds(unique).every((instance, i) => instance === unique[i]));
});

test("missing and numeric ids become text", () => {
  const ids = [undefined, null, "", 7].map((id) => ({ id, point: [0, 0] }));
  assert.deepEqual(parseLayout(documentOf(...ids)).instances.map((i) => i.id), ["i1", "i2", "i3", "7"]);
  refused(documentOf({ id: 1.5, point: [0, 0] }), "Instance 1 (1.5): id must be text");
});

test("uncompressed masks are kept compressed", () => {
  const doc = parseLayout(documentOf({ mask: { size: [4, 6], counts: [3, 5, 16] }, more: 1 }));
  assert.deepEqual(doc.instances[0].mask, { size: [4, 6], counts: "35`0" });
});

test("reading leaves the given value alone", () => {
  const given = deepFreeze(documentOf({ box: [-0.2, 0.1, 0.5, 0.9], more: { k: [1] } }));
  const doc = parseLayout(given);
  doc.instances[0].more.k.push(2);
  assert.deepEqual(given.instances[0].more, { k: [1] });
});

test("fields named like an object's own nature survive and do nothing", () => {
  const text = '{"version": 1, "__proto__": {"polluted": 1}, "constructor": 2, "instances": [{"point": [0, 0], "__proto__": [3]}]}';
  const doc = parseLayout(text);
  assert.equal(doc.polluted, undefined);
  assert.match(layoutToJson(doc), /"__proto__": \{"polluted": 1\}/);
  assert.match(layoutToJson(doc), /"__proto__": \[3\]/);
});

test("what JSON cannot hold is never written", () => {
  const doc = parseLayout(documentOf({ box: [0, 0, 1, 1] }));
  assert.throws(() => layoutToJson({ ...doc, instances: [{ ...doc.instances[0], strength: NaN }] }), LayoutError);
});

test("text that is not valid JSON is refused with the place", () => {
  refused('{"version": 1,\n "instances": [}', /expected a value at line 2, column 16, near /);
  refused('{"version": 1', /expected ',' .* but the text ends at line 1, column 14/);
  refused('{"version": 1} trailing', /expected nothing more at line 1, column 16/);
  refused("{version: 1}", /expected a field's name in quotes at line 1, column 2/);
  refused('{"version" 1}', /expected ':' at line 1, column 12/);
  refused('["\\x"]', /expected a value at line 1, column 2/);
  refused("\ufeff[1,]", /expected a value at line 1/);
});

test("what JSON's readers take without a word is refused with the place", () => {
  refused('{"version": 1, "instances": [],\n "instances": [1]}', /names "instances" twice; keep one/);
  refused('{"a": {"b\\u0063": 1, "bc": 2}}', /names "bc" twice/);
  refused('{"version": 1, "instances": [], "x": -Infinity}', /holds -Infinity, which JSON has no word for/);
  refused('{"version": 1, "instances": [], "x": [-1e999]}', /holds the number -1e999, which is too large/);
  refused('{"version": 1, "instances": [], "x": "\\ud83d"}', /holds a broken character at line 1, column 38/);
  refused(`${"[".repeat(201)}${"]".repeat(201)}`, /more than 200 levels/);
  refused(`[${"9".repeat(401)}]`, /a number of 401 digits, at most 400/);
  const twin = { version: 1, x: [{ a: 1 }, { a: 2 }], y: { a: { a: [] } }, instances: [] };
  assert.deepEqual(parseLayout(JSON.stringify(twin)).x, twin.x);
  assert.equal(parseLayout('{"version": 1, "x": "\\ud83d\\udc1e"}').x, "🐞");
});

test("hostile JSON gives a sentence", () => {
  for (const text of [
    "[".repeat(100_000), `{"version": ${"9".repeat(5000)}}`,
    `{"version": 1, "instances": ${"[".repeat(20_000)}${"]".repeat(20_000)}}`,
    `{"version": 1, "instances": [], "x": ${"[".repeat(100)}${"]".repeat(100)}}`, `"${"\\".repeat(99_999)}`,
    "1e999", "null", "3", '"text"', "",
    '{"version": 1, "width": 1e999}', '{"version": 1, "instances": [{"id": [[[1]]]}]}', '{"version": 1, "prompt": "\\ud800"}',
  ]) refused(text, "");
  for (const value of [null, undefined, 3, true, [], new Date(NaN), () => 1]) refused(value, "");
});

test("half a character is refused, a whole one is not", () => {
  refused('{"version": 1, "prompt": "\ud83d"}', "broken character");
  assert.equal(parseLayout('{"version": 1, "prompt": "🐞"}').prompt, "🐞");
});

test("a byte order mark does no harm", () => {
  assert.deepEqual(parseLayout("\ufeff \n" + layoutToJson(emptyLayout())), emptyLayout());
});

test("too much is refused: text, instances, a mask's pixels", () => {
  refused("[".repeat(32 * 2 ** 20 + 1), "at most 32 MB are read");
  refused({ version: 1, instances: Array(1001).fill({ point: [0, 0] }) }, "has 1001 instances, at most 1000");
  refused(documentOf({ mask: { size: [8193, 8192], counts: "0" } }), "too large");
});

test("LOCATION_KINDS are the fields that say where", () => {
  const { instances } = parseLayout(readData("layouts/valid/hybrid_wide.json"));
  assert.ok(instances.every((instance) => LOCATION_KINDS.some((kind) => instance[kind])));
});

test("100 instances and ten masks of 512x512 are read in less than 30 ms, and need less than 200 kB", (t) => {
  const edge = (n, angle) => 120 + 60 * Math.sin(n + 9 * angle);
  const blob = (n) => bitmapOf(512, 512, (x, y) => Math.hypot(x - 256, y - 256) < edge(n, Math.atan2(y - 256, x - 256)));
  const instances = Array.from({ length: 100 }, (_, i) => ({
    id: `i${i}`, prompt: "a small brown dog standing on a rock in the woods, morning light", box: [0.12345, 0.23456, 0.54321, 0.98765],
    ...(i < 10 ? { mask: encodeMask(blob(i)) } : {}),
  }));
  const text = layoutToJson(parseLayout({ version: 1, width: 512, height: 512, instances }));
  const doc = parseLayout(text);
  const [reading, writing] = [fastest(() => parseLayout(text), 10), fastest(() => layoutToJson(doc), 10)];
  t.diagnostic(`read ${reading.toFixed(2)} ms, written ${writing.toFixed(2)} ms, ${(text.length / 1000).toFixed(0)} kB`);
  assert.ok(reading < 30 && writing < 30, `read ${reading} ms, written ${writing} ms`);
  assert.ok(text.length < 200_000);
});
