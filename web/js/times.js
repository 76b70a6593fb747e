/** What Time Sampling told in a run stays on its node. It is known only within the run, and newer pages clear such texts when it ends. */
import { api } from "../../../scripts/api.js";
import { app } from "../../../scripts/app.js";

const KIND = "InstDiffTimeSampling";
const told = new Map(); // the node's id in the graph that was sent -> the event's detail

/** Called once, when the page starts. */
export function keepTimes() {
  const again = () => setTimeout(() => told.forEach((detail) => api.dispatchCustomEvent("progress_text", detail))); // after the page's own
  api.addEventListener("execution_start", () => told.clear());
  api.addEventListener("progress_text", ({ detail: { nodeId, text } }) => nodeAt(nodeId)?.type === KIND && told.set(`${nodeId}`, { nodeId, text }));
  api.addEventListener("execution_success", again);
  api.addEventListener("executing", ({ detail }) => detail === null && again());
}

/** @param {string | number} id of a node in the graph that was sent: with those of the subgraph nodes around it before it */
function nodeAt(id) {
  return `${id}`.split(":").reduce((holder, one) => holder?.subgraph?.getNodeById(one), { subgraph: app.rootGraph });
}
