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

/** The slots of nodes name their links, too, but newer pages warn of who reads that. */
function linksOf(graph) {
  const { links } = graph;
  return (links instanceof Map ? [...links.values()] : Object.values(links ?? {})).filter(Boolean);
}
const same = (a, b) => String(a) === String(b); // ids are numbers, or texts of numbers
const linksFrom = (graph, id, slot) => linksOf(graph).filter((link) => same(link.origin_id, id) && (slot === undefined || link.origin_slot === slot));
const linkTo = (graph, id, slot) => linksOf(graph).find((link) => same(link.target_id, id) && link.target_slot === slot);

/** Whether a link of the graph at a path is met for the first time: one that goes straight through a subgraph may lead in a circle. */
function isNew(seen, { origin_id, origin_slot, target_id, target_slot }, path) {
  const key = [...path.map(({ id }) => id), origin_id, origin_slot, target_id, target_slot].join(":");
  return !seen.has(key) && Boolean(seen.add(key));
}

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

/**
 * @param {object[]} starts
 * @param {string[] | null} types of outputs that are followed, null: any; a reroute's, which has no type of its own, always is
 * @returns {object[]} the places of nodes that take something from these, directly or not, the nearest first; nothing flows through a muted one
 */
export function placesAfter(starts, types = null) {
  const seen = new Set(starts.map(placeId));
  const found = [];
  const next = (place) => targets(place, types && [...types, "*"]);
  let edge = starts.flatMap(next);
  while (edge.length) {
    const fresh = edge.filter((place) => place.node.mode !== MUTED && !seen.has(placeId(place)) && seen.add(placeId(place)));
    found.push(...fresh);
    edge = fresh.flatMap(next);
  }
  return found;
}

function targets({ node, path }, types) {
  const followed = (link) => !types || types.includes(node.outputs?.[link.origin_slot]?.type);
  return linksFrom(node.graph, node.id).filter(followed).flatMap((link) => target(node.graph, link, path));
}

function target(graph, link, path, seen = new Set()) {
  if (!isNew(seen, link, path)) return [];
  if (same(link.target_id, OUT_OF_SUBGRAPH)) {
    const holder = path.at(-1);
    const name = graph.outputs?.[link.target_slot]?.name;
    const slot = holder?.outputs?.findIndex((one) => one.name === name) ?? -1;
    return slot < 0 ? [] : linksFrom(holder.graph, holder.id, slot).flatMap((outer) => target(holder.graph, outer, path.slice(0, -1), seen));
  }
  const node = graph.getNodeById(link.target_id);
  if (!node?.isSubgraphNode?.()) return node ? [{ node, path }] : [];
  const name = node.inputs?.[link.target_slot]?.name;
  const slot = node.subgraph.inputs?.findIndex((one) => one.name === name) ?? -1;
  return slot < 0 ? [] : linksFrom(node.subgraph, INTO_SUBGRAPH, slot).flatMap((inner) => target(node.subgraph, inner, [...path, node], seen));
}

/**
 * Where an input of a place gets its value from.
 * @returns {{node: object, path: object[], input: string | null} | null} another place, whose output is connected with it; or, with the name
 *   of an input, the place that it is set on: itself, or the subgraph node around it that shows it as its own; null: a link leads nowhere
 */
export function placeBefore({ node, path }, slot, seen = new Set()) {
  const link = linkTo(node.graph, node.id, slot);
  return link ? source(node.graph, link, path, seen) : { node, path, input: node.inputs[slot].name };
}

function source(graph, link, path, seen) {
  if (!isNew(seen, link, path)) return null;
  if (same(link.origin_id, INTO_SUBGRAPH)) {
    const holder = path.at(-1);
    const name = graph.inputs?.[link.origin_slot]?.name;
    const slot = holder?.inputs?.findIndex((one) => one.name === name) ?? -1;
    return slot < 0 ? null : placeBefore({ node: holder, path: path.slice(0, -1) }, slot, seen);
  }
  const node = graph.getNodeById(link.origin_id);
  if (!node?.isSubgraphNode?.()) return node ? { node, path, input: null } : null;
  const name = node.outputs?.[link.origin_slot]?.name;
  const slot = node.subgraph.outputs?.findIndex((one) => one.name === name) ?? -1;
  const inner = linkTo(node.subgraph, OUT_OF_SUBGRAPH, slot);
  return inner ? source(node.subgraph, inner, [...path, node], seen) : null;
}
