/**
 * The runs of this page, from the messages that ComfyUI sends about them. Messages may come before the server's answer to the request that
 * started the run: those are kept until the run is known.
 */

const EARLY = 100; // messages that are kept for runs that are not known (yet)
export const PREVIEW = "b_preview_with_metadata";
const KEPT = 5; // runs that are over; each holds its whole graph
export const ACTIVE = new Set(["queued", "running"]);

/**
 * @typedef {object} Job
 * @property {string} id @property {object} prompt the graph in API form
 * @property {object[]} takers the editors that are in it: {session, ids, down, seed, layout}
 * @property {"queued" | "running" | "done" | "failed" | "cancelled" | "gone"} state gone: the server does not know it any more
 * @property {number | null} ahead how many runs come before it
 * @property {{node: string, value: number, max: number} | null} at the node that runs
 * @property {Map<string, object[]>} outputs images by node @property {Set<string>} cached nodes that did not run: what they gave is what they gave before
 * @property {boolean} quiet its previews were asked for by the studio alone
 * @property {object | null} error {node, message} of what failed; a part of a graph may be refused while the rest runs
 */

/** @param {(job: Job, what: string, detail: object | null) => void} changed told after each change, with the message */
export function createJobs(changed) {
  const jobs = new Map();
  let early = [];

  function add({ id, prompt, takers, error = null, quiet = false }) {
    const job = { id, prompt, takers, error, quiet, state: "queued", ahead: null, at: null, outputs: new Map(), cached: new Set() };
    jobs.set(id, job);
    for (const old of [...jobs.values()].filter((one) => !ACTIVE.has(one.state)).slice(0, -KEPT)) jobs.delete(old.id);
    changed(job, "queued", null);
    const mine = early.filter(([, detail]) => idOf(detail) === id);
    early = early.filter(([, detail]) => idOf(detail) !== id);
    for (const [type, detail] of mine) tell(type, detail);
    return job;
  }

  /** A message of the server. @param {string} type @param {object} detail @returns {Job | null} whose it is; null: of a run that is not known (yet) */
  function tell(type, detail) {
    const id = idOf(detail);
    const job = jobs.get(id);
    if (!job) {
      if (id && type !== PREVIEW) early = [...early.slice(1 - EARLY), [type, detail]];
      return null;
    }
    if (ACTIVE.has(job.state) && apply(job, type, detail)) changed(job, type, detail);
    return job;
  }

  /**
   * What the server said about the runs `asked` about: ids in its queue, in order, and its history of those that ended. Who is in neither is gone.
   */
  function settle({ asked, running, pending, ended }) {
    for (const job of asked) {
      if (!ACTIVE.has(job.state)) continue; // it ended while we asked
      const before = `${job.state} ${job.ahead}`;
      const place = pending.indexOf(job.id);
      if (running.includes(job.id)) Object.assign(job, { state: "running", ahead: null });
      else if (place >= 0) job.ahead = job.state === "queued" ? place + running.length : null;
      else if (ended[job.id]) end(job, ended[job.id]);
      else job.state = job.state === "queued" ? "cancelled" : "gone";
      if (before !== `${job.state} ${job.ahead}`) changed(job, "settled", null);
    }
  }

  return {
    add,
    tell,
    settle,
    all: () => [...jobs.values()],
    get: (id) => jobs.get(id),
    active: () => [...jobs.values()].filter((job) => ACTIVE.has(job.state)),
  };
}

/** Previews name the run differently from the other messages. */
function idOf(detail) {
  return detail?.prompt_id ?? detail?.jobId ?? detail?.promptId;
}

function apply(job, type, detail) {
  if (type === "execution_start") Object.assign(job, { state: "running", ahead: null });
  else if (type === "progress_state") Object.assign(job, { state: "running", at: runningNode(detail.nodes) ?? job.at });
  else if (type === "execution_cached") return takeCached(job, detail);
  else if (type === "executed") return takeImages(job, detail.display_node ?? detail.node, detail.output);
  else if (type === "execution_success") job.state = "done";
  else if (type === "execution_interrupted") job.state = "cancelled";
  else if (type === "execution_error") Object.assign(job, { state: "failed", error: errorOf(detail) });
  else return type === PREVIEW;
  return true;
}

const errorOf = (detail) => ({ node: String(detail.node_id ?? ""), message: detail.exception_message ?? "" });

/** Nothing to be told of: what these nodes gave before comes after this. */
function takeCached(job, { nodes }) {
  job.cached = new Set((nodes ?? []).map(String));
  return false;
}

function takeImages(job, node, output) {
  const images = (output?.images ?? []).filter((image) => image?.filename);
  if (images.length) job.outputs.set(String(node), images);
  return images.length > 0;
}

/** The node to speak of: of several that run the one that counts steps. */
function runningNode(nodes) {
  const running = Object.values(nodes ?? {}).filter((one) => one.state === "running");
  const found = running.find((one) => one.max > 1) ?? running[0];
  return found ? { node: String(found.display_node_id ?? found.node_id), value: found.value, max: found.max } : null;
}

/** @param {object} entry of the server's history */
function end(job, entry) {
  for (const [node, output] of Object.entries(entry.outputs ?? {})) takeImages(job, entry.meta?.[node]?.display_node ?? node, output);
  const messages = Object.fromEntries(entry.status?.messages ?? []);
  takeCached(job, messages.execution_cached ?? {});
  if (messages.execution_error) Object.assign(job, { state: "failed", error: errorOf(messages.execution_error) });
  else job.state = messages.execution_interrupted ? "cancelled" : "done";
}
