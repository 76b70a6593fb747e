/** Files that hold no layout, or one that is not read: each named for what it is, with what to do instead. */
import { areItems } from "./detectors.js";
import { LayoutError } from "./error.js";
import { isObject } from "./json.js";

const LOOKED_AT = 50; // fields of an object
const HOLDERS = ["prompt", "workflow"]; // fields of a picture's metadata that hold a workflow

/** What ComfyUI can load, and this editor cannot. */
export class WorkflowFound extends LayoutError {}

/** @returns {boolean} ComfyUI's own JSON: of the editor ({nodes, links}), or in API form ({number: {class_type, inputs}}) */
export function isWorkflow(value) {
  if (!isObject(value)) return false;
  if (HOLDERS.some((key) => isObject(value[key]) && isWorkflow(withoutHolders(value[key])))) return true;
  if (Array.isArray(value.nodes) && ("links" in value || "last_node_id" in value)) return true;
  const nodes = Object.values(value).slice(0, LOOKED_AT);
  return nodes.length > 0 && nodes.every((node) => isObject(node) && "class_type" in node);
}

function withoutHolders(value) {
  return Object.fromEntries(Object.entries(value).filter(([key]) => !HOLDERS.includes(key)));
}

export function isVia(value) {
  if (!isObject(value)) return false;
  if (Object.keys(value).slice(0, LOOKED_AT).some((key) => key.startsWith("_via_"))) return true;
  if (["project", "config", "attribute", "file", "metadata"].every((key) => key in value)) return true; // the third version
  return areItems(Object.values(value).slice(0, LOOKED_AT), (entry) => "regions" in entry && "filename" in entry);
}

export function isCvat(text) {
  return /^\s{0,99}(?:<\?xml[^>]{0,200}>\s{0,99})?<annotations\b/.test(text.slice(0, 1000));
}

/** @returns {boolean} a task's annotations.json: shapes with a `type` and flat points */
export function isCvatJson(value) {
  return isObject(value) && areItems(value.shapes, (shape) => "type" in shape && "points" in shape && !("shape_type" in shape));
}

export function isVoc(text) {
  return /^\s{0,99}(?:<\?xml[^>]{0,200}>\s{0,99})?<annotation\b/.test(text.slice(0, 1000));
}

/** One sentence that says what it is, and one that says what to do. */
export function refuse(name, advice) {
  throw new LayoutError(`This is ${name}, which is not read. ${advice}`);
}
