import assert from "node:assert/strict";
import { test } from "node:test";
import { completionsAt, MOST } from "../../web/js/assist/complete.js";
import { createTokenCounter } from "../../web/js/assist/tokens.js";
import { lint } from "../../web/js/layout/lint.js";
import { parseLayout } from "../../web/js/layout/document.js";

const KNOWN = { embeddings: ["EasyNegative", "bad-hands", "styles/ink"], words: ["circle", "cross", "checkered", "red"] };

/** What the text becomes with each option; "|" is the caret. */
function completed(marked, known = KNOWN) {
  const caret = marked.indexOf("|");
  const text = marked.replace("|", "");
  const found = completionsAt(text, caret, known);
  return found && found.options.map(({ insert }) => text.slice(0, found.from) + insert + text.slice(found.to));
}

test("words and embeddings are offered for what stands before the caret", () => {
  assert.deepEqual(completed("a red ci|"), ["a red circle"]);
  assert.deepEqual(completed("a CR| on white"), ["a cross on white"]);
  assert.deepEqual(completed("(ea|"), ["(embedding:EasyNegative"]);
  assert.deepEqual(completed("(emb|"), KNOWN.embeddings.map((name) => `(embedding:${name}`));
  assert.deepEqual(completed("blur, embedding:|"), KNOWN.embeddings.map((name) => `blur, embedding:${name}`));
  assert.deepEqual(completed("(embedding:in|:1.2)"), ["(embedding:styles/ink:1.2)"]);
  assert.deepEqual(completed("embedding:bad|"), ["embedding:bad-hands"]);
});

test("nothing is offered within a word, for a single letter, for what is complete or unknown", () => {
  for (const text of ["|", "a c|", "ci|rcle", "a red|", "fox|", "embedding:bad-hands|", "embedding:zz|", "xembedding:|"]) assert.equal(completed(text), null, text);
  assert.equal(completed("red|", { embeddings: [], words: [] }), null);
  const many = Array.from({ length: 50 }, (_, i) => `name${i}`);
  assert.equal(completed("embedding:|", { embeddings: many, words: [] }).length, MOST);
});

test("a prompt is counted once, and again where the server had no answer", async () => {
  const asked = [];
  let fails = false;
  const counter = createTokenCounter(async (text) => (asked.push(text), fails ? null : { tokens: text.length, parts: 1, cut: "" }));
  assert.equal(counter.known("abc"), null);
  const both = await Promise.all([counter.count("abc"), counter.count("abc")]);
  assert.deepEqual([both[0].tokens, both[1].tokens, counter.known("abc").tokens, asked.length], [3, 3, 3, 1]);
  fails = true;
  assert.deepEqual([await counter.count("x"), await counter.count("x"), counter.known("x"), asked.length], [null, null, null, 3]);
});

test("where the tokenizer has counted, its number is what the remark says", () => {
  const prompt = `a ${"very ".repeat(90)}old fox`;
  const doc = parseLayout({ version: 1, instances: [{ prompt, box: [0, 0, 1, 1] }] });
  const said = (answer) => lint(doc, { tokensOf: () => answer }).map(({ code, values }) => [code, values.tokens, values.cut]);
  assert.equal(said(null)[0][0], "long_prompt");
  assert.deepEqual(said({ tokens: 77, parts: 1, cut: "" }), []);
  assert.deepEqual(said({ tokens: 97, parts: 2, cut: "old fox" }), [["cut_prompt", 97, "old fox"]]);
});
