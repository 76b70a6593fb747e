/** COCO annotation files: images, annotations with bbox and segmentation in pixels, categories. */
import { LayoutError, MAX_INSTANCES, instanceOf, uniqueIds } from "./document.js";
import * as fields from "./fields.js";
import { isGiven, pixelBox } from "./fromAuthors.js";
import { isObject, shorten } from "./json.js";
import { drawPolygons } from "./polygons.js";
import { encodeMask } from "./rle.js";

/**
 * @param {object} document {images, annotations, categories}
 * @param {string} image id or file name of the image to read; may be empty if the file has exactly one
 * @param {string[]} notes
 * @returns {object} its layout. The phrase of an instance is its `caption`, else the name of its category; crowd regions keep `iscrowd`.
 */
export function fromCoco(document, image, notes) {
  const chosen = choose(listOf(document, "images"), image.trim());
  const where = `Image ${shorten(chosen.file_name ?? chosen.id)}`;
  const [width, height] = ["width", "height"].map((side) => fields.whole(chosen[side], where, side));
  const names = new Map(listOf(document, "categories", []).map((category) => [category.id, category.name]));
  const annotations = listOf(document, "annotations").filter((a) => (a.image_id ?? null) === (chosen.id ?? null));
  if (annotations.length > MAX_INSTANCES) {
    throw new LayoutError(`${where} has ${annotations.length} annotations, at most ${MAX_INSTANCES} are read.`);
  }
  const instances = uniqueIds(annotations.map((a, i) => readAnnotation(a, i + 1, names, width, height, notes)));
  return { version: 1, width, height, prompt: fields.text(chosen.caption ?? "", where, "caption"), instances };
}

function choose(images, image) {
  if (!images.length) throw new LayoutError('The COCO file has no "images", so the size of the canvas is unknown.');
  if (!image && images.length === 1) return images[0];
  const found = images.filter((i) => image && (image === String(i.id) || image === String(i.file_name)));
  if (found.length === 1) return found[0];
  const more = images.length > 8 ? ` and ${images.length - 8} more` : "";
  const listed = images.slice(0, 8).map((i) => `${i.id} (${i.file_name ?? "no file name"})`).join(", ") + more;
  if (!image) throw new LayoutError(`The COCO file has ${images.length} images. Choose one by its id or file name: ${listed}.`);
  const count = found.length ? `${found.length} images` : "no image";
  throw new LayoutError(`The COCO file has ${count} with id or file name '${image}'. It has: ${listed}.`);
}

function readAnnotation(a, position, names, width, height, notes) {
  const id = String(a.id ?? `i${position}`);
  const where = `Instance ${position} (annotation ${id})`;
  const prompt = isGiven(a.caption) ? a.caption : names.get(a.category_id);
  if (prompt == null) throw new LayoutError(`${where}: category ${shorten(a.category_id)} is not among the file's categories.`);
  const locations = {};
  if (isGiven(a.bbox)) locations.box = pixelBox(a.bbox, width, height, where, notes);
  if (isGiven(a.segmentation)) locations.mask = readSegmentation(a.segmentation, width, height, where);
  if (!isGiven(locations)) throw new LayoutError(`${where} has neither bbox nor segmentation. Give it a location.`);
  return instanceOf({ id, prompt: fields.text(prompt, where, "name"), ...locations, ...(isGiven(a.iscrowd) ? { iscrowd: 1 } : {}) });
}

/** Run-lengths (text or numbers) or polygons [[x1, y1, ...], ...] in pixels -> mask. */
function readSegmentation(segmentation, width, height, where) {
  if (isObject(segmentation)) {
    const mask = fields.mask(segmentation, where);
    if (mask.size[0] === height && mask.size[1] === width) return mask;
    throw new LayoutError(`${where}: the segmentation is ${mask.size[1]}x${mask.size[0]} pixels, its image ${width}x${height}.`);
  }
  if (!Array.isArray(segmentation)) {
    throw new LayoutError(`${where}: segmentation must be polygons or run-lengths, got ${shorten(segmentation)}.`);
  }
  const polygons = segmentation.map((polygon) => {
    if (!Array.isArray(polygon) || polygon.length < 6 || polygon.length % 2) {
      throw new LayoutError(`${where}: a polygon must be [x1, y1, x2, y2, x3, y3, ...] in pixels, got ${shorten(polygon)}.`);
    }
    // Cut before drawing: the drawing code walks along the whole edge, however far it leads off the picture.
    return polygon.map((v, i) => Math.min(Math.max(fields.number(v, where, "segmentation"), 0), i % 2 ? height : width));
  });
  if (height * width > fields.MAX_MASK_PIXELS) {
    const limit = fields.MAX_MASK_PIXELS / 2 ** 20;
    throw new LayoutError(`${where}: a mask of ${width}x${height} is too large. Use at most ${limit} million pixels.`);
  }
  const bitmap = drawPolygons(polygons, height, width);
  if (!bitmap.data.includes(1)) throw new LayoutError(`${where}: the segmentation covers no pixel of the ${width}x${height} canvas.`);
  return encodeMask(bitmap);
}

function listOf(document, field, missing) {
  const value = document[field] === undefined ? missing : document[field];
  if (Array.isArray(value) && value.every(isObject)) return value;
  throw new LayoutError(`The COCO file's "${field}" must be a list of objects, got ${shorten(value)}.`);
}
