/**
 * Every run of this page, wherever it was started: the one place that listens to ComfyUI's messages and asks its queue. An editor joins with
 * {take(prompt): object[] takers, wantsPreviews(): boolean}; desk.js says what a taker is.
 */
import { api } from "../../../../scripts/api.js";
import { app } from "../../../../scripts/app.js";
import { createJobs, PREVIEW } from "./jobs.js";
import { objection } from "./sentences.js";

const MESSAGES = ["execution_start", "execution_cached", "progress_state", "executed", "execution_success", "execution_interrupted", "execution_error"];

const editors = new Set();
const listeners = new Set();
let connected = true;
let asking = null; // a request for the queue that is on its way
let askAgain = false;
let posting = 0; // requests for a run with previews of our own that are on their way

const tell = (what, given) => {
  for (const listener of listeners) listener(what, given);
};
const jobs = createJobs((job, what, detail) => tell(what, { job, detail }));

/** @param {(what: string, given: object) => void} listener told of every change of a run: "refused", "connection" or the kind of message */
export const onRun = (listener) => listeners.add(listener);

/** Begin to listen; called once, when the page starts. */
export function watchRuns() {
  for (const type of MESSAGES) api.addEventListener(type, ({ detail }) => jobs.tell(type, detail));
  keepPreviews();
  api.addEventListener("status", () => jobs.active().length && askQueue());
  api.addEventListener("reconnecting", () => setConnected(false));
  api.addEventListener("reconnected", () => (setConnected(true), askQueue()));

  // The answer to the request names the run, and only here the graph is seen as it was sent. Others may wrap this function, too.
  const post = api.queuePrompt;
  api.queuePrompt = async function (number, data, options, ...more) {
    const prompt = data?.output ?? {};
    const takers = [...editors].flatMap((editor) => editor.take(prompt));
    const quiet = takers.length > 0 && [...editors].some((editor) => editor.wantsPreviews()) && ["default", undefined].includes(options?.previewMethod);
    const asked = quiet ? { ...options, previewMethod: "auto" } : options;
    if (quiet) posting++;
    try {
      const answer = await post.call(this, number, data, asked, ...more).catch((problem) => {
        tell("refused", { takers, problem, prompt });
        throw problem;
      });
      if (answer?.prompt_id && takers.length) {
        const ours = (id) => takers.some((taker) => taker.down.has(id));
        const job = jobs.add({ id: answer.prompt_id, prompt, takers, quiet, error: objection(answer.node_errors, ours) });
        if (job.state === "queued") askQueue(); // for its place; the message that the queue has changed may have come before the answer
      }
      return answer;
    } finally {
      if (quiet) posting--;
    }
  };
}

/**
 * Previews that the studio asked for are its own: the page would leave the last one on the sampler's node, which grows by it. A listener of
 * ours hears of one after the page did, so they are taken where it hands them on.
 */
function keepPreviews() {
  const dispatch = api.dispatchCustomEvent;
  api.dispatchCustomEvent = function (type, detail, ...more) {
    const job = type === PREVIEW ? jobs.tell(type, detail) : null;
    // the first one may come before the answer that names its run
    const ours = type === PREVIEW && (job ? job.quiet : posting > 0);
    return ours || dispatch.call(this, type, detail, ...more);
  };
}

function setConnected(now) {
  if (connected === now) return;
  connected = now;
  tell("connection", {});
}

export const isConnected = () => connected;
export const activeJobs = () => jobs.active();

/** Whether previews are asked for by nobody but the studio: the page's own setting leaves it to the server. */
const ownPreviews = () => ["default", undefined].includes(app.extensionManager?.setting?.get?.("Comfy.Execution.PreviewMethod"));

/** @returns {() => void} leaves again */
export function join(editor) {
  editors.add(editor);
  return () => editors.delete(editor);
}

/** Queue the graph as the page's own Run button does. @returns {Promise<void>} */
export async function runGraph() {
  const { command } = app.extensionManager ?? {};
  if (command?.commands?.some((one) => one.id === "Comfy.QueuePrompt")) await command.execute("Comfy.QueuePrompt");
  else await app.queuePrompt(0);
}

/** Take one run back, and no other: out of the queue, or interrupted if it is the one that runs. */
export async function cancelJob(job) {
  const send = (path, body) => api.fetchApi(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  await send("/queue", { delete: [job.id] });
  await send("/interrupt", { prompt_id: job.id });
  await askQueue();
}

/** Ask where our runs are: in the queue, at work, at an end or gone. Not twice at a time. */
async function askQueue() {
  if (asking) {
    askAgain = true;
    return asking;
  }
  asking = settle().finally(() => {
    asking = null;
    if (askAgain) {
      askAgain = false;
      askQueue();
    }
  });
  return asking;
}

async function settle() {
  const before = jobs.active();
  const queue = await read("/queue");
  if (!queue) return;
  const running = queue.queue_running.map((item) => item[1]);
  const pending = queue.queue_pending.sort((a, b) => a[0] - b[0]).map((item) => item[1]);
  const ended = {};
  for (const { id } of before.filter((job) => !running.includes(job.id) && !pending.includes(job.id))) {
    const history = await read(`/history/${id}`);
    if (!history) return; // the server went away in between: what it knows is not known
    if (history[id]) ended[id] = history[id];
  }
  jobs.settle({ asked: before, running, pending, ended });
}

/** @returns {Promise<object | null>} null: the server does not answer */
async function read(path) {
  try {
    const response = await api.fetchApi(path);
    return response.ok ? await response.json() : null;
  } catch (problem) {
    if (problem instanceof TypeError || problem instanceof SyntaxError) return null; // what fetch throws without a server
    throw problem;
  }
}

/**
 * After a reload of the page: take up the runs of this page that go on, for an editor that has joined.
 * @param {(prompt: object, workflow: string | undefined) => object[]} take
 */
export async function resume(take) {
  const queue = await read("/queue");
  for (const [, id, prompt, extra] of [...(queue?.queue_running ?? []), ...(queue?.queue_pending ?? [])]) {
    if (extra?.client_id !== api.clientId) continue;
    const takers = take(prompt, extra.extra_pnginfo?.workflow?.id);
    const known = jobs.get(id);
    if (known) known.takers.push(...takers.filter((one) => !known.takers.some((old) => old.session === one.session)));
    else if (takers.length) jobs.add({ id, prompt, takers, quiet: extra.preview_method === "auto" && ownPreviews() });
  }
  if (jobs.active().length) await askQueue();
}

/** @returns {Promise<object[]>} the last runs of this page that are over, the oldest first: {id, prompt, workflow, outputs, cached} */
export async function pastRuns(most) {
  const history = await read(`/history?max_items=${most}`);
  return Object.entries(history ?? {})
    .filter(([, entry]) => entry.prompt?.[3]?.client_id === api.clientId)
    .map(([id, entry]) => ({
      id,
      prompt: entry.prompt[2],
      workflow: entry.prompt[3].extra_pnginfo?.workflow?.id,
      outputs: imagesOf(entry.outputs, entry.meta),
      cached: cachedIn(entry),
    }));
}

/** @param {object} entry of the server's history @returns {Set<string>} the nodes that did not run */
function cachedIn(entry) {
  const [, detail] = entry.status?.messages?.find(([type]) => type === "execution_cached") ?? [];
  return new Set((detail?.nodes ?? []).map(String));
}

function imagesOf(outputs, meta) {
  const all = Object.entries(outputs ?? {}).map(([node, output]) => [String(meta?.[node]?.display_node ?? node), output.images ?? []]);
  return new Map(all.map(([node, images]) => [node, images.filter((image) => image?.filename)]));
}
