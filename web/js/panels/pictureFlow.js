/** A picture that is dropped or pasted: behind the layout, the reference of the selection, or, if it can be one, the mask of an instance. */
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
    const picture = await decoded(file);
    if (!picture) {
      store.notify(fill(text.notices.fileUnreadable, { name: file.name }), "warn");
      return;
    }
    const image = pixelsOf(picture);
    const isIn = store.error ? null : maskIn(image);
    const chosen = !store.error && store.session.references === "taken" ? store.session.selection : []; // by one who may want it there
    const choice = isIn || chosen.length ? await askUse(Boolean(isIn), chosen.length) : "picture-background";
    if (choice === "picture-reference") {
      const reference = await host.uploadReference(file);
      if (reference) store.dispatch({ type: "update", ids: chosen, fields: { reference } });
    } else if (choice === "picture-mask") {
      place(store, targetOf(store, "mask"), "mask", encodeMask(fittedMask(isIn, image, store.doc)));
    } else if (choice === "picture-background") {
      await host.dropImage(file);
      const { naturalWidth: width, naturalHeight: height } = picture;
      if (!isOfShape({ width, height }, store.doc)) store.notify(fill(text.notices.pictureFitted, { width, height }));
    }
  };

  function askUse(canBeMask, selected) {
    return ask(root, {
      message: selected ? text.ask.pictureUse : text.ask.picture,
      choices: [
        ...(selected ? [{ act: "picture-reference", label: fill(text.ask.pictureReference, { count: selected }), primary: true }] : []),
        ...(canBeMask ? [{ act: "picture-mask", label: text.ask.pictureMask, primary: !selected }] : []),
        { act: "picture-background", label: text.ask.pictureBackground },
        { act: "picture-cancel", label: text.cancel },
      ],
    });
  }
}

/** @returns {Promise<HTMLImageElement | null>} null: not every file that calls itself an image is one */
async function decoded(file) {
  const picture = new Image();
  picture.src = URL.createObjectURL(file);
  const isRead = await picture.decode().then(() => picture.naturalWidth > 0, () => false);
  URL.revokeObjectURL(picture.src);
  return isRead ? picture : null;
}

function pixelsOf(picture) {
  const scale = Math.min(1, LONGEST / Math.max(picture.naturalWidth, picture.naturalHeight));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.naturalWidth * scale));
  canvas.height = Math.max(1, Math.round(picture.naturalHeight * scale));
  const g = canvas.getContext("2d");
  g.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return g.getImageData(0, 0, canvas.width, canvas.height);
}
