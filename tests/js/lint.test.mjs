import assert from "node:assert/strict";
import { test } from "node:test";
import { parseLayout } from "../../web/js/layout/document.js";
import { estimateTokens, lint } from "../../web/js/layout/lint.js";
import { mainNouns, mentions } from "../../web/js/layout/nouns.js";
import { encodeMask } from "../../web/js/layout/rle.js";
import { bitmapOf, deepFreeze, documentOf, fastest, readData } from "./support/layouts.mjs";

const BOX = [0.1, 0.1, 0.5, 0.5];
const layoutOf = (prompt, ...instances) => deepFreeze(parseLayout({ ...documentOf(...instances), prompt }));
const codes = (doc, options) => lint(doc, options).map(({ id, code }) => [id, code]);

test("a layout without faults gets no remarks", () => {
  const doc = layoutOf("a fox and two dogs in a meadow", { prompt: "a red fox", box: BOX }, { prompt: "a brown dog", box: [0.5, 0, 1, 1] });
  assert.deepEqual(lint(doc), []);
  assert.deepEqual(lint(parseLayout(readData("layouts/valid/minimal.json"))), []);
});

test("every remark is a short sentence with its code", () => {
  const mask = encodeMask(bitmapOf(100, 100, (x, y) => x < 10 && y < 10));
  const doc = layoutOf(
    "a meadow", { prompt: " \n", box: BOX }, { prompt: "a fox", box: BOX }, { prompt: "a " + "very ".repeat(90) + "old meadow", mask },
  );
  const remarks = lint(doc, { maxInstances: 2 });
  assert.deepEqual(codes(doc, { maxInstances: 2 }), [
    [null, "too_many"], ["n0", "prompt_empty"], ["n1", "overlap"], ["n1", "noun_missing"], ["n2", "small_box"], ["n2", "long_prompt"],
  ]);
  for (const { message, values } of remarks) {
    assert.match(message, /^[A-Z].*\.$/);
    assert.ok(message.length < 120 && !message.includes("undefined"), message);
    assert.equal(typeof values, "object");
  }
  assert.deepEqual(remarks[0].values, { count: 3, limit: 2 });
  assert.match(remarks[2].message, /as instance 1\./);
});

test("hidden instances get no remarks and count for nothing", () => {
  const doc = layoutOf("a meadow", { prompt: "", box: BOX, visible: false }, { prompt: "a meadow", box: BOX });
  assert.deepEqual(lint(doc, { maxInstances: 1 }), []);
});

test("an area of less than 2 % is small, box before mask, and points have none", () => {
  const mask = encodeMask(bitmapOf(100, 100, (x, y) => x < 10 && y < 10));
  const small = (instance) => codes(layoutOf("", instance)).length === 1;
  assert.ok(small({ box: [0, 0, 0.1, 0.19] }));
  assert.ok(!small({ box: [0, 0, 0.1, 0.21] }));
  assert.ok(small({ mask }));
  assert.ok(!small({ mask, box: BOX }));
  assert.ok(!small({ point: [0.5, 0.5] }) && !small({ scribble: [[0, 0], [0.01, 0.01]] }));
});

test("two boxes that share more than 80 % overlap, told at the one in front", () => {
  const pair = (shift) => layoutOf("", { prompt: "a cat", box: [0, 0, 0.5, 0.5] }, { prompt: "b", box: [shift, 0, 0.5 + shift, 0.5] });
  assert.deepEqual(codes(pair(0.05)), [["n1", "overlap"]]);
  assert.match(lint(pair(0.05))[0].message, /as "a cat"/);
  assert.deepEqual(codes(pair(0.06)), []); // IoU 0.44 / 0.56 = 0.79
});

test("what lies wholly behind an opaque box is told of", () => {
  const behind = (place, front) => codes(layoutOf("", { prompt: "a", ...place }, { prompt: "b", box: BOX, ...front }));
  for (const place of [{ box: [0.2, 0.2, 0.4, 0.4] }, { point: [0.3, 0.3] }]) {
    assert.deepEqual(behind(place), [["n0", "covered"]]);
    for (const front of [{ opacity: 0.9 }, { visible: false }, { strength: 0 }, { box: [0.25, 0.1, 0.29, 0.9] }]) assert.deepEqual(behind(place, front), []);
  }
  assert.deepEqual(codes(layoutOf("", { prompt: "b", box: BOX }, { prompt: "a", point: [0.3, 0.3] })), [], "in front");
  assert.deepEqual(behind({ box: BOX }), [["n1", "overlap"]]);
});

test("the main noun of a phrase is the last word of its head", () => {
  for (const [phrase, noun] of Object.entries({
    "a gray British Shorthair standing on a rock in the woods": "shorthair", "a yellow American robin": "robin", fox: "fox",
    "three oranges on a black background": "oranges", "a woman smiling": "woman", "a red flying dragon": "dragon",
    "a dog dressed in a suit": "dog", "a person wearing a hat": "person", "man holding flowers": "man", "a dog that sleeps": "dog",
    "a black and white cat": "cat", "the bird's head": "head", "two wolves, snarling": "wolves", "a building": "building",
    "a close up of a small waterfall in the woods": "waterfall", "close-up of hands": "hands", "a photo of a cathedral": "cathedral",
    "a group of people": "people", "a (red fox:1.3) in snow": "fox", "an unmade bed": "bed", "snow-covered mountain": "mountain",
    "two tangerines cut in half": "tangerines", "a glass filled with water": "glass", "((king)) of the hill": "king",
    "embedding:fur.pt a hare": "hare", "A TALL TOWER": "tower",
  })) assert.equal(mainNouns(phrase)[0], noun, phrase);
});

test("a phrase without a noun that can be told has none", () => {
  for (const phrase of ["", "  ", "the", "of", "embedding:my_dog", "(:1.2)", "123", "一只红色的狐狸", "🦊"]) {
    assert.deepEqual(mainNouns(phrase), [], phrase);
  }
});

test("where two nouns would do, one of them is enough", () => {
  assert.deepEqual(mainNouns("a cup of tea"), ["cup", "tea"]);
  const tea = (prompt) => codes(layoutOf(prompt, { prompt: "a cup of tea", box: BOX }));
  assert.deepEqual(tea("hot tea on a table"), []);
  assert.deepEqual(tea("cups on a table"), []);
  assert.deepEqual(tea("a glass on a table"), [["n0", "noun_missing"]]);
});

test("singular and plural are the same, and so are large and small letters", () => {
  for (const [prompt, noun] of [
    ["many foxes in snow", "fox"], ["a fox", "foxes"], ["wolves", "wolf"], ["a wolf", "wolves"], ["berries", "berry"], ["A FOX", "fox"],
    ["children", "child"], ["a woman", "women"], ["(foxes:1.2)", "fox"], ["knives", "knife"], ["buses", "bus"], ["a fox's tail", "fox"],
    ["glass", "glasses"], ["a firetruck", "truck"], ["a dress", "dresses"], ["people", "person"],
  ]) assert.ok(mentions(prompt, noun), `${noun} in ${prompt}`);
  for (const [prompt, noun] of [["a box", "ox"], ["a man", "woman"], ["a woman", "man"], ["a foxglove", "fox"], ["", "fox"]]) {
    assert.ok(!mentions(prompt, noun), `${noun} in ${prompt}`);
  }
});

test("without a prompt of the whole picture no noun is missing in it", () => {
  assert.deepEqual(lint(layoutOf("  ", { prompt: "a red fox", box: BOX })), []);
  assert.deepEqual(codes(layoutOf("a forest", { prompt: "a red fox", box: BOX })), [["n0", "noun_missing"]]);
});

test("words that the connected weights do not know are told, the little ones aside", () => {
  const words = ["star", "circle", "Red", "striped", "background"];
  const told = (prompt) => lint(layoutOf("", { prompt, box: BOX }), { words }).map(({ code, values }) => [code, values.words]);
  assert.deepEqual(told("a DRAGON and the red stars with a dragon's (cape:1.2)"), [["unknown_words", "dragon, cape"]]);
  assert.deepEqual(told("The Striped circles on a red background, a part of 2"), []);
  assert.deepEqual(told("one two three four five"), [["unknown_words", "one, two, three, four, ..."]]);
  const said = lint(layoutOf("", { prompt: "一只狗", box: BOX, visible: true }), { words });
  assert.equal(said[0].message, "The demo model does not know: 一只狗. Use the words that it suggests.");
  assert.deepEqual(lint(layoutOf("", { prompt: "a dragon", box: BOX })), [], "weights that know many words");
});

test("tokens are estimated within a third of what CLIP counts", () => {
  // counted with CLIP's tokenizer, start and end included
  for (const [prompt, count] of [
    ["", 2],
    ["a red fox", 5],
    ["a gray British Shorthair standing on a rock in the woods", 14],
    ["a woman's hat, don't look", 10],
    ["masterpiece, best quality, ultra-detailed, 8k, photorealistic, volumetric lighting, bokeh", 23],
    ["1920x1080 render, f/1.8, 35mm", 22],
    ["extraordinarily uncharacteristic misunderstanding", 8],
    ["ein grüner Käfer auf einem Blatt", 13],
    ["一只红色的狐狸站在雪地里", 33],
    ["красная лиса стоит на снегу в лесу", 36],
    ["キツネが森の中を走る", 22],
    ["붉은 여우가 눈밭에 서 있다", 25],
    ["🦊🌲", 5],
  ]) assert.ok(Math.abs(estimateTokens(prompt) - count) <= Math.max(1, count / 3), `${prompt}: ${estimateTokens(prompt)}, not ${count}`);
});

test("weights are not tokens and an embedding counts for a few", () => {
  assert.equal(estimateTokens("(a red fox:1.25)"), estimateTokens("a red fox"));
  assert.equal(estimateTokens("((a (red:0.8) fox))"), estimateTokens("a red fox"));
  assert.equal(estimateTokens("a \\(red\\) fox"), estimateTokens("a red fox") + 2);
  const embedding = estimateTokens("a embedding:very_long_name_of_a_file-v2.1.safetensors");
  assert.ok(embedding > estimateTokens("a") && embedding < estimateTokens("a") + 9);
  assert.equal(estimateTokens("(embedding:dog:1.2)"), estimateTokens("embedding:dog"));
});

test("100 instances with masks are looked over in less than 10 ms, a long prompt too", (t) => {
  const mask = encodeMask(bitmapOf(512, 512, (x, y) => (x * y) % 97 < 20));
  const instances = Array.from({ length: 100 }, (_, i) => ({
    prompt: `a small brown dog number ${i} standing on a rock in the woods`, ...(i % 10 ? { box: [i / 200, 0.1, 0.9, 0.9] } : { mask }),
  }));
  const doc = layoutOf("a painting of rocks, woods and " + "trees and birds ".repeat(15), ...instances);
  const time = fastest(() => lint(doc, { maxInstances: 30 }), 10);
  const long = layoutOf("a", { prompt: "a photo of ".repeat(20_000), box: BOX });
  const longTime = fastest(() => lint(long), 3);
  t.diagnostic(`${time.toFixed(2)} ms, a prompt of 220 kB ${longTime.toFixed(1)} ms`);
  assert.ok(time < 10, `${time} ms`);
  assert.ok(longTime < 500, `${longTime} ms`);
});
