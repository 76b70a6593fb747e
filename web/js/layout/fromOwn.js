/** Our own document, read as data of others is: an odd instance is left out. The editor's own text is read strictly, by parseLayout. */
import { itemsOf, parseHead, parseInstance, uniqueIds } from "./document.js";
import { isObject } from "./json.js";
import { goodLocations, keepGood } from "./oddItems.js";
import { checkParents } from "./parts.js";

const FIELDS = ["version", "width", "height", "prompt", "instances"];

/** @returns {boolean} whether it is our document, of this or another version: `instances`, and no version or a whole number */
export function isOwn(value) {
  if (!isObject(value)) return false;
  const whole = Number.isInteger(value.version);
  if (!("instances" in value)) return whole && Object.keys(value).every((key) => FIELDS.includes(key)); // a canvas with nothing on it
  if (whole || ("version" in value && value.version === null)) return true;
  const items = value.instances;
  return !("version" in value) && (!Array.isArray(items) || !items.length || items.some(isOurs));
}

/** @returns {object} the layout. LayoutError for another version, a document that is broken itself, and if no instance can be read */
export function fromOwn(document, { notes }) {
  const head = parseHead(document);
  const instances = uniqueIds(keepGood(itemsOf(document), (item, position) => parseInstance(item, position, notes, goodLocations), notes));
  checkParents(instances, notes);
  return { ...head, instances };
}

function isOurs(item) {
  return isObject(item) && ("prompt" in item || Array.isArray(item.box) || "scribble" in item);
}
