/**
 * What data declare of their boxes: by a field's name (bbox_xyxy), or by fields beside them (bbox_mode, format, units). The same as
 * instdiff_modules/importers/declared.py. A declaration is {order, units}; what the data do not say is absent.
 */
import { CXCYWH, FRACTIONS, PERCENT, PIXELS, THOUSANDTHS, XYWH, XYXY, YXYX } from "./given.js";

const FIELDS = new Set(
  ("format bboxformat boxformat bboxmode boxmode mode bboxtype boxtype coordinates coordinateformat coordinatesystem coordinatespace " +
    "coordformat order boxorder bboxorder axisorder units unit boxunits bboxunits normalized normalised").split(" "),
);
// Detectron2's BoxMode, whose numbers are in files.
const MODES = [
  { order: XYXY, units: PIXELS }, { order: XYWH, units: PIXELS }, { order: XYXY, units: FRACTIONS }, { order: XYWH, units: FRACTIONS },
];
const ORDER_WORDS = [
  [CXCYWH, /cxcywh|xcenterycenter|centerxcentery|xcycwh|^yolo$/],
  [YXYX, /yxyx|yminxmin|topleftbottomright|tlbr|y[01]x[01]y[12]x[12]/],
  [XYXY, /xyxy|xminyminxmax|lefttopright|ltrb|x[01]y[01]x[12]y[12]|pascalvoc|^voc$|albumentations/],
  [XYWH, /(?<!xyx)xywh|xywidth|ltwh|lefttopwidth|xminyminw|^coco$/],
];
const UNIT_WORDS = [
  [THOUSANDTHS, /1000|thousandth|permille/],
  [PERCENT, /percent/],
  [FRACTIONS, /normali[sz]ed|fraction|relative|_rel$|^01$|(?:xyxy|xywh|cxcywh)n$|^yolo$|albumentations/],
  [PIXELS, /pixel|(?:^|_)px$|absolute|_abs$|^abs$|pascal_?voc|^voc$|^coco$/],
];

/** @returns {{order?: string, units?: string}} what the first says, else the second */
export function over(first, second) {
  return { order: first.order ?? second.order, units: first.units ?? second.units };
}

/** By the name of a box's field. A bare "xywh" says nothing, since some programs mean corners by it and others centres. */
export function declaredByName(key) {
  if (/^xywhn?$/i.test(key)) return key.toLowerCase().endsWith("n") ? { units: FRACTIONS } : {};
  return { order: orderIn(key), units: unitsIn(key.replace(/^(bbox|box|bounding_?box)_?/i, "")) };
}

/** By fields of an item, or of the object that holds the list. */
export function declaredBeside(item) {
  let found = {};
  for (const [key, value] of Object.entries(item)) {
    const name = key.length < 40 ? key.toLowerCase().replace(/[^a-z]/g, "") : "";
    if (!FIELDS.has(name)) continue;
    let said = {};
    if (name.startsWith("normali")) said = value === true ? { units: FRACTIONS } : {};
    else if (Number.isInteger(value) && ["bboxmode", "boxmode"].includes(name)) said = MODES[value] ?? {};
    else if (typeof value === "string" && value.length < 80) said = { order: orderIn(value), units: unitsIn(value) };
    else if (Array.isArray(value) && value.length === 4 && value.every((v) => typeof v === "string")) said = { order: orderIn(value.join("")) };
    found = over(found, said);
  }
  return found;
}

function orderIn(text) {
  const plain = text.slice(0, 200).toLowerCase().replace(/[^a-z0-9]/g, "");
  const found = ORDER_WORDS.filter(([, words]) => words.test(plain));
  return found.length === 1 ? found[0][0] : undefined;
}

function unitsIn(text) {
  const plain = text.slice(0, 200).toLowerCase().split(/[^a-z0-9]+/).filter(Boolean).join("_");
  if (/^0(?:_0)?_1(?:_0)?$/.test(plain)) return FRACTIONS;
  if (plain === "0_100") return PERCENT;
  return UNIT_WORDS.find(([, words]) => words.test(plain))?.[0];
}
