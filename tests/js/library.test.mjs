import assert from "node:assert/strict";
import { test } from "node:test";
import { layoutToJson, parseLayout } from "../../web/js/layout/document.js";
import { lint } from "../../web/js/layout/lint.js";
import { COMPOSITIONS, composition } from "../../web/js/library/compositions.js";
import { FOLDER, MOST_LETTERS, fileOf, nameOf, tidyName } from "../../web/js/library/names.js";
import { savedLayouts } from "../../web/js/library/saved.js";

const ODD = ["a fox", "狐狸", "../../etc/passwd", "a/b\\c", "100%", "%2e%2e", "=2F", "CON", "nul.txt", ".hidden", "ends.", "?*<>|\":", "🦊🦊", "x".repeat(200), "e\u0301"];

test("any name becomes a file that every system takes, and comes back", () => {
  for (const given of ODD) {
    const name = tidyName(given);
    const path = fileOf(name);
    assert.ok(path.startsWith(`${FOLDER}/`) && path.endsWith(".json"), path);
    const file = path.slice(FOLDER.length + 1);
    assert.ok(!/[%/\\:*?"<>|\u0000-\u001f]|^\.|\.\.json$/.test(file) && !/^(con|nul)\./i.test(file), file);
    assert.ok(Buffer.byteLength(file) <= 255, file);
    assert.equal(nameOf(file), name);
  }
  assert.equal(tidyName("  a \n  fox\t"), "a fox");
  assert.equal(tidyName("\ud83e"), "");
  assert.equal([...tidyName("x".repeat(99))].length, MOST_LETTERS);
  for (const other of ["notes.txt", "deeper/a.json", ".json"]) assert.equal(nameOf(other), null);
});

/** ComfyUI's store, as its page speaks to it. */
function storeOf(files) {
  const answer = (status, body = "") => Promise.resolve({ ok: status < 300, status, text: async () => body });
  const at = (path) => path.slice(FOLDER.length + 1);
  return {
    listUserDataFullInfo: async () => Object.keys(files).map((path) => ({ path })),
    getUserData: (path) => (at(path) in files ? answer(200, files[at(path)]) : answer(404)),
    fetchApi(route, { body }) {
      const [, path, overwrite] = /^\/userdata\/(.*)\?overwrite=(true|false)/.exec(route);
      const file = at(decodeURIComponent(path));
      if (overwrite === "false" && file in files) return answer(409);
      files[file] = body;
      return answer(200);
    },
    moveUserData: (path, to, { overwrite }) => {
      if (!overwrite && at(to) in files) return answer(409);
      files[at(to)] = files[at(path)];
      delete files[at(path)];
      return answer(200);
    },
    deleteUserData: (path) => (delete files[at(path)], answer(204)),
  };
}

test("layouts are saved, renamed and deleted; a broken one is named beside the others", async () => {
  const files = { "b10.json": "{", "notes.txt": "x", "other.json": '{"nodes": []}' };
  const saved = savedLayouts(storeOf(files));
  const doc = composition("pair", { width: 640, height: 384 });
  for (const name of ["b10 ok", "b9", "a/c"]) await saved.save(name, layoutToJson(doc));
  const { layouts, broken } = await saved.list();
  assert.deepEqual(layouts.map(({ name }) => name), ["a/c", "b9", "b10 ok"]);
  assert.deepEqual(layouts[0].doc, parseLayout(layoutToJson(doc)));
  assert.deepEqual(broken.map(({ name, message }) => [name, /^[A-Z].*\.$/.test(message)]), [["b10", true], ["other", true]]);
  await assert.rejects(saved.save("b9", "x"), { status: 409 });
  await assert.rejects(saved.rename("b9", "a/c"), { status: 409 });
  await saved.rename("b9", "c", false);
  await saved.save("c", "{}", true);
  await saved.remove("a/c");
  assert.deepEqual(Object.keys(files).sort(), ["b10 ok.json", "b10.json", "c.json", "notes.txt", "other.json"]);
  const gone = savedLayouts({ listUserDataFullInfo: () => Promise.reject(new TypeError("Failed to fetch")) });
  await assert.rejects(gone.list(), { status: 0 });
});

test("each composition fits any canvas, in words that the model knows and that need no remark", () => {
  for (const name of COMPOSITIONS) {
    for (const [width, height] of [[512, 512], [768, 512], [512, 768], [1536, 640]]) {
      for (const words of [[], ["circle"]]) {
        const doc = composition(name, { width, height }, words);
        assert.deepEqual(parseLayout(layoutToJson(doc)), doc, name);
        assert.deepEqual(lint(doc).map(({ code }) => code), [], `${name} ${width}x${height} ${words}`);
      }
    }
    const [wide, tall] = [[768, 512], [512, 768]].map(([width, height]) => composition(name, { width, height }).instances[0].box);
    const shape = ([x0, y0, x1, y1], [w, h]) => ((x1 - x0) * w) / ((y1 - y0) * h);
    if (["single", "pair", "row"].includes(name)) assert.ok(Math.abs(shape(wide, [768, 512]) - shape(tall, [512, 768])) < 0.01, name);
  }
});
