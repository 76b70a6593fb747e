/** Turning and mirroring the selection: one undo step, and a sentence where more became of it than a turn. */
import { withParts } from "../layout/parts.js";
import { keyText } from "../panels/keys.js";
import { fill } from "../text.js";
import { keepsUpright } from "../state/affine.js";
import { instancesOf } from "../state/geometry.js";
import { turnOf } from "../state/turn.js";

const STEP = 15; // degrees, with Shift
const FINE = 10; // parts of a degree

/** @returns {object[]} what turns with these ids */
export const turnable = (doc, ids) => instancesOf(doc, withParts(doc, ids)).filter((instance) => !instance.locked);

/** @param {{store: object, text: object}} editor @param {number} degrees clockwise */
export function turnBy({ store, text }, degrees) {
  const ids = store.session.selection;
  const chosen = turnable(store.doc, ids);
  const turn = turnOf(store.doc, chosen, degrees);
  if (!turn || !store.dispatch({ type: "turn", ids, degrees })) return;
  const boxes = keepsUpright(turn.map) ? 0 : chosen.filter(({ box, mask }) => box && !mask).length;
  const said = [];
  if (boxes) said.push(fill(text.notices.boxTurned, { count: boxes }));
  if (!turn.fits) said.push(text.notices.turnedOut);
  if (said.length) store.notify(`${said.join(" ")} ${fill(text.notices.undoes, { key: keyText("undo") })}`);
}

/** @param {0 | 1} axis 0: left becomes right, 1: top becomes bottom */
export function mirror({ store }, axis) {
  store.dispatch({ type: "mirror", ids: store.session.selection, axis });
}

/**
 * A turn by the pointer, about where the middle of the bounds was when it began: shown while it goes on, one step at the end.
 * @param {object} editor {store, text, redraw()} @param {{bounds: number[], screen: number[], view: object}} start screen: where the pointer went down
 * @returns {object} {move(e), finish(), shown()}: shown for turnHandle.js, null where nothing turns yet
 */
export function pointerTurn(editor, { bounds, screen, view }) {
  const { store } = editor;
  const centre = view.toScreen([(bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2]);
  const angle = ([x, y]) => (Math.atan2(y - centre[1], x - centre[0]) * 180) / Math.PI;
  const from = angle(screen);
  let [degrees, at] = [0, screen];

  return {
    move(e) {
      const step = e.shift ? STEP : 1 / FINE;
      const turned = Math.round((angle(e.screen) - from) / step) * step;
      degrees = Math.round((((turned + 540) % 360) - 180) * FINE) / FINE;
      at = e.screen;
      store.preview({ type: "turn", ids: store.session.selection, degrees });
      editor.redraw();
    },
    finish() {
      store.preview(null); // back where it began, which may be all
      if (degrees) turnBy(editor, degrees);
    },
    shown() {
      const turn = turnOf(store.doc, turnable(store.doc, store.session.selection), degrees);
      return turn && { ...turn, bounds, degrees, screen: at };
    },
  };
}
