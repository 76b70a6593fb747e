/** What the page asks of the server while prompts are typed. */
import { api } from "../../../../scripts/api.js";
import { createTokenCounter } from "./tokens.js";

/** One for all editors of the page. A server that cannot answer leaves the count away. */
export const tokens = createTokenCounter(async (text) => {
  const body = JSON.stringify({ text });
  const response = await api.fetchApi("/instdiff/tokens", { method: "POST", headers: { "Content-Type": "application/json" }, body }).catch(() => null);
  return response?.ok ? response.json() : null;
});

/** @returns {Promise<string[]>} the names of the embeddings that the server has now */
export async function embeddings() {
  const response = await api.fetchApi("/embeddings").catch(() => null);
  const found = response?.ok ? await response.json() : [];
  return Array.isArray(found) ? found.filter((name) => typeof name === "string") : [];
}
