/** Other spellings of the fields of an item of a list: BBox, xMin, tagName, bounding-box. The same as instdiff_modules/importers/spelling.py. */
import { isObject } from "./json.js";

const MAX_FIELDS = 200; // of an item; what has more is none
// Fields that are known as they are. Any other is compared by its letters alone.
const NAMES = (
  "bbox box bounding_box boundingBox box_2d bbox_2d box_cxcywh bbox_cxcywh bbox_xyxy bbox_xywh bbox_normalized coordinates relative_coordinates " +
  "xmin ymin xmax ymax x_min y_min x_max y_max x0 y0 x1 y1 x2 y2 left top right bottom minX minY maxX maxY x y width height w h cx cy " +
  "center_x center_y x_center y_center xcenter ycenter origin_x origin_y top_left bottom_right size center position " +
  "label class_name className category_name class category name text_label caption prompt phrase desc description text object title labels tags cls " +
  "categories score confidence conf probability class_id classId category_id detection_id segmentation segments points polygon mask metadata"
).split(" ");
const KNOWN = new Set(NAMES);
const MEANT = {
  class_name: "labelname classlabel classtitle objectname objectclass tagname tag entity entityname categorylabel",
  bbox: "bndbox coords boxcoords bboxcoords boxcoordinates bboxcoordinates rectangle bounds",
  box_cxcywh: "cxcywh",
  top_left: "topleft upperleft lefttop min",
  bottom_right: "bottomright lowerright rightbottom max",
  center: "centre",
  size: "dimensions",
  position: "origin",
  polygon: "polygons",
};
const letters = (text) => text.toLowerCase().replace(/[^a-z0-9]/g, "");
const BY_LETTERS = new Map([
  ...NAMES.toReversed().map((name) => [letters(name), name]),
  ...Object.entries(MEANT).flatMap(([name, others]) => others.split(" ").map((other) => [other, name])),
]);

/** @returns {*} an object with its fields under the names that are known; anything else as it came */
export function respelt(item) {
  const keys = isObject(item) ? Object.keys(item) : [];
  if (keys.length > MAX_FIELDS || keys.every((key) => KNOWN.has(key))) return item;
  const out = new Map(keys.filter((key) => KNOWN.has(key)).map((key) => [key, item[key]]));
  for (const key of keys) {
    if (out.has(key)) continue;
    const name = key.length < 40 ? (BY_LETTERS.get(letters(key)) ?? key) : key;
    out.set(out.has(name) ? key : name, item[key]);
  }
  return Object.fromEntries(out);
}
