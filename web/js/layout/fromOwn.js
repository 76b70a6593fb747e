/** Our own document, read as data of others is: an odd instance is left out. The editor's own text is read strictly, by parseLayout. */
import { LOCATION_KINDS, itemsOf, parseHead, parseInstance, uniqueIds } from "./document.js";
import { LayoutError } from "./error.js";
import * as fields from "./fields.js";
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
  const instances = uniqueIds(keepGood(itemsOf(document), (item, position) => readInstance(item, position, notes), notes));
  checkParents(instances, notes);
  return { ...head, instances };
}

function readInstance(item, position, notes) {
  try {
    return parseInstance(item, position, notes);
  } catch (error) {
    const given = error instanceof LayoutError && isObject(item) ? LOCATION_KINDS.filter((kind) => item[kind] != null) : [];
    if (given.length < 2) throw error;
    const where = error.message.split(":")[0];
    const good = goodLocations(
      Object.fromEntries(given.map((kind) => [kind, () => fields[kind](item[kind], where, [])])), error.message, notes,
    );
    const bad = given.filter((kind) => !(kind in good));
    if (!bad.length) throw error; // its locations are sound: it is something else
    return parseInstance(Object.fromEntries(Object.entries(item).filter(([key]) => !bad.includes(key))), position, notes);
  }
}

function isOurs(item) {
  return isObject(item) && ("prompt" in item || LOCATION_KINDS.some((kind) => kind in item));
}
