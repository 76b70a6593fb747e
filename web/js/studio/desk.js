/**
 * The studio of one editor node: its results, its run, its seed. The state belongs to the editor's session, since undo rebuilds the node;
 * runs of a workflow that is not shown at the moment are kept, too.
 */
import { api } from "../../../../scripts/api.js";
import { app } from "../../../../scripts/app.js";
import { placeId, placesOf } from "../graph.js";
import { fill } from "../text.js";
import { ACTIVE, PREVIEW } from "./jobs.js";
import { downstream, pictures } from "./prompt.js";
import { choose, earlierSeeds, MOST, newStudio, repeated, started, withResult } from "./results.js";
import { activeJobs, cancelJob, isConnected, join, onRun, pastRuns, resume, runGraph } from "./runs.js";
import { isFixed, newSeed, seedsAfter, sentSeed, setSeed } from "./seeds.js";
import { failure, refusal } from "./sentences.js";

const SETTLED = 700; // milliseconds: after that a node that was loaded has the session of its workflow

const states = new WeakMap(); // session -> state, see results.js
const previews = new WeakMap(); // session -> {job, blob}: the last preview of the run that goes on
const resumed = new WeakSet(); // sessions that have taken up what still runs from before the page was loaded
const remembered = new WeakSet(); // sessions that know what ran before
const desks = new Set();

const stateOf = (session) => states.get(session) ?? newStudio();

function change(session, next) {
  states.set(session, next);
  for (const desk of desks) desk.changed(session);
}

/**
 * What a message means for the editors in that run.
 * @param {string} what @param {{job?: object, detail?: object, takers?: object[], problem?: any, prompt?: object}} given
 */
onRun((what, { job, detail, takers = job?.takers ?? [], problem, prompt }) => {
  if (what === "connection") for (const desk of desks) desk.changed();
  for (const taker of takers) {
    const { session, down } = taker;
    let next = stateOf(session);
    if (what === "queued") next = started(next);
    if (what === "refused") next = { ...next, problem: { level: "warn", say: (words) => refusal(problem, prompt, (id) => down.has(id), words) } };
    if (what === PREVIEW) {
      if (!down.has(String(detail.displayNodeId ?? detail.nodeId))) continue;
      previews.set(session, { job, blob: detail.blob });
    }
    if (job) next = withPictures(next, job, taker);
    if (job && !ACTIVE.has(job.state)) {
      if (previews.get(session)?.job === job) previews.delete(session);
      next = { ...next, problem: verdict(job, next, taker) };
    }
    change(session, next);
  }
});

/** What a run gave to one editor, as a result takes it. */
function resultOf(job, { down, layout, seed }) {
  const images = pictures(job.prompt, down, job.outputs);
  return { id: job.id, images, layout, seed, cached: images.every(({ node }) => job.cached.has(node)) };
}

function withPictures(state, job, taker) {
  const given = resultOf(job, taker);
  return given.images.length ? withResult(state, given) : state;
}

/** What is to be said of a run that ended; null: its picture speaks for itself. */
function verdict(job, state, taker) {
  if (job.state === "cancelled") return { level: "info", say: (words) => words.cancelled };
  if (job.state === "gone") return { level: "warn", say: (words) => words.gone };
  if (job.error) return { level: "warn", say: (words) => failure(job.error, job.prompt, words) };
  if (state.results.some((one) => one.id === job.id)) return null;
  const same = repeated(state, resultOf(job, taker));
  if (!same) return { level: "warn", say: (words) => words.noPicture };
  const last = same === state.results.at(-1);
  return { level: "info", say: (words) => fill(last ? words.unchanged : words.again, { n: same.number }) };
}

/** @param {{node: object, store: object, atOnce: (act: () => void) => void}} options atOnce does something as one step of the history */
export function createDesk({ node, store, atOnce }) {
  const listeners = new Set();
  let leave = null;
  let timer = null;
  const state = () => stateOf(store.session);
  const set = (next) => change(store.session, next);
  const places = () => (node.graph ? placesOf(app.rootGraph, node) : []);
  const seeds = () => seedsAfter(places());

  function seed(all = seeds()) {
    return all.find((one) => one.id === state().seedAt) ?? all[0] ?? null;
  }

  /** The editor's part in a graph that is sent: a taker, or none if it isn't in it. */
  function take(prompt) {
    const ids = places().map(placeId).filter((id) => prompt[id]?.class_type === node.type);
    if (!ids.length) {
      if (store.session.popout) set({ ...state(), problem: { level: "warn", say: (words) => words.notInRun } });
      return [];
    }
    const at = seed();
    const layout = prompt[ids[0]].inputs.layout;
    return [{ session: store.session, ids, down: downstream(prompt, ids), seed: at && sentSeed(at, prompt), layout }];
  }

  const ours = (prompt, workflow) => (workflow === app.rootGraph.id ? take(prompt) : []);

  /** The runs of this page that went on while it was loaded anew. */
  async function takeUp() {
    const { session } = store;
    if (resumed.has(session)) return;
    resumed.add(session);
    await resume(ours);
  }

  /** The results from before this page was loaded: when they are to be seen, since the server's history can be large. */
  async function remember() {
    const { session } = store;
    if (remembered.has(session)) return;
    remembered.add(session);
    const past = await pastRuns(MOST);
    for (const { id, prompt, workflow, outputs, cached } of past) {
      const [taker] = ours(prompt, workflow);
      if (taker && !stateOf(session).results.some((one) => one.id === id)) {
        change(session, withPictures(stateOf(session), { id, prompt, outputs, cached }, taker));
      }
    }
  }

  const desk = {
    state,
    set,
    seeds,
    seed,
    changed(session = store.session) {
      if (session === store.session) for (const listener of [...listeners]) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    /** @returns {object[]} the runs of this editor that are queued or at work, the one at work first */
    jobs() {
      const mine = activeJobs().filter((job) => job.takers.some((taker) => taker.session === store.session));
      return [...mine.filter((job) => job.state === "running"), ...mine.filter((job) => job.state === "queued")];
    },
    isConnected,
    /** @returns {Blob | null} the last preview of the run that goes on */
    preview: () => previews.get(store.session)?.blob ?? null,
    run: () => runGraph(),
    async cancel() {
      const [job] = desk.jobs();
      if (job) await cancelJob(job);
    },
    url: ({ filename, subfolder = "", type = "output" }, { id }) =>
      // names of temporary files begin anew with each server: the run tells them apart
      api.apiURL(`/view?${new URLSearchParams({ filename, subfolder, type, run: id.slice(0, 8) })}`),

    isFixed: () => isFixed(seed()),
    setSeed(what) {
      const at = seed();
      if (at) atOnce(() => setSeed(at, what));
      desk.changed();
    },
    newSeed: () => desk.setSeed({ value: newSeed() }),
    /** The seed of the run before, and of the one before that: those that were used here. */
    earlierSeed() {
      const used = earlierSeeds(state());
      const next = used[used.indexOf(seed()?.widget?.value) + 1];
      if (next !== undefined) desk.setSeed({ value: next, fixed: true });
    },
    hasEarlierSeed() {
      const used = earlierSeeds(state());
      return used.indexOf(seed()?.widget?.value) + 1 < used.length;
    },

    /**
     * Picture, layout and seed of a result, as one step of the history.
     * @returns {"all" | "layout"} whether its seed could be set, too
     */
    bringBack(result) {
      const at = result.seed && seeds().find((one) => one.id === result.seed.id && one.widget);
      atOnce(() => {
        store.repair(result.layout);
        if (at) setSeed(at, { value: result.seed.value, fixed: true });
      });
      set(choose(state(), result.id));
      return at ? "all" : "layout";
    },

    remember,
    start() {
      leave ??= join({ take, wantsPreviews: () => Boolean(store.session.popout) && state().on });
      desks.add(desk);
      timer = setTimeout(takeUp, SETTLED);
    },
    stop() {
      clearTimeout(timer);
      leave?.();
      leave = null;
      desks.delete(desk);
    },
  };
  return desk;
}
