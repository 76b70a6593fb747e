/** What is said about a run: how far it is, and why it did not end well, in one sentence each. */
import { fill } from "../text.js";
import { titleOf } from "./prompt.js";

const LONGEST = 300; // characters

/** @returns {string} the first line of a text that may have many, not too long */
export function firstLine(text) {
  const line = String(text ?? "").split("\n").map((one) => one.trim()).find(Boolean) ?? "";
  return line.length > LONGEST ? `${line.slice(0, LONGEST - 1)}…` : line;
}

/**
 * @param {object | null} job @param {object} words text.studio
 * @returns {{text: string, share: number | null}} share: of the steps of the node that runs; null: it does not say
 */
export function progress(job, words) {
  if (job?.state === "queued") return { text: job.ahead ? fill(words.waiting, { count: job.ahead }) : words.queued, share: null };
  if (job?.state !== "running") return { text: "", share: null };
  if (!job.at) return { text: words.starting, share: null };
  const { node, value, max } = job.at;
  const title = titleOf(job.prompt, node);
  if (max <= 1) return { text: title, share: null };
  return { text: fill(words.steps, { value: Math.round(value), max: Math.round(max), node: title }), share: value / max };
}

/** @param {{node: string, message: string}} error of a job @returns {string} */
export function failure(error, prompt, words) {
  const message = firstLine(error.message) || words.noReason;
  return firstLine(error.node ? `${titleOf(prompt, error.node)}: ${message}` : message);
}

/**
 * The first of the server's objections to a graph, of a node that belongs to the editor if there is one.
 * @param {Record<string, {errors: object[]}> | undefined} nodeErrors @param {(id: string) => boolean} ours
 * @returns {{node: string, message: string} | null}
 */
export function objection(nodeErrors, ours) {
  const all = Object.entries(nodeErrors ?? {}).filter(([, { errors }]) => errors?.length);
  const [node, found] = all.find(([id]) => ours(id)) ?? all[0] ?? [];
  if (!found) return null;
  const { message, details } = found.errors[0];
  return { node, message: [firstLine(message), firstLine(details)].filter(Boolean).join(": ") };
}

/** @param {any} problem what the request for a run failed with @returns {string} */
export function refusal(problem, prompt, ours, words) {
  const answer = problem?.response;
  if (!answer) return words.noServer;
  const one = objection(answer.node_errors, ours);
  if (one) return failure(one, prompt, words);
  const { error } = answer;
  const said = typeof error === "string" ? error : [error?.message, error?.details].filter(Boolean).map(firstLine).join(": ");
  return firstLine(said) || words.noReason;
}
