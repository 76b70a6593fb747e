import assert from "node:assert/strict";
import { test } from "node:test";
import { layoutToJson, parseLayout, parseLayoutWithNotes } from "../../web/js/layout/document.js";
import { lint } from "../../web/js/layout/lint.js";
import { canBePart, depthOf, withParts } from "../../web/js/layout/parts.js";
import { encodeMask } from "../../web/js/layout/rle.js";
import { reduce } from "../../web/js/state/actions.js";
import { instanceBounds } from "../../web/js/state/geometry.js";
import { emptyBitmap, fillPolygon } from "../../web/js/state/raster.js";
import { deepFreeze } from "./support/layouts.mjs";

const pupil = emptyBitmap(96, 64);
fillPolygon(pupil, [[24, 16], [30, 16], [30, 20], [24, 20]], 1);
const DOC = deepFreeze(parseLayout({
  version: 1, width: 768, height: 512, prompt: "an eagle on a rock",
  instances: [
    { id: "eagle", prompt: "an eagle", box: [0.1, 0.2, 0.5, 0.7] },
    { id: "head", prompt: "a head, turned left", box: [0.2, 0.1, 0.3, 0.3], parent: "eagle" },
    { id: "rock", prompt: "a rock", box: [0.6, 0.6, 0.9, 0.9] },
    { id: "eye", prompt: "a yellow eye", point: [0.22, 0.2], parent: "head" },
    { id: "pupil", prompt: "a pupil", mask: encodeMask(pupil), parent: "eye" },
  ],
}));
const one = (doc, id) => doc.instances.find((instance) => instance.id === id);
const order = (doc) => doc.instances.map((instance) => instance.id).join(" ");
const near = (actual, expected) => actual.forEach((v, i) => assert.ok(Math.abs(v - expected[i]) < 2e-5, `${actual} is not ${expected}`));
const shifted = (box, dx, dy) => [box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy];

test("a parent is written where there is one, and nowhere else", () => {
  assert.deepEqual(parseLayout(layoutToJson(DOC)), DOC);
  assert.deepEqual(JSON.parse(layoutToJson(DOC)).instances.map((i) => i.parent), [undefined, "eagle", undefined, "head", "eye"]);
  const free = parseLayout({ version: 1, instances: [{ id: "a", point: [0, 0], parent: "" }, { id: "b", point: [0, 0], parent: null }] });
  assert.ok(free.instances.every((instance) => !("parent" in instance)));
});

test("a parent that is not there is kept with a note, a circle is refused", () => {
  const named = (id, parent) => ({ id, point: [0.5, 0.5], parent });
  const { doc, notes } = parseLayoutWithNotes({ version: 1, instances: [named("head", "eagel")] });
  assert.equal(doc.instances[0].parent, "eagel");
  assert.deepEqual(notes, ["Instance 1 (head): there is no instance eagel for it to be a part of, so it stands alone."]);
  assert.throws(() => parseLayout({ version: 1, instances: [named("a", "b"), named("b", "a")] }), /Instance 1 \(a\) is a part of itself/);
  assert.throws(() => parseLayout({ version: 1, instances: [named("a", ["b"])] }), /parent must be text/);
  assert.deepEqual(withParts(doc, ["head"]), ["head"]);
});

test("parts of parts belong to an instance, those of a locked one keep their place with it", () => {
  assert.deepEqual(withParts(DOC, ["eagle"]), ["eagle", "head", "eye", "pupil"]);
  assert.deepEqual(withParts(DOC, ["rock", "eye"]), ["rock", "eye", "pupil"]);
  const locked = reduce(DOC, { type: "update", ids: ["head"], fields: { locked: true } });
  assert.deepEqual(withParts(locked, ["eagle"]), ["eagle", "head"]);
  assert.deepEqual(withParts(locked, ["eagle"], true), ["eagle", "head", "eye", "pupil"]);
  assert.deepEqual(DOC.instances.map((instance) => depthOf(DOC, instance)), [0, 1, 0, 2, 3]);
});

test("moving a parent moves parts of every format", () => {
  const action = { type: "transform", ids: ["eagle"], from: [0, 0, 1, 1], to: [0.25, 0.25, 1.25, 1.25] };
  for (const doc of [reduce(DOC, action), reduce(DOC, { ...action, live: true })]) {
    for (const id of ["eagle", "head", "eye", "pupil"]) near(instanceBounds(one(doc, id)), shifted(instanceBounds(one(DOC, id)), 0.25, 0.25));
    assert.equal(one(doc, "rock"), one(DOC, "rock"));
  }
});

test("resizing a parent stretches its parts with it; a part moves alone", () => {
  const doc = reduce(DOC, { type: "transform", ids: ["eagle"], from: [0.1, 0.1, 0.5, 0.7], to: [0.1, 0.1, 0.9, 0.4] });
  near(one(doc, "eagle").box, [0.1, 0.15, 0.9, 0.4]);
  near(one(doc, "head").box, [0.3, 0.1, 0.5, 0.2]);
  near(one(doc, "eye").point, [0.34, 0.15]);
  const turned = reduce(DOC, { type: "transform", ids: ["head"], from: [0, 0, 1, 1], to: [0.1, 0, 1.1, 1] });
  assert.equal(one(turned, "eagle"), one(DOC, "eagle"));
  near(one(turned, "eye").point, [0.32, 0.2]);
});

test("deleting a parent deletes its parts; a locked one stays and stands alone", () => {
  assert.equal(order(reduce(DOC, { type: "remove", ids: ["eagle"] })), "rock");
  const locked = reduce(DOC, { type: "update", ids: ["head"], fields: { locked: true } });
  const left = reduce(locked, { type: "remove", ids: ["eagle"] });
  assert.equal(order(left), "head rock eye pupil");
  assert.ok(!("parent" in one(left, "head")) && one(left, "eye").parent === "head");
});

test("a copy has parts of its own; a part that is duplicated alone stays a part", () => {
  const doc = reduce(DOC, { type: "duplicate", ids: ["eagle"], dx: 0.02, dy: 0.02 });
  const made = doc.instances.slice(5);
  assert.deepEqual(made.map((i) => i.prompt), ["an eagle", "a head, turned left", "a yellow eye", "a pupil"]);
  assert.deepEqual(made.map((i) => i.parent), [undefined, made[0].id, made[1].id, made[2].id]);
  assert.deepEqual(parseLayout(layoutToJson(doc)), doc);
  assert.equal(reduce(DOC, { type: "duplicate", ids: ["head"], dx: 0, dy: 0 }).instances[5].parent, "eagle");
});

test("pasted from elsewhere, a part never joins a stranger that has the name of its parent", () => {
  const foreign = { ...one(DOC, "head"), id: "h" };
  assert.ok(!("parent" in reduce(DOC, { type: "paste", instances: [foreign] }).instances.at(-1)));
  const pair = [one(DOC, "head"), one(DOC, "eagle")]; // a part behind its parent
  const [head, eagle] = reduce(DOC, { type: "paste", instances: pair }).instances.slice(5);
  assert.equal(head.parent, eagle.id);
});

test("nothing new gets the name of a parent that is gone", () => {
  const left = parseLayout({ version: 1, instances: [{ id: "i1", point: [0, 0], parent: "i2" }] });
  assert.equal(reduce(left, { type: "add", instance: { point: [0, 0] } }).instances[1].id, "i3");
  assert.ok(!("parent" in reduce(left, { type: "duplicate", ids: ["i1"], dx: 0, dy: 0 }).instances[1]));
});

test("parts go along in depth, and come in front of what they become parts of", () => {
  assert.equal(order(reduce(DOC, { type: "arrange", ids: ["eagle"], how: "front" })), "rock eagle head eye pupil");
  const doc = reduce(DOC, { type: "setParent", ids: ["eagle"], parent: "rock" });
  assert.equal(order(doc), "head rock eagle eye pupil");
  assert.deepEqual([one(doc, "eagle").parent, one(doc, "head").parent], ["rock", "eagle"]);
});

test("nothing becomes a part of itself or of its own parts, and to part from nothing changes nothing", () => {
  assert.deepEqual([canBePart(DOC, "eagle", "eagle"), canBePart(DOC, "eagle", "pupil"), canBePart(DOC, "eagle", "rock")], [false, false, true]);
  assert.equal(reduce(DOC, { type: "setParent", ids: ["eagle"], parent: "pupil" }), DOC);
  assert.equal(reduce(DOC, { type: "setParent", ids: ["head"], parent: "nobody" }), DOC);
  assert.equal(reduce(DOC, { type: "setParent", ids: ["eagle", "rock"], parent: "" }), DOC);
  assert.ok(!("parent" in one(reduce(DOC, { type: "setParent", ids: ["head"], parent: "" }), "head")));
});

test("alignment moves a family as one", () => {
  const doc = reduce(DOC, { type: "align", ids: ["eagle", "head"], edge: "bottom" }); // to the canvas: the head only comes along
  near(one(doc, "eagle").box, [0.1, 0.5, 0.5, 1]);
  near(one(doc, "head").box, [0.2, 0.4, 0.3, 0.6]);
  near(one(doc, "eye").point, [0.22, 0.5]);
});

test("the caption need not name the parts", () => {
  const codes = lint(DOC).filter((remark) => remark.code === "noun_missing");
  assert.deepEqual(codes, []);
  const alone = reduce(DOC, { type: "setParent", ids: ["eye"], parent: "" });
  assert.deepEqual(lint(alone).filter((remark) => remark.code === "noun_missing").map((remark) => remark.id), ["eye"]);
});
