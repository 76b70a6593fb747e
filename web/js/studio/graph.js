/**
 * Walks over the graph on the page, into subgraphs and out of them. A place is {node, path}: `path` holds the subgraph nodes, outermost
 * first, that one opens to reach the node. The id of a place is the one that the node has in the graph that is sent to the server.
 */

const OUT_OF_SUBGRAPH = -20; // the target of a link to an output of the subgraph
const INTO_SUBGRAPH = -10; // the origin of a link from an input of the subgraph
const MUTED = 2;

/** @returns {string} */
export const placeId = ({ node, path }) => [...path, node].map((one) => one.id).join(":");

const nodesOf = (graph) => graph?._nodes ?? graph?.nodes ?? [];
const linkOf = (graph, id) => graph.getLink?.(id) ?? graph.links?.get?.(id) ?? graph.links?.[id];

/** @returns {object[]} the places of a node: several where its subgraph is used several times */
export function placesOf(root, node) {
  if (node.graph === root) return [{ node, path: [] }];
  const search = (graph, path) =>
    nodesOf(graph).flatMap((holder) => {
      if (!holder.isSubgraphNode?.()) return [];
      const inside = [...path, holder];
      return [...(holder.subgraph === node.graph ? [{ node, path: inside }] : []), ...search(holder.subgraph, inside)];
    });
  return search(root, []);
}

/** @returns {object[]} the places of nodes that take something from these, directly or not, the nearest first; nothing flows through a muted one */
export function placesAfter(starts) {
  const seen = new Set(starts.map(placeId));
  const found = [];
  let edge = starts.flatMap(targets);
  while (edge.length) {
    const fresh = edge.filter((place) => place.node.mode !== MUTED && !seen.has(placeId(place)) && seen.add(placeId(place)));
    found.push(...fresh);
    edge = fresh.flatMap(targets);
  }
  return found;
}

function targets({ node, path }) {
  return (node.outputs ?? []).flatMap((output) => (output.links ?? []).flatMap((id) => target(node.graph, id, path)));
}

function target(graph, id, path) {
  const link = linkOf(graph, id);
  if (!link) return [];
  if (link.target_id === OUT_OF_SUBGRAPH) {
    const holder = path.at(-1);
    const name = graph.outputs?.[link.target_slot]?.name;
    const output = holder?.outputs?.find((one) => one.name === name);
    return (output?.links ?? []).flatMap((outer) => target(holder.graph, outer, path.slice(0, -1)));
  }
  const node = graph.getNodeById(link.target_id);
  if (!node?.isSubgraphNode?.()) return node ? [{ node, path }] : [];
  const name = node.inputs?.[link.target_slot]?.name;
  const input = node.subgraph.inputs?.find((one) => one.name === name);
  return (input?.linkIds ?? []).flatMap((inner) => target(node.subgraph, inner, [...path, node]));
}

/** @returns {object | null} the place whose output is connected with an input of a place */
export function placeBefore({ node, path }, slot) {
  const id = node.inputs?.[slot]?.link;
  return id == null ? null : source(node.graph, id, path);
}

function source(graph, id, path) {
  const link = linkOf(graph, id);
  if (!link) return null;
  if (link.origin_id === INTO_SUBGRAPH) {
    const holder = path.at(-1);
    const name = graph.inputs?.[link.origin_slot]?.name;
    const outer = holder?.inputs?.find((one) => one.name === name)?.link;
    return outer == null ? null : source(holder.graph, outer, path.slice(0, -1));
  }
  const node = graph.getNodeById(link.origin_id);
  if (!node?.isSubgraphNode?.()) return node ? { node, path } : null;
  const name = node.outputs?.[link.origin_slot]?.name;
  const inner = node.subgraph.outputs?.find((one) => one.name === name)?.linkIds?.[0];
  return inner == null ? null : source(node.subgraph, inner, [...path, node]);
}
