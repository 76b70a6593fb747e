import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { createDraft } from "../../web/js/panels/draft.js";
import { GESTURES } from "../../web/js/panels/gestures.js";
import { ICONS } from "../../web/js/panels/icons.js";
import { merged } from "../../web/js/panels/bringIn.js";
import { HELP_GROUPS, KEYS, keyText, keyTexts, matchKey } from "../../web/js/panels/keys.js";
import { matches, wordsOf } from "../../web/js/panels/search.js";
import { fill, strings } from "../../web/js/text.js";

const press = (key, more = {}, tool = "select") =>
  matchKey({ key, code: "", shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, ...more }, tool);
const paths = (table, at = "") =>
  typeof table === "object" ? Object.entries(table).flatMap(([key, value]) => paths(value, `${at}.${key}`)) : [at];
const placeholders = (words) => new Set(words.match(/\{\w+/g) ?? []);
const get = (table, path) => path.split(".").slice(1).reduce((part, key) => part?.[key], table);

test("each key asks for what the table says, and no two entries share one", () => {
  const seen = new Set();
  for (const { key, shift = false, ctrl = false, alt = false, tools = [], act, hosted } of KEYS) {
    const name = `${ctrl} ${alt} ${shift} ${tools} ${key}`;
    assert.ok(!seen.has(name), name);
    seen.add(name);
    assert.equal(press(key, { shiftKey: shift, ctrlKey: ctrl, altKey: alt }, tools[0] ?? "select"), hosted ? null : act);
  }
});

test("keys under modifiers, other keyboards and capitals", () => {
  assert.equal(press("V"), "tool-select"); // caps lock
  assert.equal(press("B", { shiftKey: true }), null);
  assert.equal(press("?", { shiftKey: true }), "help");
  assert.equal(press("+", { shiftKey: true }), "zoom-in");
  assert.equal(press("d", { metaKey: true }), "duplicate");
  assert.equal(press("d"), null);
  assert.equal(press("v", { altKey: true }), null);
  assert.equal(press("v", { isComposing: true }), null);
  assert.equal(press("м", { code: "KeyV" }), "tool-select"); // the V of a Russian keyboard
  assert.equal(press("ö", { code: "Semicolon" }), null);
  assert.deepEqual(["х", "ъ", "【"].map((key, i) => press(key, { code: i === 1 ? "BracketRight" : "BracketLeft" })), ["backward", "forward", "backward"]);
  assert.equal(press("Ъ", { code: "BracketRight", shiftKey: true }), "front");
  assert.equal(press("ü", { code: "BracketLeft" }), null); // beside it lies "+", which zooms: German keyboards have AltGr+8 and the page keys
  assert.deepEqual(["select", "brush", "eraser"].map((tool) => press("[", {}, tool)), ["backward", "brush-smaller", "brush-smaller"]);
  assert.equal(press("{", { shiftKey: true }), "back");
  const third = { ctrlKey: true, altKey: true, getModifierState: (name) => name === "AltGraph" };
  assert.equal(press("]", third), "forward"); // AltGr+9 of a German keyboard under Windows
  assert.equal(press("ArrowUp", { altKey: true, shiftKey: true }), "resize-up-far");
});

test("every act of the keys and of the help has words, every line of the help a key", () => {
  for (const language of ["en", "zh"]) {
    const { acts } = strings(language);
    for (const { act } of KEYS) assert.ok(acts[act.replace(/^(nudge|resize)-\w+?(-far)?$/, "$1$2")], act);
    for (const act of Object.values(HELP_GROUPS).flat()) assert.ok(acts[act] && keyText(act), act);
  }
  assert.equal(keyText("front"), "Shift+]");
  assert.deepEqual(keyTexts("front"), ["Shift+]", "Shift+PgUp"]);
  assert.equal(keyText("nothing"), "");
});

test("the help lists every key that the editor takes, and every gesture with its words", () => {
  const listed = new Set(Object.values(HELP_GROUPS).flat());
  for (const { act } of KEYS) assert.ok(listed.has(act.replace(/^(nudge|resize)-\w+?(-far)?$/, "$1$2")), `${act} is not in the help`);
  for (const language of ["en", "zh"]) {
    const { gestures, help } = strings(language);
    assert.deepEqual(Object.keys(gestures), Object.values(GESTURES).flatMap(Object.keys));
    for (const group of [...Object.keys(HELP_GROUPS), ...Object.keys(GESTURES)]) assert.ok(help[group], group);
  }
});

test("every modifier that the code acts on stands in the help, and none that it does not", () => {
  const passing = ["keys", "keyboard", "frame", "help", "window", "ask", "search", "library", "split"]; // they tell keys apart, and act on none of them held
  const root = new URL("../../web/js/", import.meta.url);
  const declared = {};
  for (const gesture of Object.values(GESTURES).flatMap(Object.values)) {
    for (const [key, modules] of Object.entries(gesture)) for (const module of modules) (declared[module] ??= new Set()).add(key);
  }
  const read = /\b(?:event|e)\.(shift|alt|ctrl)(?:Key)?\b|\{ (shift)(?=, alt)|\b(alt) \}\)/g;
  for (const path of readdirSync(root, { recursive: true }).map((name) => String(name).replaceAll("\\", "/"))) {
    if (!/^(assist|editor|library|panels|state|studio)\/.*\.js$|^window\.js$/.test(path) || passing.includes(path.match(/(\w+)\.js$/)[1])) continue;
    const lines = readFileSync(new URL(path, root), "utf-8").split("\n").filter((line) => !/\) return;$|^\s*(\*|\/\*)|^\s+(shift|alt|ctrl): event|hovering = \{/.test(line));
    const found = new Set([...lines.join("\n").replaceAll("!event.ctrlKey", "").matchAll(read)].map((match) => match[1] ?? match[2] ?? match[3]));
    const names = declared[path] ?? new Set();
    for (const key of found) assert.ok(names.has(key), `${path} reads ${key}, which no gesture of the help names`);
    for (const key of names) assert.ok(found.has(key), `the help names ${key} for ${path}, which does not read it`);
  }
});

test("the languages have the same words with the same placeholders", () => {
  const [en, zh] = [strings("en"), strings("zh-CN")];
  const lintOnly = (path) => !path.startsWith(".lint."); // English remarks come from the lint itself
  assert.deepEqual(paths(zh).filter(lintOnly).sort(), paths(en).filter(lintOnly).sort());
  for (const path of paths(en).filter(lintOnly)) assert.deepEqual(placeholders(get(zh, path)), placeholders(get(en, path)), path);
  assert.equal(strings("xx"), en);
  assert.equal(strings(undefined), en);
});

test("every notice that the editor gives has words", () => {
  const root = new URL("../../web/js/", import.meta.url);
  const files = readdirSync(root, { recursive: true }).filter((name) => String(name).endsWith(".js"));
  const source = files.map((name) => readFileSync(new URL(String(name), root), "utf-8")).join("\n");
  const used = [...source.matchAll(/\.notices\.(\w+)/g)].map((match) => match[1]);
  assert.ok(used.length > 5);
  for (const name of used) assert.ok(strings("en").notices[name], name);
});

test("placeholders and plurals", () => {
  const template = "{count} {count|box|boxes} in {name}, {other}";
  assert.equal(fill(template, { count: 1, name: "$&" }), "1 box in $&, {other}");
  assert.equal(fill(template, { count: 0, name: "a" }), "0 boxes in a, {other}");
});

test("icons are named once", () => assert.equal(new Set(ICONS).size, ICONS.length));

test("an import keeps the typed caption where it brings none, and the mark of the connected layout", () => {
  const doc = { version: 1, width: 512, height: 512, prompt: "mine", instances: [], source: "abc" };
  const layout = { version: 1, width: 768, height: 512, prompt: "", instances: [{ id: "a" }], source: "other" };
  assert.deepEqual(merged(doc, layout), { ...layout, prompt: "mine", source: "abc" });
  assert.equal(merged({ ...doc, prompt: "mine" }, { ...layout, prompt: "theirs" }).prompt, "theirs");
});

test("a draft shows each value and keeps the last, once", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const shown = [];
  const kept = [];
  const draft = createDraft({ preview: (v) => shown.push(v), commit: (v) => kept.push(v), cancel: () => shown.push("cancel"), pause: 600 });
  draft.set(1);
  t.mock.timers.tick(500);
  draft.set(2);
  t.mock.timers.tick(500);
  assert.deepEqual([shown, kept, draft.pending], [[1, 2], [], true]);
  t.mock.timers.tick(100);
  assert.deepEqual([kept, draft.pending], [[2], false]);
  draft.set(3);
  draft.flush();
  draft.flush();
  t.mock.timers.tick(1000);
  assert.deepEqual(kept, [2, 3]);
  draft.set(4);
  draft.drop();
  t.mock.timers.tick(1000);
  assert.deepEqual([kept, shown.at(-1)], [[2, 3], "cancel"]);
});

test("a search finds what has all words, in any order, or the number", () => {
  const found = (query) => ["a red Fox in snow", "an owl", ""].map((prompt, index) => matches({ prompt }, index, wordsOf(query))).map(Number).join("");
  assert.equal(found(""), "111");
  assert.equal(found("  SNOW fox "), "100");
  assert.equal(found("ow"), "110");
  assert.equal(found("3"), "001");
  assert.equal(found("2 owl"), "010");
  assert.equal(found("fox owl"), "000");
});
