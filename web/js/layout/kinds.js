/**
 * The kinds of data that are read, by the names and in the order of instdiff_modules/importers/kinds.py, whose table says more of each. The
 * first kind that fits is read; each kind's reader is a file of its own.
 */
import { isPlaced } from "./detectors.js";
import { LayoutError } from "./error.js";
import { fromAuthors, isAuthors } from "./fromAuthors.js";
import { fromCoco, isCoco } from "./fromCoco.js";
import { areElements, captionOf, fromCaption, fromElements, isCaption } from "./fromElements.js";
import { fromLabelMe, isLabelMe } from "./fromLabelMe.js";
import { areTasks, fromLabelStudio } from "./fromLabelStudio.js";
import { fromOmost, isOmost } from "./fromOmost.js";
import { fromOwn, isOwn } from "./fromOwn.js";
import { fromPromptControl, isPromptControl } from "./fromPromptControl.js";
import { areResults, fromResults } from "./fromResults.js";
import { fromTracking, isTracking } from "./fromTracking.js";
import { fromYolo, isYolo } from "./fromYolo.js";
import { isObject, shorten } from "./json.js";
import { jsonIn } from "./jsonField.js";
import { WorkflowFound, isCvat, isCvatJson, isVia, isVoc, isWorkflow } from "./notLayouts.js";
import { Question, leftOut } from "./oddItems.js";
import { hasPlace } from "./places.js";
import * as told from "./recognise.js";
import { MAX_FIELDS, florenceTask, fromFours, fromParallel, parallelBoxes } from "./wrapped.js";

const MAX_FRAMES = 4096;
const MAX_BOXES = 100000; // in all frames together: seconds of work for a single frame that can be shown
const SEE_HELP = "The help of Instances from JSON lists the kinds that are read.";
const EMPTY = { version: 1, width: null, height: null, prompt: "", instances: [] };

/** A kind that is one layout. fits: of a text that is no JSON, or of what JSON holds */
function kind(name, fits, read) {
  return { name, fits, read: (value, given) => [read(value, given)] };
}

/** A kind that is not read, with a sentence that says what it is. */
function named(name, fits, advice, Problem = LayoutError) {
  const read = () => {
    throw new Problem(`This is ${name}, which is not read. ${advice}`);
  };
  return { name, fits, read };
}

const ofText = (test) => (value) => typeof value === "string" && test(value);

/** @type {{name: string, fits: (value: *) => boolean, read: (value: *, given: object) => object[]}[]} read gives a layout for each frame */
export const KINDS = [
  kind("prompt-control", ofText(isPromptControl), fromPromptControl),
  kind("YOLO text", ofText(isYolo), fromYolo),
  named("a CVAT file", (value) => ofText(isCvat)(value) || isCvatJson(value), "Export it from CVAT as COCO 1.0."),
  named("a Pascal VOC file", ofText(isVoc), "Convert it to COCO or YOLO."),
  named("a ComfyUI workflow", isWorkflow, "Load it in ComfyUI instead: it holds nodes, not instances.", WorkflowFound),
  kind("InstDiff layout", isOwn, fromOwn),
  kind("authors' demo", isAuthors, fromAuthors),
  kind("COCO annotations", isCoco, fromCoco),
  kind("LabelMe", isLabelMe, fromLabelMe),
  kind("Label Studio", areTasks, fromLabelStudio),
  named("a VIA project", isVia, "Export it from VIA as COCO."),
  kind("Ideogram caption", isCaption, fromCaption),
  kind(
    "elements of a box editor",
    (value) => areElements(value) || (isObject(value) && areElements(value.elements)),
    (value, given) => fromElements(Array.isArray(value) ? value : value.elements, given, captionOf(value)),
  ),
  kind("Omost canvas", isOmost, fromOmost),
  kind("COCO results", areResults, fromResults),
  named("COCO without images", told.isCocoWithoutImages, 'The size of the picture is missing: add its "images".'),
  kind("ultralytics", told.detected(told.isUltralytics), told.fromDetections),
  kind("transformers pipelines", told.detected(told.isPipeline), told.fromDetections),
  kind("supervision", told.detected(told.isSupervision), told.fromDetections),
  kind("centres", (value) => told.detected(told.isCentre)(value) || told.holdsNothing(value), told.fromDetections),
  kind("BOUNDING_BOX", told.detected(told.isCorner), told.fromDetections),
  kind("a detector's list", told.detected(isPlaced), told.fromDetections),
  kind("parallel lists", (value) => Boolean(parallelBoxes(value) ?? florenceTask(value)), fromParallel),
  { name: "TRACKING", fits: isTracking, read: fromTracking },
  { name: "GLIGEN", fits: () => false, read: () => [] }, // of encoded words: it exists only on wires
  kind("BBOX", told.areFours, fromFours),
  kind("nothing found", (value) => Array.isArray(value) && !value.length, () => EMPTY),
  { name: "frames", fits: areFrames, read: fromFrames },
];

const DOCUMENTS = ["InstDiff layout", "authors' demo", "COCO annotations", "LabelMe", "Label Studio", "Ideogram caption", "Omost canvas", "parallel lists"];

/** @returns {*} the one document of a known format that stands in a field of an object, or is a text there; else the value itself */
export function documentIn(value) {
  const found = isObject(value) ? kindOf(value) : null;
  if (found === null || (found && found.name !== "a detector's list")) return value;
  const inner = Object.values(value).slice(0, MAX_FIELDS).map(jsonIn).map((v) => (Array.isArray(v) && v.length === 1 ? v[0] : v)).filter((v) => isObject(v) && DOCUMENTS.includes(kindOf(v)?.name));
  return inner.length === 1 ? inner[0] : value;
}

/** @returns {object | undefined} the first kind that fits a text that is no JSON, or what JSON holds */
export function kindOf(value) {
  return KINDS.find(({ fits }) => fits(value));
}

/** @returns {LayoutError} what it is, in one sentence, for what is of no kind */
export function unknownKind(value) {
  if (isObject(value)) {
    const keys = Object.keys(value).slice(0, 500).map((key) => key.slice(0, 20)).sort().slice(0, 8).join(", ");
    return new LayoutError(`This is not a layout that InstDiff knows (its fields: ${keys || "none"}). ${SEE_HELP}`);
  }
  if (Array.isArray(value) && told.isRow(value[0])) {
    const [first] = value;
    return new LayoutError(
      `The list holds rows of ${first.length} numbers, such as ${shorten(first)}. Give the four numbers of each box alone.`,
    );
  }
  if (Array.isArray(value) && value.length) {
    const first = shorten(value[0]);
    return new LayoutError(`The list holds no boxes that InstDiff knows: its first item is ${first}. Each needs a place, such as a bbox.`);
  }
  return new LayoutError(`${shorten(value)} is not a known kind of boxes, nor a layout. ${SEE_HELP}`);
}

/** A list of lists of boxes, or of objects that are a layout each. */
function areFrames(value) {
  return told.areLists(value) || (Array.isArray(value) && value.length > 0 && value.every(isObject) && isDocument(value[0]));
}

function isDocument(value) {
  const found = hasPlace(value) ? undefined : kindOf(value);
  return found !== undefined && found.name !== "TRACKING";
}

/** Documents must all be sound; of lists of boxes one that holds odd ones alone is an empty frame. */
function fromFrames(value, given) {
  if (value.length > MAX_FRAMES) throw new LayoutError(`The data hold ${value.length} frames, at most ${MAX_FRAMES} are read.`);
  const count = value.reduce((sum, item) => sum + (Array.isArray(item) ? item.length : 0), 0);
  if (count > MAX_BOXES) throw new LayoutError(`The frames hold ${count} boxes together, at most ${MAX_BOXES} are read here. Keep fewer frames.`);
  given.beside = Math.max(given.beside, count);
  const problems = [];
  const frames = value.map((item, i) => {
    const found = kindOf(item);
    const isFrame = found && found.name !== "frames";
    try {
      if (!isFrame) throw unknownKind(item);
      return found.read(item, given)[0];
    } catch (error) {
      if (!(error instanceof LayoutError)) throw error;
      error.message = `Frame ${i + 1}: ${error.message}`;
      if (error instanceof Question || !Array.isArray(item) || !isFrame) throw error;
      problems.push(error.message);
      return EMPTY;
    }
  });
  if (problems.length && !frames.some(({ instances }) => instances.length)) throw new LayoutError(problems[0]);
  leftOut(problems, given.notes);
  return frames;
}
