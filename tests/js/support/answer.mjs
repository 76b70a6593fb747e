/**
 * Lets Python ask the editor's modules: a JSON list of {ask, ...} on standard input, a list of {answer} or {error} on standard output.
 * An error is the sentence of a LayoutError; anything else ends the program.
 */
import { readFileSync } from "node:fs";
import { LayoutError, layoutToJson, parseLayoutWithNotes } from "../../../web/js/layout/document.js";
import { toAuthors, toBoundingBoxes, toCoco, toElements, toOmost } from "../../../web/js/layout/exporters.js";
import { completed, readForeign, readText } from "../../../web/js/layout/importers.js";
import { KINDS } from "../../../web/js/layout/kinds.js";
import { decodeMask, encodeMask, maskArea, maskBounds } from "../../../web/js/layout/rle.js";
import { paintedSize } from "../../../web/js/painted.js";

const QUESTIONS = {
  parse({ text }) {
    const { doc, notes } = parseLayoutWithNotes(text);
    return { text: layoutToJson(doc), notes };
  },
  import({ text, options }) {
    return layoutToJson(completed(readForeign(readText(text), options)).doc);
  },
  /** As the importers have it: a layout for each frame, with sides that may be null. */
  foreign({ text, options }) {
    return readForeign(readText(text), options);
  },
  kinds: () => KINDS.map(({ name }) => name),
  export({ text }) {
    const { doc } = parseLayoutWithNotes(text);
    return { authors: toAuthors(doc), coco: toCoco(doc), boxes: toBoundingBoxes(doc), elements: toElements(doc), omost: toOmost(doc) };
  },
  /** pixels: base64, row-major */
  encode({ height, width, pixels }) {
    const mask = encodeMask({ height, width, data: Buffer.from(pixels, "base64") });
    return { mask, area: maskArea(mask), bounds: maskBounds(mask) };
  },
  decode({ mask }) {
    return Buffer.from(decodeMask(mask).data).toString("base64");
  },
  /** canvases: [width, height] each */
  painted({ sides, canvases }) {
    return canvases.map(([width, height]) => Object.values(paintedSize({ sides, title: "" }, { width, height })));
  },
};

const answers = JSON.parse(readFileSync(0, "utf8")).map((question) => {
  try {
    return { answer: QUESTIONS[question.ask](question) };
  } catch (error) {
    if (error instanceof LayoutError) return { error: error.message };
    throw error;
  }
});
process.stdout.write(JSON.stringify(answers));
