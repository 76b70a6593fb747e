/** COCO's result files: a list of what was found in many images, {image_id, category_id, bbox or segmentation, score}, in pixels. */
import { areItems, fromItems } from "./detectors.js";
import { PIXELS, XYWH, knownCanvas } from "./given.js";
import { isObject } from "./json.js";
import { Question, SAMPLE, leftOut, listing, named, textOf } from "./oddItems.js";

export function areResults(value) {
  return areItems(value, (item) => "image_id" in item && ("bbox" in item || "segmentation" in item));
}

/** @returns {object} the objects of one image. A Question if there are several and none is chosen, or if the canvas is not known */
export function fromResults(value, given) {
  return fromItems(chosenItems(value, ["image_id"], given), given, knownCanvas(given.canvas), { order: XYWH, units: PIXELS });
}

/** @returns {Array} the items of one image (or frame) by the first of the fields that any item has; all, if none has one */
export function chosenItems(value, names, { image, notes }) {
  const field = names.find((name) => value.slice(0, SAMPLE).some((item) => isObject(item) && item[name] != null));
  if (field === undefined) return value;
  const nameOf = (item) => (isObject(item) ? textOf(item[field]) : null);
  const found = value.map(nameOf);
  const images = [...new Set(found.filter(Boolean))];
  if (!images.length) return value;
  if (image && !images.includes(image)) {
    throw new Question(`There is no image '${image.slice(0, 40)}' in the data. It has ${listing(images)}.`, ["image"], images);
  }
  if (!image && images.length > 1) {
    const sentence = `The data hold ${images.length} images. Choose one as image, by its ${field}: ${listing(images)}.`;
    throw new Question(sentence, ["image"], images);
  }
  leftOut(found.flatMap((name, i) => (name === "" ? [`${named(i + 1, [])} has no ${field}.`] : [])), notes);
  return value.filter((_, i) => [image || images[0], null].includes(found[i]));
}
