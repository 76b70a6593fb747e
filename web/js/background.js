/** Which picture lies behind a layout: the connected one, the last result of the graph, or a dropped file. */
import { api } from "../../../scripts/api.js";
import { app } from "../../../scripts/app.js";
import { placeBefore, placesOf } from "./graph.js";

let lastResult = null; // {filename, subfolder, type}: the last picture that any node of the page's graph showed

/** Remember the last result of the graph; called once, when the page starts. */
export function watchResults() {
  api.addEventListener("executed", ({ detail }) => {
    const image = detail?.output?.images?.at?.(-1);
    if (image?.filename) lastResult = image;
  });
}

const viewUrl = ({ filename, subfolder = "", type = "output" }) => api.apiURL(`/view?${new URLSearchParams({ filename, subfolder, type })}`);

/** @returns {string} the address of a picture in ComfyUI's input folder, by the name that Load Image gives it */
export function inputUrl(name) {
  const parts = name.replace(/ \[input\]$/, "").split("/");
  return viewUrl({ filename: parts.pop(), subfolder: parts.join("/"), type: "input" });
}

/**
 * @param {object} node the editor's graph node
 * @param {{background: string, file?: object}} settings
 * @param {object | null} own the picture that the node itself sent at its last run
 * @returns {string | null} the picture's address
 */
export function backgroundUrl(node, settings, own) {
  if (settings.background === "file") return settings.file ? viewUrl(settings.file) : null;
  if (settings.background === "last") return lastResult && viewUrl(lastResult);
  if (settings.background !== "input" || !node.graph) return null;
  const slot = node.findInputSlot("background");
  if (slot < 0 || !node.isInputConnected(slot)) return null;
  const [place] = placesOf(app.rootGraph, node); // in a subgraph that is used twice, what the first one gets
  const before = place && placeBefore(place, slot);
  const source = before?.input === null ? before.node : null;
  const shown = source?.imgs?.[0]?.src;
  if (shown) return shown;
  const image = source && app.nodeOutputs?.[outputsKey(source)]?.images?.[0];
  return image ? viewUrl(image) : own && viewUrl(own);
}

/** Under what ComfyUI's page keeps the outputs of a node. */
const outputsKey = ({ id, graph }) => (graph === app.rootGraph ? id : `${graph.id}:${id}`);

/** Upload a dropped picture to ComfyUI's input folder. @returns {Promise<object>} {filename, subfolder, type} */
export async function uploadPicture(file) {
  const form = new FormData();
  form.append("image", file);
  form.append("subfolder", "instdiff");
  const response = await api.fetchApi("/upload/image", { method: "POST", body: form });
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  const { name, subfolder, type } = await response.json();
  return { filename: name, subfolder, type };
}
