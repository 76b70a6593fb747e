/** Label Studio's exports (JSON and JSON-MIN): tasks with regions in percent of the picture. */
import { brushMask } from "./brush.js";
import { areItems, scoreOf } from "./detectors.js";
import { LayoutError, MAX_INSTANCES, instanceOf } from "./document.js";
import * as fields from "./fields.js";
import { isGiven } from "./fromAuthors.js";
import { CORNERS } from "./fromLabelMe.js";
import { PERCENT, XYWH, boxOf, knownCanvas, statedCanvas } from "./given.js";
import { isObject, shorten } from "./json.js";
import { Question, keepGood, listing, named, textOf } from "./oddItems.js";
import { maskOfRings } from "./segmentation.js";

const MAX_FIELDS = 200; // of a task, in which its regions are looked for
const KINDS = ["rectangle", "polygon", "brush", "keypoint", "ellipse"]; // each also as <kind>labels
const OTHER_REGIONS = ["videorectangle", "vector", "bitmask"]; // which are not read

/** @returns {boolean} whether it is a task of Label Studio, or a list of tasks */
export function areTasks(value) {
  return areItems(tasksOf(value), (task) => annotationsOf(task) !== null);
}

/** The tasks in an export; a single one, or the regions of one alone, as a list. */
function tasksOf(value) {
  if (areItems(value, kindOf)) return [{ annotations: [{ result: value }] }];
  return isObject(value) ? [value] : value;
}

/** @returns {object} the layout of one task. A Question if there are several and given.image does not name one by its id or picture */
export function fromLabelStudio(value, given) {
  const task = choose(tasksOf(value).filter(isObject), given.image);
  const annotated = (annotationsOf(task) ?? []).filter((regions) => regions.length);
  if (annotated.length > 1) given.notes.push(`The task was annotated ${annotated.length} times. The first one was read.`);
  const results = annotated[0] ?? [];
  const words = wordsBeside(results);
  const regions = results.filter(isRegion);
  if (regions.length > MAX_INSTANCES) throw new LayoutError(`The task has ${regions.length} regions, at most ${MAX_INSTANCES} are read.`);
  const sizes = regions.map(({ original_width: width, original_height: height }) => statedCanvas({ width, height }));
  const canvas = sizes.find(Boolean) ?? given.canvas;
  given.beside = Math.max(given.beside, regions.length);
  const instances = keepGood(regions, (region, position) => readRegion(region, position, words, canvas, given), given.notes);
  const [width, height] = canvas ?? [null, null];
  return { version: 1, width, height, prompt: "", instances };
}

/** The regions of each annotation, then of each prediction; null if it is no task. */
function annotationsOf(task) {
  if (areItems(task.result, kindOf)) return [task.result]; // one annotation alone
  const entries = ["annotations", "completions", "predictions"].flatMap((key) => (Array.isArray(task[key]) ? task[key] : []));
  const lists = entries.filter((e) => isObject(e) && !isGiven(e.was_cancelled) && Array.isArray(e.result)).map(({ result }) => result);
  if (lists.length || (isObject(task.data) && Array.isArray(task.annotations))) return lists;
  const minimal = (items) => areItems(items, (item) => KINDS.some((kind) => `${kind}labels` in item));
  const items = Object.values(task).slice(0, MAX_FIELDS).find(minimal); // JSON-MIN
  return items ? [items.filter(isObject).map((item) => ({ value: item, ...item }))] : null;
}

function choose(tasks, image) {
  const names = tasks.map((task) => [textOf(task.id), pictureOf(task)]);
  const file = (picture) => picture.slice(picture.lastIndexOf("/") + 1);
  const found = tasks.filter((_, i) => image && [...names[i], file(names[i][1])].includes(image));
  if (found.length === 1) return found[0];
  if (tasks.length === 1 && !image) return tasks[0];
  const shown = listing(names.map(([id, picture]) => `${id} (${file(picture) || "no picture"})`));
  const sentence = image
    ? `${found.length || "No"} tasks have the id or picture '${image.slice(0, 60)}'. The export has ${shown}.`
    : `The export has ${tasks.length} tasks. Choose one as image, by its id or picture: ${shown}.`;
  throw new Question(sentence, ["image"], names.map(([id, picture]) => file(picture) || id));
}

function pictureOf(task) {
  const data = isObject(task.data) ? task.data : task;
  return ["image", "img", "photo", "ocr"].map((key) => data[key]).find((v) => typeof v === "string") ?? "";
}

/** Of a region of the picture; empty for a choice, a text, a relation. */
function kindOf(region) {
  if (!isObject(region) || !isObject(region.value)) return "";
  const given = typeof region.type === "string" && region.type.endsWith("labels") ? region.type.slice(0, -6) : region.type;
  return KINDS.includes(given) ? given : (KINDS.find((kind) => `${kind}labels` in region.value) ?? "");
}

/** Whether it places something, read or not. */
function isRegion(result) {
  const kind = isObject(result) ? textOf(result.type) : "";
  return Boolean(kindOf(result)) || OTHER_REGIONS.includes(kind) || (kind.endsWith("labels") && kind !== "labels");
}

/** By a region's id what other results of the same id say of it: its labels, else what was typed for it. */
function wordsBeside(results) {
  const found = new Map();
  for (const key of ["labels", "text"]) {
    for (const result of results.filter((r) => isObject(r) && isObject(r.value))) {
      const id = textOf(result.id);
      const words = [result.value[key]].flat().filter((text) => typeof text === "string").join(", ");
      if (words && id && !found.has(id)) found.set(id, words);
    }
  }
  return found;
}

function readRegion(region, position, beside, canvas, given) {
  const [kind, { value }] = [kindOf(region), region];
  if (!kind || !isObject(value)) {
    throw new LayoutError(`${named(position, [region.id])}: a region of the type ${shorten(region.type)} is not read, only ${KINDS.join(", ")}.`);
  }
  const labels = [value[`${kind}labels`], value.labels].find(Array.isArray) ?? [];
  const words = labels.filter((label) => typeof label === "string").join(", ") || (beside.get(textOf(region.id)) ?? "");
  const where = named(position, [words, region.id]);
  if (![undefined, null, 0].includes(region.image_rotation)) {
    throw new LayoutError(`${where}: its picture was turned in Label Studio, which is not read.`);
  }
  const location = locationOf(kind, value, canvas, where, given);
  return instanceOf({ id: `i${position}`, prompt: fields.text(words, where, "label"), ...location, ...scoreOf(region) });
}

function locationOf(kind, value, canvas, where, given) {
  const number = (name) => fields.number(value[name], where, name);
  if (kind === "keypoint") return { point: fields.point([number("x") / 100, number("y") / 100], where) };
  const turn = value.rotation == null ? 0 : (fields.numberIn(value.rotation, -360, 360, where, "rotation") * Math.PI) / 180;
  if (kind === "rectangle" && !turn) {
    return { box: boxOf(["x", "y", "width", "height"].map(number), XYWH, PERCENT, [100, 100], where, given.notes) };
  }
  const [width, height] = knownCanvas(canvas, "Its outlines are drawn");
  if (kind === "brush") {
    if ((value.format ?? "rle") !== "rle") {
      throw new LayoutError(`${where}: a brush of the format ${shorten(value.format)} is not read, only rle.`);
    }
    return { mask: brushMask(value.rle, width, height, where, given) };
  }
  const ring = kind === "polygon" ? corners(value.points, where) : turned(kind, number, turn, width, height);
  const scale = kind === "polygon" ? [width / 100, height / 100] : [1, 1];
  return { mask: maskOfRings([ring.flatMap(([x, y]) => [x * scale[0], y * scale[1]])], width, height, where, given) };
}

function corners(points, where) {
  if (!Array.isArray(points) || points.length < 3) {
    throw new LayoutError(`${where}: a polygon needs at least three points, got ${shorten(points)}.`);
  }
  return points.map((xy) => fields.numbers(xy, 2, where, "a point", "[x, y] in percent"));
}

/** An ellipse about its centre, or a rectangle about its first corner, turned: corners in pixels. */
function turned(kind, number, turn, width, height) {
  const [across, down] = [(name) => (number(name) * width) / 100, (name) => (number(name) * height) / 100];
  const [x, y] = [across("x"), down("y")];
  let offsets;
  if (kind === "ellipse") {
    const [rx, ry] = [across("radiusX"), down("radiusY")];
    const turns = Array.from({ length: CORNERS }, (_, i) => (2 * Math.PI * i) / CORNERS);
    offsets = turns.map((t) => [rx * Math.cos(t), ry * Math.sin(t)]);
  } else {
    const [w, h] = [across("width"), down("height")];
    offsets = [[0, 0], [w, 0], [w, h], [0, h]];
  }
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  return offsets.map(([dx, dy]) => [x + dx * cos - dy * sin, y + dx * sin + dy * cos]);
}
