/** Which picture lies behind a layout: the connected one, the last result of the graph, or a dropped file. */
import { api } from "../../../scripts/api.js";
import { app } from "../../../scripts/app.js";

let lastResult = null; // {filename, subfolder, type}: the last picture that any node of the page's graph showed

/** Remember the last result of the graph; called once, when the page starts. */
export function watchResults() {
  api.addEventListener("executed", ({ detail }) => {
    const image = detail?.output?.images?.at?.(-1);
    if (image?.filename) lastResult = image;
  });
}

const viewUrl = ({ filename, subfolder = "", type = "output" }) => api.apiURL(`/view?${new URLSearchParams({ filename, subfolder, type })}`);

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
  const source = node.getInputNode(slot); // null where the link enters a subgraph: then the node's own copy serves
  const shown = source?.imgs?.[0]?.src;
  if (shown) return shown;
  const image = source && app.nodeOutputs?.[source.id]?.images?.[0];
  return image ? viewUrl(image) : own && viewUrl(own);
}

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
