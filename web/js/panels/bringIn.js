/** A layout that comes into the editor: instead of what is there, or beside it, as one step. */
import { fill } from "../text.js";
import { ask } from "./ask.js";

/**
 * @param {{store: object, text: object, root: HTMLElement}} editor the person is asked where the canvas holds something
 * @param {object} layout a document
 * @returns {Promise<boolean>} whether it was taken
 */
export async function bringIn({ store, text, root }, layout) {
  const count = layout.instances.length;
  const there = store.doc.instances.length;
  const how = there ? await askHow(text, root, count, there) : "import-replace";
  if (how === "import-replace") {
    store.dispatch({ type: "replace", doc: merged(store.doc, layout) });
    store.setSession({ selection: [], zoom: null, pan: [0, 0] });
  } else if (how === "import-add") {
    const before = new Set(store.doc.instances.map((instance) => instance.id));
    store.dispatch({ type: "paste", instances: layout.instances, dx: 0, dy: 0 });
    store.setSession({ selection: store.doc.instances.filter(({ id }) => !before.has(id)).map(({ id }) => id) });
  } else return false;
  return true;
}

function askHow(text, root, count, there) {
  return ask(root, {
    message: fill(text.ask.incoming, { count, there }),
    choices: [
      { act: "import-replace", label: text.ask.replace },
      { act: "import-add", label: text.ask.add, primary: true },
      { act: "import-cancel", label: text.cancel },
    ],
  });
}

/**
 * The imported layout in place of the present one. A caption that was typed stays where the import has none, and the mark of the connected
 * layout stays, else that layout would come back at the next run.
 * @param {object} doc @param {object} layout @returns {object}
 */
export function merged(doc, layout) {
  const next = { ...layout, prompt: layout.prompt || doc.prompt };
  if (doc.source !== undefined) next.source = doc.source;
  if (!layout.prompt && doc.caption_from !== undefined) next.caption_from = doc.caption_from;
  return next;
}
