/** What the studio of one editor shows: the last results, which one lies behind the layout, with what it is compared. Nothing here changes in place. */

export const MOST = 12; // results of a session; a result is addresses and a layout's text, no pixels
export const LAYOUT = "layout"; // to compare with: the layout alone

/**
 * @typedef {object} Result
 * @property {string} id of the run
 * @property {number} number counts the results of the session from 1
 * @property {object[]} images {filename, subfolder, type, node, title} @property {number} image which of them is shown
 * @property {string} layout JSON text of the layout that it was made of
 * @property {{id: string, value: number} | null} seed the node that it was set on
 */

/** @returns {object} the state of a studio that was never used */
export function newStudio() {
  return {
    results: [],
    made: 0, // results so far
    shown: null, // id of a result, or null: none
    follow: true, // a run that is going on is shown instead
    on: true, // whether any picture lies behind the layout
    other: null, // id of a result, or LAYOUT: compared with it
    split: 0.5, // where, as a fraction of the canvas
    opacity: 1,
    layout: true, // whether the layout is drawn over the picture
    seedAt: null, // id of the node whose seed is meant, where there are several
    problem: null, // one sentence about the last run
  };
}

/**
 * Take a run's pictures in, or more pictures of a run that is there already. Shows them if the run was being followed.
 * @param {boolean} [given.cached] no node ran for them: where they are another result's pictures, that one is shown instead
 */
export function withResult(state, given) {
  const { id, images, layout, seed, cached = false } = given;
  const same = cached ? repeated(state, given) : null;
  if (same) return { ...state, shown: state.follow ? same.id : state.shown };
  const before = state.results.find((one) => one.id === id);
  if (before) return { ...state, results: state.results.map((one) => (one === before ? { ...one, images, image: Math.min(one.image, images.length - 1) } : one)) };
  const made = state.made + 1;
  let results = [...state.results, { id, number: made, images, image: 0, layout, seed }];
  const shown = state.follow ? id : state.shown;
  const kept = new Set([id, shown, state.other]);
  if (results.length > MOST) {
    const oldest = results.find((one) => !kept.has(one.id));
    results = results.filter((one) => one !== oldest);
  }
  return { ...state, made, results, shown };
}

/** @returns {Result | null} the last result, of another run, that holds all of these pictures */
export function repeated({ results }, { id, images }) {
  const key = ({ filename, subfolder = "", type }) => JSON.stringify([filename, subfolder, type]);
  const holds = (result) => {
    const there = new Set(result.images.map(key));
    return images.every((image) => there.has(key(image)));
  };
  return (images.length && results.findLast((one) => one.id !== id && holds(one))) || null;
}

/** Show a result; stops following the run that is going on. */
export function choose(state, id) {
  if (!state.results.some((one) => one.id === id)) return state;
  return { ...state, shown: id, follow: false, on: true, other: state.other === id ? null : state.other };
}

/** The result after the shown one, or before it. */
export function stepped(state, by) {
  const at = state.results.findIndex((one) => one.id === state.shown);
  const next = state.results[Math.min(state.results.length - 1, Math.max(0, (at < 0 ? state.results.length : at) + by))];
  return next ? choose(state, next.id) : state;
}

/** Another picture of the shown result's batch, around in a circle. */
export function turned(state, by) {
  const turn = (one) => ({ ...one, image: (one.image + by + one.images.length) % one.images.length });
  return { ...state, results: state.results.map((one) => (one.id === state.shown ? turn(one) : one)) };
}

/** Compare the shown result with another one or with LAYOUT; null ends it. */
export function comparedWith(state, other) {
  const known = other === LAYOUT || (other !== state.shown && state.results.some((one) => one.id === other));
  return { ...state, other: known && shownResult(state) ? other : null };
}

/** What the shown result is compared with if nothing else is said: the result before it, or the layout. */
export function natural(state) {
  const at = state.results.findIndex((one) => one.id === state.shown);
  return at > 0 ? state.results[at - 1].id : LAYOUT;
}

/** A run was started: it is followed, and what was said about the last one is over. */
export function started(state) {
  return { ...state, follow: true, on: true, other: null, problem: null };
}

/** @returns {Result | null} */
export function shownResult(state) {
  return state.results.find((one) => one.id === state.shown) ?? null;
}

/** @returns {object | null} the image that a result shows */
export const imageOf = (result) => result?.images[result.image] ?? null;

/** @returns {number[]} the seeds of the results before the shown one, the latest first, each once */
export function earlierSeeds(state) {
  const values = state.results.map((one) => one.seed?.value).filter((value) => typeof value === "number");
  return [...new Set(values.reverse())];
}
