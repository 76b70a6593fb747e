/**
 * Click to mask: a click, or a box, on the picture behind the layout makes the mask of what is there. Shift+click adds to it, Alt+click takes
 * away from it; any other click begins anew. The interface of a tool is described in selectTool.js.
 */
import { showBusy } from "../panels/busy.js";
import { FOLDER, pixelAt, WEIGHTS } from "../segment/graph.js";
import { encodeMask } from "../layout/rle.js";
import { rectangle, tidy } from "../state/geometry.js";
import { fill } from "../text.js";
import { fittedMask } from "./picture.js";
import { place, targetOf } from "./placing.js";

const SLOP = 4; // CSS pixels that a click may wander before it is a box
const DOT = 5; // CSS pixels

const middle = ([x0, y0, x1, y1]) => [(x0 + x1) / 2, (y0 + y1) / 2];

export function segmentTool(editor) {
  const { store, host, root, text } = editor;
  const words = text.segment;
  let drag = null; // {from, screen, to, shift, alt}
  let asked = null; // {id, positive, negative, box} in 0..1 of the canvas; id: the instance that has the mask, null before
  let settled = null; // the last question that got its mask
  let running = null; // {abort, busy}

  function down(e) {
    drag = { from: e.at.map(tidy), screen: e.screen, to: null, shift: e.shift, alt: e.alt };
  }

  function move(e) {
    if (!drag) return;
    const far = Math.hypot(e.screen[0] - drag.screen[0], e.screen[1] - drag.screen[1]) >= SLOP;
    if (far || drag.to) drag.to = e.at.map(tidy);
    editor.redraw();
  }

  function up() {
    if (!drag) return;
    const { from, to, shift, alt } = drag;
    drag = null;
    const goesOn = (shift || alt) && asked;
    if (!goesOn) settled = null;
    const before = goesOn ? asked : { id: null, positive: [], negative: [], box: null };
    const point = to && goesOn ? middle(rectangle(from, to)) : from;
    if (to && !goesOn) asked = { ...before, box: rectangle(from, to) };
    else {
      // boxes and points give a mask each: where points come to a box, its middle stands for it
      const positive = before.box ? [middle(before.box)] : before.positive;
      asked = alt ? { ...before, box: null, positive, negative: [...before.negative, point] } : { ...before, box: null, positive: [...positive, point] };
    }
    editor.redraw();
    if (asked.box || asked.positive.length) run();
    else end(words.first);
  }

  async function run() {
    abandon();
    store.notify(null); // what was missing before
    const { picture } = store.session;
    const url = host.backgroundUrl();
    if (!picture || !url) return end(words.noPicture);
    const question = asked;
    const pixel = (point) => pixelAt(point, picture, store.doc);
    const [positive, negative] = [question.positive.map(pixel), question.negative.map(pixel)];
    const box = question.box && [pixel(clampedTo(question.box.slice(0, 2))), pixel(clampedTo(question.box.slice(2)))];
    if ([...positive, ...negative, ...(box ?? [])].includes(null)) return end(words.beside);
    const abort = new AbortController();
    const busy = showBusy(root.querySelector(".ie-stage"), { label: words.running, cancelLabel: text.cancel, onCancel: () => stop() });
    running = { abort, busy };
    try {
      const found = await host.segmenter();
      if (abort.signal.aborted) return undefined;
      if (found.missing) return end(fill(words[found.missing], { file: WEIGHTS, folder: FOLDER }));
      const of = { url, weights: found.weights, size: picture, asked: { positive, negative, box: box && [...box[0], ...box[1]] } };
      const image = await host.segmented(of, { signal: abort.signal, onProgress: busy.progress });
      if (!abort.signal.aborted) finish(question, image);
    } catch (problem) {
      if (!problem.why) throw problem;
      if (!abort.signal.aborted) end(words[problem.why]);
    } finally {
      busy.close();
      if (running?.abort === abort) running = null;
    }
    return undefined;
  }

  function finish(question, image) {
    const bitmap = fittedMask((x, y) => image.data[4 * (y * image.width + x)] >= 128, image, store.doc);
    if (!bitmap.data.includes(1)) return end(words.nothing);
    const there = store.doc.instances.find(({ id }) => id === question.id);
    const target = there && !there.locked ? there : targetOf(store, "mask");
    const before = new Set(store.doc.instances.map(({ id }) => id));
    place(store, target, "mask", encodeMask(bitmap));
    const made = target ?? store.doc.instances.find(({ id }) => !before.has(id));
    if (asked === question && made) asked = settled = { ...question, id: made.id };
    editor.redraw();
    return undefined;
  }

  /** No mask this time: say why, and be where one was before. */
  function end(sentence) {
    asked = settled;
    editor.redraw();
    store.notify(sentence, "warn");
  }

  function abandon() {
    running?.abort.abort();
    running?.busy.close();
    running = null;
  }

  function stop() {
    if (!running) return false;
    abandon();
    asked = settled;
    editor.redraw();
    return true;
  }

  /** The picture may be smaller than the canvas; a box may reach beyond it. */
  function clampedTo(point) {
    const { picture } = store.session;
    const scale = Math.min(store.doc.width / picture.width, store.doc.height / picture.height);
    const share = [(picture.width * scale) / store.doc.width, (picture.height * scale) / store.doc.height];
    return point.map((v, axis) => Math.min(Math.max(v, (1 - share[axis]) / 2), (1 + share[axis]) / 2));
  }

  function cancel() {
    const was = drag !== null || running !== null || asked !== null;
    drag = null;
    if (!stop()) asked = settled = null;
    editor.redraw();
    return was;
  }

  function draw(g, view) {
    const shown = drag?.to ? rectangle(drag.from, drag.to) : asked?.box;
    g.lineWidth = 1.5;
    if (shown) {
      const [[x, y], [right, bottom]] = [view.toScreen(shown.slice(0, 2)), view.toScreen(shown.slice(2))];
      g.strokeStyle = "#ffffff";
      g.setLineDash([5, 4]);
      g.strokeRect(x, y, right - x, bottom - y);
      g.setLineDash([]);
    }
    for (const [points, color] of [[asked?.positive, "#2fbf71"], [asked?.negative, "#ff4d4d"]]) {
      for (const point of points ?? []) {
        g.beginPath();
        g.arc(...view.toScreen(point), DOT, 0, 2 * Math.PI);
        g.fillStyle = color;
        g.strokeStyle = "#ffffff";
        g.fill();
        g.stroke();
      }
    }
  }

  return {
    ...{ down, move, up, cancel, draw },
    hover: () => "crosshair",
    busy: () => drag !== null,
    pause: () => stop(),
    leave() {
      if (store.session.tool !== "segment") asked = settled = null;
    },
  };
}
