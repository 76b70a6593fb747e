/** COCO annotation files: images, annotations with bbox and segmentation in pixels, categories. */
import { amount, amounts } from "./amounts.js";
import { numbered } from "./classNames.js";
import { LayoutError, MAX_INSTANCES, instanceOf, uniqueIds } from "./document.js";
import * as fields from "./fields.js";
import { isGiven, pixelBox } from "./fromAuthors.js";
import { knownCanvas, statedCanvas } from "./given.js";
import { isObject, shorten } from "./json.js";
import { Question, anObject, goodLocations, keepGood, textOf } from "./oddItems.js";
import { readSegmentation } from "./segmentation.js";

export function isCoco(value) {
  return isObject(value) && "images" in value && "annotations" in value;
}

/**
 * @param {object} document {images, annotations, categories}
 * @param {object} given see given.js; its `image` may be empty if the file has exactly one
 * @returns {object} the layout of that image. The prompt of an instance is its `caption`, else the name of its category, else (in a file
 *   without categories) COCO's own name of the number; crowd regions keep `iscrowd`
 */
export function fromCoco(document, given) {
  const { canvas, notes } = given;
  const images = listOf(document, "images", notes);
  const chosen = choose(images, given.image);
  const where = `Image ${shorten(chosen.file_name ?? chosen.id)}`;
  const unknown = !isGiven(chosen.width) && !isGiven(chosen.height); // VIA writes 0 where it does not know
  const known = statedCanvas(chosen) ?? (unknown ? knownCanvas(canvas, "COCO's boxes are") : null);
  const [width, height] = known ?? ["width", "height"].map((side) => fields.whole(chosen[side], where, side));
  // Numbers as text are the same: VIA writes the image_id so.
  const names = new Map(listOf(document, "categories", notes, []).map((category) => [textOf(category.id), category.name]));
  const everything = listOf(document, "annotations", notes).flatMap(piecesOf);
  const annotations = everything.filter((a) => textOf(a.image_id) === textOf(chosen.id));
  const ids = new Set(images.map(({ id }) => textOf(id)));
  if (everything.length && !everything.some((a) => ids.has(textOf(a.image_id)))) {
    throw new LayoutError(`${where} has no annotations: no image_id of the file is the id of one of its images.`);
  }
  if (annotations.length > MAX_INSTANCES) {
    throw new LayoutError(`${where} has ${annotations.length} annotations, at most ${MAX_INSTANCES} are read.`);
  }
  given.beside = Math.max(given.beside, annotations.length);
  const about = { names, numbers: numbered(), width, height, given };
  const instances = uniqueIds(keepGood(annotations, (a, position) => readAnnotation(a, position, about), notes));
  about.numbers.note(where, notes);
  return { version: 1, width, height, prompt: fields.text(chosen.caption ?? "", where, "caption"), instances };
}

function choose(images, image) {
  if (!images.length) throw new LayoutError('The COCO file has no "images", so the size of the canvas is unknown.');
  if (!image && images.length === 1) return images[0];
  const found = images.filter((i) => image && [textOf(i.id), textOf(i.file_name), textOf(i.file_name).split("/").at(-1)].includes(image));
  if (found.length === 1) return found[0];
  const more = images.length > 8 ? ` and ${images.length - 8} more` : "";
  const listed = images.slice(0, 8).map((i) => `${textOf(i.id)} (${textOf(i.file_name) || "no file name"})`).join(", ") + more;
  const count = image ? `${found.length || "no"} image${found.length ? "s" : ""} with id or file name '${image}'` : `${images.length} images`;
  const sentence = image ? `has ${count}. It has: ${listed}.` : `has ${count}. Choose one by its id or file name: ${listed}.`;
  throw new Question(`The COCO file ${sentence}`, ["image"], images.map((i) => textOf(i.file_name) || textOf(i.id)));
}

function readAnnotation(a, position, { names, numbers, width, height, given }) {
  const id = textOf(a.id).slice(0, 60) || `i${position}`;
  const where = `Instance ${position} (annotation ${id.split(/\s+/).filter(Boolean).join(" ").slice(0, 40)})`;
  const own = isGiven(a.category_name) ? a.category_name : [...names.values()].find((name) => name != null && name === a.category_id);
  const ownWords = typeof own === "string" ? own : undefined;
  const prompt = isGiven(a.caption) ? a.caption : (names.get(textOf(a.category_id)) ?? ownWords);
  if (prompt == null && names.size && a.category_id == null) throw new LayoutError(`${where} has no category_id.`);
  if (prompt == null && names.size) {
    throw new LayoutError(`${where}: category ${shorten(a.category_id)} is not among the file's categories.`);
  }
  const readers = {
    ...(isGiven(a.bbox) ? { box: () => pixelBox(bboxOf(a), width, height, where, given.notes) } : {}),
    ...(isGiven(a.segmentation) ? { mask: () => readSegmentation(a.segmentation, width, height, where, given) } : {}),
  };
  const locations = goodLocations(readers, `${where} has neither bbox nor segmentation. Give it a location.`, given.notes);
  const words = prompt == null ? numbers.category(a.category_id) : fields.text(prompt, where, "name");
  return instanceOf({ id, prompt: words, ...locations, ...(isGiven(a.iscrowd) ? { iscrowd: 1 } : {}) });
}

/** [x, y, width, height], also where it is an object, or corners by Detectron2's bbox_mode 0. */
function bboxOf({ bbox, bbox_mode: mode }) {
  let value = amounts(bbox);
  if (isObject(value)) value = ("width" in value ? ["x", "y", "width", "height"] : ["x", "y", "w", "h"]).map((name) => amount(value[name] ?? null));
  const cornered = mode === 0 && Array.isArray(value) && value.length === 4 && value.every(Number.isFinite);
  return cornered ? [value[0], value[1], value[2] - value[0], value[3] - value[1]] : value;
}

/** The annotation itself, or the segments that a panoptic one holds. */
function piecesOf(annotation) {
  const { image_id: image, segments_info: segments } = annotation;
  return Array.isArray(segments) ? segments.filter(isObject).map((segment) => ({ image_id: image, ...segment })) : [annotation];
}

/** The objects of a list; what is no object is left out with a note. */
function listOf(document, field, notes, missing) {
  const value = document[field] === undefined ? missing : document[field];
  if (!Array.isArray(value)) throw new LayoutError(`The COCO file's "${field}" must be a list of objects, got ${shorten(value)}.`);
  return keepGood(value, (item, position) => anObject(item, `Item ${position} of the COCO file's "${field}"`), notes);
}
