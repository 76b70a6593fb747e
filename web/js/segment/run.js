/**
 * Run a graph beside the person's own: with a client of its own, so that the page's progress, previews and results stay what they were.
 */
const PAUSE = 200; // milliseconds between two looks at the history
const PATIENCE = 100; // looks for a run that was stopped

/** Why a run gave nothing. `why`: "refused", "failed", "gone" or "cancelled" */
export class RunError extends Error {
  constructor(why) {
    super(why);
    this.why = why;
  }
}

/**
 * @param {object} api ComfyUI's: fetchApi, socket
 * @param {object} graph
 * @param {{signal: AbortSignal, onProgress: (share: number) => void}} options
 * @returns {Promise<object>} what its nodes showed, by their ids; RunError
 */
export async function runGraph(api, graph, { signal, onProgress }) {
  const client = `instdiff-${Math.random().toString(36).slice(2)}`;
  const close = listen(api, client, Object.keys(graph).length, onProgress);
  try {
    const accepted = await ask(api, "/prompt", { prompt: graph, client_id: client });
    if (!accepted.ok) throw new RunError("refused");
    const { prompt_id: id } = await accepted.json();
    try {
      return await finished(api, id, signal);
    } catch (problem) {
      if (problem.why === "cancelled") await cancel(api, id);
      throw problem;
    } finally {
      forget(api, id).catch(() => {});
    }
  } finally {
    close();
  }
}

async function finished(api, id, signal) {
  for (;;) {
    if (signal.aborted) throw new RunError("cancelled");
    const response = await api.fetchApi(`/history/${id}`).catch(() => null);
    if (!response?.ok) throw new RunError("gone");
    const entry = (await response.json())[id];
    if (entry?.status?.completed) return entry.outputs;
    if (entry) throw new RunError(entry.status?.messages?.some(([type]) => type === "execution_interrupted") ? "cancelled" : "failed");
    await pause();
  }
}

/** Only this run: another one that is under way must go on. */
async function cancel(api, id) {
  await ask(api, "/queue", { delete: [id] }).catch(() => {});
  const response = await api.fetchApi("/queue").catch(() => null);
  const { queue_running: running = [] } = response?.ok ? await response.json() : {};
  if (running.some((item) => item[1] === id)) await ask(api, "/interrupt", { prompt_id: id }).catch(() => {});
}

/** It is no picture of the person's, so the history shall not list it; a run that was stopped comes there a little later. */
async function forget(api, id) {
  for (let look = 0; look < PATIENCE; look++) {
    const response = await api.fetchApi(`/history/${id}`);
    if (!response.ok) return;
    if (id in (await response.json())) {
      await ask(api, "/history", { delete: [id] });
      return;
    }
    await pause();
  }
}

const pause = () => new Promise((resolve) => setTimeout(resolve, PAUSE));

async function ask(api, route, body) {
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  try {
    return await api.fetchApi(route, options);
  } catch {
    throw new RunError("gone");
  }
}

/** Progress comes through a socket; without one there is none. @returns {() => void} closes it */
function listen(api, client, total, onProgress) {
  if (!api.socket?.url) return () => {};
  const url = new URL(api.socket.url);
  url.searchParams.set("clientId", client);
  const socket = new WebSocket(url);
  let done = -1;
  socket.onmessage = ({ data }) => {
    if (typeof data !== "string") return; // a preview
    const { type, data: said } = JSON.parse(data);
    if (type === "executing" && said.node) onProgress(Math.min(1, ++done / total));
    else if (type === "progress" && said.max) onProgress(Math.min(1, (Math.max(0, done) + said.value / said.max) / total));
  };
  return () => socket.close();
}
