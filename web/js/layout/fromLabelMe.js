/** LabelMe's and X-AnyLabeling's files: {version: "5.2.1", shapes: [{label, points, shape_type}], imageWidth, imageHeight}, in pixels. */
import { amounts } from "./amounts.js";
import { areItems, scoreOf } from "./detectors.js";
import { LayoutError, MAX_INSTANCES, instanceOf } from "./document.js";
import * as fields from "./fields.js";
import { isGiven } from "./fromAuthors.js";
import { knownCanvas, statedCanvas } from "./given.js";
import { isObject, shorten } from "./json.js";
import { anObject, keepGood, named, textOf } from "./oddItems.js";
import { maskOfRings } from "./segmentation.js";

export const CORNERS = 64; // that a circle is drawn with
const RINGS = ["polygon", "rotation", "quadrilateral"];
const STROKES = ["line", "linestrip", "points"];
const SHAPES = ["rectangle", "circle", "point", "mask", ...RINGS, ...STROKES];

export function isLabelMe(value) {
  if (!isObject(value) || !Array.isArray(value.shapes)) return false;
  return areItems(value.shapes, hasPoints) || (!value.shapes.length && ("imagePath" in value || "imageWidth" in value));
}

/** Points in pairs; CVAT's are flat, and its shapes have a `type`. */
function hasPoints({ shape_type: type, points }) {
  return type !== undefined || (Array.isArray(points) && points.slice(0, 3).some(Array.isArray));
}

/** @returns {object} the layout. A rectangle is a box (its corners in any order), a polygon and a circle a mask, lines and points a scribble */
export function fromLabelMe(value, given) {
  const { shapes } = value;
  if (shapes.length > MAX_INSTANCES) {
    throw new LayoutError(`The LabelMe file has ${shapes.length} shapes, at most ${MAX_INSTANCES} are read.`);
  }
  const [width, height] = knownCanvas(statedCanvas(value) ?? given.canvas, "LabelMe's shapes are");
  given.beside = Math.max(given.beside, shapes.length);
  const instances = keepGood(shapes, (shape, position) => readShape(shape, position, width, height, given), given.notes);
  const masks = shapes.filter((shape) => isObject(shape) && shape.shape_type === "mask").length;
  if (masks) given.notes.push(`Masks that are pictures inside the LabelMe file were left out: ${masks}. Their boxes were kept.`);
  return { version: 1, width, height, prompt: "", instances };
}

function readShape(shape, position, width, height, given) {
  anObject(shape, named(position, []));
  const label = shape.label == null || shape.label === "" ? shape.description : shape.label;
  const where = named(position, [label]);
  const stated = isGiven(shape.shape_type) ? shape.shape_type : "polygon";
  const kind = typeof stated === "string" ? stated.toLowerCase() : stated;
  if (!SHAPES.includes(kind)) {
    throw new LayoutError(`${where}: a shape of the type ${shorten(kind)} is not read, only ${SHAPES.join(", ")}.`);
  }
  if (!Array.isArray(shape.points) || !shape.points.length) {
    throw new LayoutError(`${where}: a shape needs points [[x, y], ...] in pixels, got ${shorten(shape.points)}.`);
  }
  const points = shape.points.map((xy) => fields.numbers(amounts(isObject(xy) && "x" in xy && "y" in xy ? [xy.x, xy.y] : xy), 2, where, "a point", "[x, y] in pixels"));
  return instanceOf({
    id: `i${position}`,
    prompt: fields.text(textOf(label), where, "label"),
    ...locationOf(kind, points, width, height, where, given),
    ...(Number.isSafeInteger(shape.group_id) ? { group_id: shape.group_id } : {}),
    ...scoreOf(shape),
  });
}

function locationOf(kind, given, width, height, where, about) {
  let points = given;
  const scaled = () => points.map(([x, y]) => [x / width, y / height]);
  if (kind === "rectangle" || kind === "mask") {
    if (points.length < 2) throw new LayoutError(`${where}: a rectangle needs two corners, got ${points.length}.`);
    const [x0, y0, x1, y1] = [Math.min, Math.max].flatMap((pick) => [0, 1].map((i) => points.reduce((v, xy) => pick(v, xy[i]), points[0][i])));
    return { box: fields.box([x0 / width, y0 / height, x1 / width, y1 / height], where, about.notes) };
  }
  if (kind === "point") return { point: fields.point(scaled()[0], where) };
  if (STROKES.includes(kind)) return { scribble: fields.scribble(scaled(), where, about.notes) };
  if (kind === "circle") {
    if (points.length !== 2) throw new LayoutError(`${where}: a circle needs its centre and a point of its edge, got ${points.length} points.`);
    const [[x, y], [edgeX, edgeY]] = points;
    const radius = Math.hypot(edgeX - x, edgeY - y);
    const turns = Array.from({ length: CORNERS }, (_, i) => (2 * Math.PI * i) / CORNERS);
    points = turns.map((turn) => [x + radius * Math.cos(turn), y + radius * Math.sin(turn)]);
  }
  if (points.length < 3) throw new LayoutError(`${where}: a polygon needs at least three points, got ${points.length}.`);
  return { mask: maskOfRings([points.flat()], width, height, where, about) };
}
