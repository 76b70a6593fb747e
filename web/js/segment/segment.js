/** From clicks on the picture behind the layout to a mask. */
import { api } from "../../../../scripts/api.js";
import { uploadPicture } from "../background.js";
import { findSegmenter, loadableName, RESULT, segmentGraph } from "./graph.js";
import { runGraph, RunError } from "./run.js";

/** @returns {Promise<{weights: string} | {missing: string}>} see findSegmenter; RunError where the server does not answer */
export function segmenter() {
  return findSegmenter(async (node) => {
    const response = await api.fetchApi(`/object_info/${node}`).catch(() => null);
    if (!response?.ok) throw new RunError("gone");
    return response.json();
  });
}

/**
 * @param {{url: string, weights: string, size: object, asked: object}} of url: the picture as the page shows it; see segmentGraph
 * @param {{signal: AbortSignal, onProgress: (share: number) => void}} options
 * @returns {Promise<ImageData>} of the picture's size, white where the thing is; RunError
 */
export async function segmented({ url, weights, size, asked }, options) {
  const picture = loadableName(url) ?? (await uploaded(url));
  const outputs = await runGraph(api, segmentGraph({ picture, weights, size, asked }), options);
  const image = outputs[RESULT]?.images?.[0];
  if (!image) throw new RunError("failed");
  return pixels(api.apiURL(`/view?${new URLSearchParams(image)}`));
}

async function uploaded(url) {
  try {
    const blob = await (await fetch(url)).blob();
    const { filename, subfolder, type } = await uploadPicture(new File([blob], "picture.png", { type: blob.type }));
    return `${subfolder ? `${subfolder}/` : ""}${filename} [${type}]`;
  } catch {
    throw new RunError("gone");
  }
}

async function pixels(url) {
  const image = new Image();
  image.src = url;
  if (!(await image.decode().then(() => true, () => false))) throw new RunError("gone");
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const g = canvas.getContext("2d");
  g.drawImage(image, 0, 0);
  return g.getImageData(0, 0, canvas.width, canvas.height);
}
