import assert from "node:assert/strict";
import { test } from "node:test";
import { LayoutError, layoutToJson, parseLayout } from "../../web/js/layout/document.js";
import { decodeMask, maskBounds } from "../../web/js/layout/rle.js";
import { documentOf, filesOf, importLayout, importWithNotes as importLayoutWithNotes, readData } from "./support/layouts.mjs";

const read = (name, options) => importLayout(readData(`foreign/${name}.json`), options);
const refused = (value, words, options) => assert.throws(() => importLayout(value, options), (error) => {
  assert.ok(error instanceof LayoutError, String(error.stack));
  assert.ok(error.message.includes(words) && error.message.endsWith("."), error.message);
  return true;
});
const demo = (anno) => ({ caption: "", width: 768, height: 512, annos: [{ caption: "x", ...anno }] });
const coco = (annotation, more = {}) => ({
  images: [{ id: 7, file_name: "wide.jpg", width: 768, height: 512 }],
  categories: [{ id: 1, name: "boat" }],
  annotations: [{ id: 1, image_id: 7, category_id: 1, ...annotation }],
  ...more,
});

for (const { name, text } of filesOf("foreign")) {
  test(`${name} becomes a document of ours that survives the round trip`, () => {
    const doc = importLayout(text, { width: 512, height: 256, order: "x, y, width, height" });
    assert.ok(doc.instances.length > 0);
    assert.deepEqual(parseLayout(layoutToJson(doc)), doc);
  });
}

test("our own document is read as it is", () => {
  const text = readData("layouts/valid/hybrid_wide.json");
  assert.deepEqual(importLayout(text), parseLayout(text));
});

test("the authors' demo is read with its pixels as fractions", () => {
  const doc = read("authors_hybrid");
  const [buoy, rope, gull, flat, stroke, silent, small] = doc.instances;
  assert.deepEqual([doc.width, doc.height, doc.prompt], [144, 96, "a harbour"]);
  assert.deepEqual(buoy.box, [72 / 144, 10 / 96, 142 / 144, 70 / 96]);
  assert.deepEqual([buoy.prompt, buoy.category_name, buoy.mask.size], ["a round buoy", "buoy", [96, 144]]);
  assert.equal(rope.box, undefined);
  assert.deepEqual(gull.point, [12.5 / 144, 7 / 96]);
  assert.deepEqual(flat.scribble.length, 3);
  assert.deepEqual(stroke.scribble[1], [1, 19.2 / 96]);
  assert.equal(silent.prompt, "");
  assert.deepEqual(small.mask, { size: [4, 6], counts: "35`0" });
});

test("what a demo's box loses to the canvas is noted", () => {
  const { doc, notes } = importLayoutWithNotes(readData("foreign/authors_boxes.json"));
  assert.deepEqual(doc.instances[2].box, [95.5 / 512, 354 / 512, 1, 1]);
  assert.equal(notes.length, 1);
  assert.match(notes[0], /^Instance 3: box .* was cut to/);
});

test("COCO annotations of the chosen image are read", () => {
  const doc = read("coco_one_image");
  assert.deepEqual(doc.instances.map((i) => i.id), ["11", "12", "13", "14", "14-2", "i6"]);
  assert.deepEqual(doc.instances.map((i) => i.prompt), ["boat", "person", "a sailor with a pipe", "boat", "boat", "person"]);
  assert.equal(doc.prompt, "a quay");
  assert.equal(doc.instances[1].iscrowd, 1);
  const { data } = decodeMask(doc.instances[0].mask);
  const inside = (x, y) => x >= 20 && x < 80 && y >= 10 && y < 50;
  assert.ok(data.every((v, i) => v === Number(inside(i % 144, Math.floor(i / 144)))));
});

test("the image of a COCO file is chosen by id or name", () => {
  const two = coco({ bbox: [0, 0, 5, 5] });
  two.images.push({ id: 9, file_name: "small.jpg", width: 50, height: 40 });
  two.annotations.push({ id: 2, image_id: 9, category_id: 1, bbox: [0, 0, 5, 5] });
  assert.equal(importLayout(two, { image: "9" }).width, 50);
  assert.equal(importLayout(two, { image: " small.jpg " }).width, 50);
  refused(two, "has 2 images. Choose one by its id or file name: 7 (wide.jpg), 9 (small.jpg)");
  refused(two, "no image with id or file name 'other'", { image: "other" });
});

test("a single BOUNDING_BOX, a list of them, and a list of one frame are the same thing", () => {
  const box = { ...JSON.parse(readData("foreign/box_one.json")), label: "a box" };
  const canvas = { width: 512, height: 256 };
  const [instance] = importLayout(box, canvas).instances;
  assert.deepEqual(instance.box, [0.125, 0.125, 0.375, 0.5]);
  assert.deepEqual(importLayout([box], canvas), importLayout(box, canvas));
  assert.deepEqual(importLayout([[box]], canvas), importLayout(box, canvas));
  const doc = importLayout(box, canvas);
  assert.deepEqual([doc.width, doc.height], [512, 256]);
});

test("a BOUNDING_BOX keeps what it says of itself", () => {
  const { doc, notes } = importLayoutWithNotes(readData("foreign/box_list.json"), { width: 512, height: 256 });
  const [person, door] = doc.instances;
  assert.deepEqual([person.prompt, person.score], ["person", 0.875]);
  assert.deepEqual([door.prompt, door.color, door.element], ["a wooden door", "#aa5500", { color_palette: ["#aa5500", "#553311"] }]);
  assert.deepEqual(door.box, [0.5, 0, 1, 1]);
  assert.equal(notes.length, 1);
});

test("several frames do not fit on one canvas", () => {
  const frame = [{ x: 0, y: 0, width: 9, height: 9, label: "a box" }];
  refused([frame, frame], "2 frames, the editor shows one");
  refused([documentOf(), documentOf()], "2 frames, the editor shows one");
  assert.deepEqual(importLayout([documentOf({ point: [0, 0] })]), parseLayout(documentOf({ point: [0, 0] })));
});

test("elements of a box editor are read with y before x, in thousandths", () => {
  const doc = read("elements", { width: 800, height: 400 });
  const [door, sign] = doc.instances;
  assert.deepEqual(door.box, [0.25, 0.125, 0.75, 0.5]);
  assert.deepEqual([door.prompt, door.color], ["a wooden door", "#aa5500"]);
  assert.deepEqual([sign.prompt, sign.element], ["a neon sign", { type: "text", text: "OPEN" }]);
  const wrapped = { compositional_deconstruction: { background: "a street", elements: JSON.parse(readData("foreign/elements.json")) } };
  assert.deepEqual(importLayout(wrapped, { width: 800, height: 400 }), { ...doc, prompt: "a street" });
});

test("a broken demo gives a sentence", () => {
  for (const [given, words] of [
    [demo(), "Instance 1 has no bbox, point, scribble or mask"],
    [demo({ bbox: [0, 0, 0, 10] }), "is empty"],
    [demo({ bbox: [900, 0, 10, 10] }), "lies outside the canvas of 768x512"],
    [demo({ bbox: [0, 0, NaN, 10] }), "finite"],
    [demo({ bbox: [0, 0, 10] }), "[x, y, width, height] in pixels"],
    [demo({ bbox: { x: 1 } }), "[x, y, width, height] in pixels"],
    [demo({ point: [900, 0] }), "point"],
    [demo({ scribble: [1, 2, 3] }), "x and y in turn, got 3 numbers"],
    [demo({ scribble: "1,2" }), "list of points"],
    [demo({ mask: { size: [4, 4], counts: [16] } }), "all black"],
    [{ ...demo(), width: null }, "width must be a number"],
    [{ ...demo(), annos: {} }, '"annos" must be a list'],
    [{ ...demo(), annos: [3] }, "Instance 1 must be a JSON object"],
    [{ ...demo(), annos: Array(1001).fill({ point: [1, 1] }) }, "has 1001 annos, at most 1000"],
  ]) refused(given, words);
});

test("broken COCO gives a sentence", () => {
  for (const [given, words] of [
    [coco({}, { images: [] }), 'no "images"'],
    [coco({}, { images: "x" }), '"images" must be a list'],
    [coco({}, { annotations: "x" }), '"annotations" must be a list'],
    [{ annotations: [{ category_id: 1, bbox: [0, 0, 5, 5] }] }, "This is COCO without images"],
    [coco({ category_id: 5, bbox: [0, 0, 5, 5] }), "category 5 is not among"],
    [coco({}), "neither bbox nor segmentation"],
    [coco({ segmentation: [[1, 2, 3, 4]] }), "a polygon must be"],
    [coco({ segmentation: "abc" }), "must be polygons or run-lengths"],
    [coco({ segmentation: [[900, 600, 950, 600, 950, 650]] }), "covers no pixel"],
    [coco({ segmentation: [[0, 0, 1e308, 0, 0, Infinity]] }), "finite"],
    [coco({ segmentation: { size: [768, 512], counts: [768 * 512 - 9, 9] } }), "512x768 pixels, its image 768x512"],
  ]) refused(given, words);
});

test("broken boxes and elements give a sentence", () => {
  const box = { x: 0, y: 0, width: 9, height: 9, label: "a box" };
  for (const [given, words] of [
    [{ ...box, width: 0 }, "Instance 1 (a box): the box [0, 0, 0, 9] is empty"],
    [{ ...box, x: 600 }, "outside the canvas, taken as x, y, width, height in 512x512 pixels"],
    [{ ...box, y: "three" }, "y must be a number"],
    [[{ type: "obj", desc: "a fox", bbox: [0, 0, 1200, 10] }], "Element 1 (a fox): bbox must lie in 0..1000, got 1200"],
    [[{ type: "obj", desc: "", bbox: [0, 0, 1200] }], "[ymin, xmin, ymax, xmax]"],
    [[{ type: "obj", desc: "", bbox: [500, 0, 100, 10] }], "is empty"],
    [Array(1001).fill(box), "1001 boxes, at most 1000"],
  ]) refused(given, words);
  refused(box, "width must be a whole number of pixels", { width: 0, height: 5 });
  const { doc, notes } = importLayoutWithNotes([box, { x: 1 }]);
  assert.deepEqual([doc.instances.length, notes], [1, ["Instance 2 has no place, such as a bbox. It was left out."]]);
});

test("nothing found is a layout without instances", () => {
  for (const given of [[], [[]], { predictions: [] }]) assert.deepEqual(importLayout(given).instances, []);
});

test("an unknown format is not guessed", () => {
  for (const given of [{ greeting: 1 }, {}, { objects: [] }, { elements: [] }]) refused(given, "not a layout that InstDiff knows");
  refused([[0, 0, 1, 1]], "do not state the order and units", {});
  for (const text of ["", "null", "3", '"text"', "[3]", "{", "<html>"]) refused(text, "");
  refused('{"version": 2, "instances": []}', "has version 2");
});

test("a polygon on a canvas larger than a mask may be is drawn smaller", () => {
  const large = { ...coco({ segmentation: [[0, 0, 8192, 0, 8192, 8192, 0, 8192]] }), images: [{ id: 7, width: 16384, height: 16384 }] };
  const { doc, notes } = importLayoutWithNotes(large);
  assert.deepEqual(doc.instances[0].mask.size, [8192, 8192]);
  assert.deepEqual(maskBounds(doc.instances[0].mask), [0, 0, 0.5, 0.5]);
  assert.match(notes[0], /the mask is kept at 8192x8192 pixels, not 16384x16384/);
});

test("a polygon far off the picture is drawn quickly", () => {
  const doc = importLayout(coco({ segmentation: [[0, 0, 1e9, 0, 1e9, 1e9, 0, 1e9]] }));
  assert.ok(!decodeMask(doc.instances[0].mask).data.includes(0));
});

test("a document inside another object is read as itself", () => {
  const inner = coco({ bbox: [0, 0, 5, 5] });
  for (const given of [{ dataset: inner, created: "today" }, { json: JSON.stringify(inner) }]) {
    assert.deepEqual(importLayout(given), importLayout(inner));
  }
});
