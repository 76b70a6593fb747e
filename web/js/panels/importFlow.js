/** Bringing a layout in from text, from wherever it came. */
import { importLayout } from "../layout/importers.js";
import { fill } from "../text.js";
import { ask } from "./ask.js";

/**
 * @param {{store: object, text: object, root: HTMLElement}} options
 * @returns {(given: string) => Promise<boolean>} whether it was taken. Where the canvas holds something, the person is asked.
 */
export function createImport({ store, text, root }) {
  return async function importText(given) {
    const { width, height } = store.doc;
    let layout;
    try {
      layout = importLayout(given, { width, height });
    } catch (problem) {
      if (problem.name !== "LayoutError") throw problem;
      store.notify(problem.message, "warn");
      return false;
    }
    const count = layout.instances.length;
    const there = store.doc.instances.length;
    const how = there ? await askHow(count, there) : "import-replace";
    if (how === "import-replace") {
      store.dispatch({ type: "replace", doc: merged(store.doc, layout) });
      store.setSession({ selection: [], zoom: null, pan: [0, 0] });
    } else if (how === "import-add") {
      const before = new Set(store.doc.instances.map((instance) => instance.id));
      store.dispatch({ type: "paste", instances: layout.instances, dx: 0, dy: 0 });
      store.setSession({ selection: store.doc.instances.filter(({ id }) => !before.has(id)).map(({ id }) => id) });
    } else return false;
    store.notify(fill(text.notices.imported, { count }));
    return true;
  };

  function askHow(count, there) {
    return ask(root, {
      message: fill(text.ask.incoming, { count, there }),
      choices: [
        { act: "import-replace", label: text.ask.replace },
        { act: "import-add", label: text.ask.add, primary: true },
        { act: "import-cancel", label: text.cancel },
      ],
    });
  }
}

/**
 * The imported layout in place of the present one. A caption that was typed stays where the import has none, and the mark of the connected
 * layout stays, else that layout would come back at the next run.
 * @param {object} doc @param {object} layout @returns {object}
 */
export function merged(doc, layout) {
  const next = { ...layout, prompt: layout.prompt || doc.prompt };
  if (doc.source !== undefined) next.source = doc.source;
  return next;
}
