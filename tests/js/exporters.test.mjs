import assert from "node:assert/strict";
import { test } from "node:test";
import { parseLayout } from "../../web/js/layout/document.js";
import { lostIn, toAuthors, toBoundingBoxes, toCoco, toElements } from "../../web/js/layout/exporters.js";
import { encodeMask, maskBounds } from "../../web/js/layout/rle.js";
import { bitmapOf, deepFreeze, documentOf, importLayout, readData } from "./support/layouts.mjs";

const MASK = encodeMask(bitmapOf(512, 768, (x, y) => x >= 400 && x < 600 && y >= 100 && y < 200));
const DOC = deepFreeze(
  parseLayout({
    ...documentOf(
      { prompt: "a red boat", box: [0.25, 0.25, 0.75, 0.75], color: "#e6194b" },
      { prompt: "clouds", mask: MASK, category_name: "sky" },
      { prompt: "a gull", point: [0.5, 0.1] },
      { prompt: "a rope", scribble: [[0.1, 0.1], [0.2, 0.2], [0.15, 0.05]] },
      { prompt: "hidden", box: [0, 0, 1, 1], visible: false },
      { prompt: "both", box: [0.5, 0.1, 0.8, 0.4], mask: MASK, point: [0.6, 0.3] },
    ),
    prompt: "a harbour",
  }),
);
const close = (a, b) => a.length === b.length && a.every((v, i) => Math.abs(v - b[i]) < 1e-8);

test("the authors' demo JSON holds every kind of location, and comes back whole", () => {
  const back = importLayout(JSON.stringify(toAuthors(DOC)));
  const visible = DOC.instances.filter((instance) => instance.visible);
  assert.equal(back.prompt, "a harbour");
  back.instances.forEach((instance, i) => {
    assert.equal(instance.prompt, visible[i].prompt);
    assert.deepEqual(instance.mask, visible[i].mask);
    for (const kind of ["box", "point", "scribble"]) {
      assert.equal(instance[kind] === undefined, visible[i][kind] === undefined);
      if (instance[kind]) assert.ok(close(instance[kind].flat(), visible[i][kind].flat()), `${kind} of ${instance.prompt}`);
    }
  });
  assert.equal(back.instances[1].category_name, "sky");
});

test("the authors' demo JSON has the shape of their files", () => {
  const { annos, ...head } = toAuthors(DOC);
  assert.deepEqual(head, { caption: "a harbour", width: 768, height: 512 });
  assert.deepEqual(annos[0], { bbox: [192, 128, 384, 256], mask: [], category_name: "", caption: "a red boat" });
  assert.deepEqual(annos[2], { mask: [], category_name: "", caption: "a gull", point: [384, 51.2] });
});

test("COCO holds boxes and masks, and comes back with the same masks", () => {
  const coco = toCoco(DOC);
  assert.deepEqual(coco.annotations[0].bbox, [192, 128, 384, 256]);
  assert.deepEqual(coco.annotations[1].bbox, [400, 100, 200, 100]);
  assert.equal(coco.annotations[1].area, 200 * 100);
  assert.equal(coco.categories[coco.annotations[1].category_id - 1].name, "sky");
  const back = importLayout(JSON.stringify(coco));
  assert.deepEqual(back.instances.map((i) => i.prompt), ["a red boat", "clouds", "a gull", "a rope", "both"]);
  assert.deepEqual(back.instances[1].mask, MASK);
  assert.equal(back.prompt, "a harbour");
});

test("a point or a stroke goes into COCO as a box on the canvas of at least a pixel", () => {
  const points = [[0, 0], [1, 1], [0.5, 0.5]];
  const doc = parseLayout(documentOf(...points.map((point) => ({ point })), { scribble: [[1, 0], [1, 0.5]] }));
  for (const { bbox: [x, y, w, h] } of toCoco(doc).annotations) {
    assert.ok(x >= 0 && y >= 0 && w >= 1 && h >= 1 && x + w <= 768 && y + h <= 512, `${[x, y, w, h]}`);
  }
  assert.equal(importLayout(toCoco(doc)).instances.length, 4);
});

test("a mask of another size is brought to the canvas's, as COCO wants it", () => {
  const small = encodeMask(bitmapOf(64, 96, (x, y) => x >= 50 && x < 75 && y >= 12 && y < 25));
  const [annotation] = toCoco(parseLayout(documentOf({ mask: small }))).annotations;
  assert.deepEqual(annotation.segmentation.size, [512, 768]);
  assert.deepEqual(maskBounds(annotation.segmentation), maskBounds(small));
  const fine = encodeMask(bitmapOf(1000, 1000, (x, y) => x === 3 && y === 3));
  const [lost] = toCoco(parseLayout({ ...documentOf({ mask: fine }), width: 10, height: 10 })).annotations;
  assert.deepEqual(lost.segmentation, []);
});

test("boxes are in whole pixels, back to front, for visible instances", () => {
  assert.deepEqual(toBoundingBoxes(DOC), [
    { x: 192, y: 128, width: 384, height: 256, label: "a red boat" },
    { x: 400, y: 100, width: 200, height: 100, label: "clouds" },
    { x: 384, y: 51, width: 1, height: 1, label: "a gull" },
    { x: 77, y: 26, width: 77, height: 76, label: "a rope" },
    { x: 384, y: 51, width: 230, height: 154, label: "both" },
  ]);
});

test("half a pixel is rounded to the even one, as numpy does", () => {
  const half = (n) => n / 512;
  const doc = parseLayout({ version: 1, width: 512, height: 512, instances: [{ box: [half(2.5), half(3.5), half(10.5), half(11.5)] }] });
  assert.deepEqual(toBoundingBoxes(doc), [{ x: 2, y: 4, width: 8, height: 8, label: "" }]);
});

test("boxes come back where they were", () => {
  const doc = importLayout(toBoundingBoxes(DOC), DOC);
  assert.deepEqual([doc.width, doc.height], [768, 512]);
  assert.deepEqual(doc.instances[0].box, DOC.instances[0].box);
});

test("elements have y before x in whole thousandths, and come back", () => {
  const elements = toElements(DOC);
  assert.deepEqual(elements[0], { type: "obj", bbox: [250, 250, 750, 750], desc: "a red boat", color_palette: ["#e6194b"] });
  assert.ok(elements.every(({ bbox: [top, left, bottom, right] }) => top < bottom && left < right && bottom <= 1000 && right <= 1000));
  const given = JSON.parse(readData("foreign/elements.json"));
  assert.deepEqual(toElements(importLayout(given)), given);
});

test("an empty layout makes empty files", () => {
  const doc = parseLayout(documentOf());
  assert.deepEqual(toAuthors(doc).annos, []);
  assert.deepEqual(toCoco(doc).annotations, []);
  assert.deepEqual([toBoundingBoxes(doc), toElements(doc)], [[], []]);
});

test("what a format has no word for is counted, opacity with the other settings", () => {
  const box = [0, 0, 0.5, 0.5];
  const settings = (...items) => lostIn(parseLayout(documentOf(...items)), "coco").find(({ what }) => what === "settings")?.count;
  assert.deepEqual([settings({ box }), settings({ box }, { box, opacity: 0.5 }, { box, reference: "cat.png" })], [undefined, 2]);
});
