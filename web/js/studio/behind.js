/** The pictures of the studio behind the layout: loaded when they are wanted, drawn beside each other when two are compared. */
import { fitted } from "../editor/picture.js";
import { imageOf, LAYOUT, shownResult } from "./results.js";

/**
 * @param {{desk: object, redraw: () => void}} options
 * @returns {{now(): object | null, rest(): void}}
 */
export function createBehind({ desk, redraw }) {
  const after = createPicture(redraw);
  const before = createPicture(redraw);
  const live = createLive(redraw);

  return {
    /**
     * @returns {{after: CanvasImageSource | null, before: CanvasImageSource | null, opacity: number, split: number | null,
     *   layout: "all" | "none" | "left"}} null: the studio shows no picture
     */
    now() {
      const state = desk.state();
      const following = state.follow && desk.jobs().length > 0;
      const result = shownResult(state);
      const shows = state.on && result;
      after.show(shows ? desk.url(imageOf(result), result) : null);
      if (!state.on) live.show(null);
      else if (following) live.show(desk.preview());
      else if (!after.isLoading()) live.show(null); // the last preview stays until the result is there
      const other = state.other === LAYOUT ? null : state.results.find((one) => one.id === state.other);
      const compares = shows && state.other !== null && !live.image();
      before.show(compares && other ? desk.url(imageOf(other), other) : null);
      const picture = live.image() ?? after.image();
      if (!picture) return null;
      return {
        after: picture,
        before: before.image(),
        opacity: state.opacity,
        split: compares ? state.split : null,
        layout: compares && state.other === LAYOUT ? "left" : state.layout ? "all" : "none",
      };
    },
    /** Nothing is shown: let go of the pictures. */
    rest() {
      for (const one of [after, before, live]) one.show(null);
    },
  };
}

/** A picture from an address. The last one stays until the next one is there, so that nothing flickers. */
function createPicture(redraw) {
  let wanted = null;
  let loaded = null;
  let loading = false;
  return {
    image: () => loaded,
    isLoading: () => loading,
    show(url) {
      if (url === wanted) return;
      wanted = url;
      loading = Boolean(url);
      if (!url) {
        loaded = null;
        return;
      }
      const image = new Image();
      image.src = url;
      image.decode().then(
        () => {
          if (wanted !== url) return;
          loading = false;
          loaded = image;
          redraw();
        },
        () => {
          if (wanted !== url) return;
          loading = false;
          loaded = null; // the file is gone; its thumbnail says so
          redraw();
        }
      );
    },
  };
}

/** The preview that came last, decoded; only one is kept. */
function createLive(redraw) {
  let wanted = null;
  let bitmap = null;
  return {
    image: () => bitmap,
    show(blob) {
      if (blob === wanted) return;
      wanted = blob;
      if (!blob) {
        bitmap?.close();
        bitmap = null;
        return;
      }
      createImageBitmap(blob).then(
        (next) => {
          if (wanted !== blob) {
            next.close();
            return;
          }
          bitmap?.close();
          bitmap = next;
          redraw();
        },
        () => {} // not a picture that this browser reads: the one before stays
      );
    },
  };
}

/** Draw them into the canvas of the layout. @param {CanvasRenderingContext2D} g @param {object} behind now() @param {object} view the viewport */
export function drawBehind(g, { after, before, opacity, split }, view) {
  const side = (image, from, to) => {
    if (!image) return;
    g.save();
    g.beginPath();
    g.rect(view.left + from * view.width, view.top, (to - from) * view.width, view.height);
    g.clip();
    const place = fitted({ width: image.naturalWidth ?? image.width, height: image.naturalHeight ?? image.height }, view);
    g.globalAlpha = opacity;
    g.drawImage(image, place.left, place.top, place.width, place.height);
    g.restore();
  };
  if (split === null) side(after, 0, 1);
  else {
    side(before, 0, split);
    side(after, split, 1);
  }
}

/** Hold what is drawn next to the part of the canvas where the layout is to be seen. The caller restores. */
export function clipLayout(g, behind, view, size) {
  g.save();
  if (!behind || behind.layout === "all") return;
  g.beginPath();
  if (behind.layout === "left") g.rect(0, 0, view.left + behind.split * view.width, size.height);
  else g.rect(0, 0, 0, 0);
  g.clip();
}
