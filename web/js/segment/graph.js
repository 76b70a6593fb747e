/** The small graph that finds the mask of what was clicked: ComfyUI's own SAM3 nodes, and ours for the box. */
import { fitted } from "../editor/picture.js";

export const DETECT = "SAM3_Detect";
export const LOADER = "CheckpointLoaderSimple";
export const WEIGHTS = "sam3.1_multiplex_fp16.safetensors"; // as ComfyUI's own blueprints name it
export const FOLDER = "models/checkpoints";
export const RESULT = "result";
const IS_SAM3 = /sam[-_. ]?3/i;

/**
 * @param {(node: string) => Promise<object>} describe the server's object_info of one node
 * @returns {Promise<{weights: string} | {missing: "node" | "weights"}>} the file to load, or what there is none of
 */
export async function findSegmenter(describe) {
  const [detect, loader] = await Promise.all([describe(DETECT), describe(LOADER)]);
  if (!detect[DETECT]) return { missing: "node" };
  const [options, more] = loader[LOADER]?.input?.required?.ckpt_name ?? [];
  const files = (Array.isArray(options) ? options : (more?.options ?? [])).filter((file) => IS_SAM3.test(file));
  const weights = files.find((file) => file.endsWith(WEIGHTS)) ?? files[0];
  return weights ? { weights } : { missing: "weights" };
}

/**
 * @param {[number, number]} point in 0..1 of the canvas
 * @param {{width: number, height: number}} picture fitted into it @param {{width: number, height: number}} canvas pixels
 * @returns {[number, number] | null} the pixel of the picture; null beside it
 */
export function pixelAt([x, y], picture, canvas) {
  const place = fitted(picture, { left: 0, top: 0, width: canvas.width, height: canvas.height });
  const at = [((x * canvas.width - place.left) * picture.width) / place.width, ((y * canvas.height - place.top) * picture.height) / place.height];
  const isIn = at[0] >= 0 && at[1] >= 0 && at[0] <= picture.width && at[1] <= picture.height;
  return isIn ? [Math.min(Math.floor(at[0]), picture.width - 1), Math.min(Math.floor(at[1]), picture.height - 1)] : null;
}

/**
 * @param {{picture: string, weights: string, size: {width: number, height: number}, asked: {positive: number[][], negative: number[][],
 *   box: number[] | null}}} of picture: as LoadImage names it; asked: pixels of it
 * @returns {object} a prompt for ComfyUI; its node RESULT shows the mask as a picture, white where the thing is
 */
export function segmentGraph({ picture, weights, size, asked: { positive, negative, box } }) {
  const coords = (points) => JSON.stringify(points.map(([x, y]) => ({ x, y })));
  const node = (type, inputs) => ({ class_type: type, inputs, _meta: { title: type } });
  const prompts = box ? { bboxes: ["boxes", 0] } : { positive_coords: coords(positive), negative_coords: coords(negative) };
  return {
    picture: node("LoadImage", { image: picture }),
    weights: node(LOADER, { ckpt_name: weights }),
    ...(box ? boxNodes(node, box, size) : {}),
    detect: node(DETECT, { model: ["weights", 0], image: ["picture", 0], ...prompts, threshold: 0.5, refine_iterations: 2, individual_masks: false }),
    mask: node("MaskToImage", { mask: ["detect", 0] }),
    [RESULT]: node("PreviewImage", { images: ["mask", 0] }),
  };
}

function boxNodes(node, [x0, y0, x1, y1], { width, height }) {
  const place = { left: x0 / width, top: y0 / height, right: (x1 + 1) / width, bottom: (y1 + 1) / height };
  return {
    drawn: node("InstDiffBox", { prompt: "box", ...place }),
    boxes: node("InstDiffToBoxes", { instances: ["drawn", 0], width, height, order: "x, y, width, height" }),
  };
}

/**
 * @param {string} url where the page shows a picture
 * @returns {string | null} how LoadImage names a picture of the server's own folders; null for any other
 */
export function loadableName(url) {
  const { pathname, searchParams } = new URL(url, "http://page/");
  const file = searchParams.get("filename");
  if (!pathname.endsWith("/view") || !file) return null;
  const subfolder = searchParams.get("subfolder");
  return `${subfolder ? `${subfolder}/` : ""}${file} [${searchParams.get("type") ?? "output"}]`;
}
