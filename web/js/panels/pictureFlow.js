/** A picture that is dropped or pasted: behind the layout, or, if it can be one, the mask of an instance. */
import { fittedMask, isOfShape, maskIn } from "../editor/picture.js";
import { place, targetOf } from "../editor/placing.js";
import { encodeMask } from "../layout/rle.js";
import { fill } from "../text.js";
import { ask } from "./ask.js";

const LONGEST = 2048; // pixels that are looked at; masks are stored smaller

/**
 * @param {{store: object, host: object, text: object, root: HTMLElement}} options
 * @returns {(file: File) => Promise<void>}
 */
export function createPictureFlow({ store, host, text, root }) {
  return async function take(file) {
    const picture = await createImageBitmap(file).catch(() => null); // not every file that calls itself an image is one
    if (!picture) {
      store.notify(fill(text.notices.fileUnreadable, { name: file.name }), "warn");
      return;
    }
    const image = pixelsOf(picture);
    const isIn = store.error ? null : maskIn(image);
    const choice = isIn && (await askUse());
    if (isIn && choice === "picture-mask") {
      place(store, targetOf(store, "mask"), "mask", encodeMask(fittedMask(isIn, image, store.doc)));
    } else if (!isIn || choice === "picture-background") {
      await host.dropImage(file);
      const { width, height } = picture;
      if (!isOfShape(picture, store.doc)) store.notify(fill(text.notices.pictureFitted, { width, height }));
    }
  };

  function askUse() {
    return ask(root, {
      message: text.ask.picture,
      choices: [
        { act: "picture-mask", label: text.ask.pictureMask, primary: true },
        { act: "picture-background", label: text.ask.pictureBackground },
        { act: "picture-cancel", label: text.cancel },
      ],
    });
  }
}

function pixelsOf(picture) {
  const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  const g = canvas.getContext("2d");
  g.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return g.getImageData(0, 0, canvas.width, canvas.height);
}
