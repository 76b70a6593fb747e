/** Bringing a layout in from text, from wherever it came. */
import { completed, readForeign, readText } from "../layout/importers.js";
import { MAX_DOCUMENT_BYTES } from "../layout/json.js";
import { kindOf } from "../layout/kinds.js";
import { WorkflowFound } from "../layout/notLayouts.js";
import { Question } from "../layout/oddItems.js";
import { fill } from "../text.js";
import { ask } from "./ask.js";
import { askReading } from "./askReading.js";
import { bringIn } from "./bringIn.js";

const MAX_NOTES = 12; // that a person may want to read

/**
 * @param {{store: object, host: object, text: object, root: HTMLElement}} options
 * @returns {{importText: (given: string) => Promise<boolean>, importFile: (file: File) => Promise<boolean>}} whether it was taken. The person
 *   is asked what the data do not say of themselves, and where the canvas holds something
 */
export function createImport({ store, host, text, root }) {
  return { importText, importFile };

  async function importFile(file) {
    const size = file.size / 2 ** 20;
    const limit = MAX_DOCUMENT_BYTES / 2 ** 20;
    if (size > limit) {
      store.notify(fill(text.notices.fileTooLarge, { name: file.name, size: size.toFixed(1), limit }), "warn");
      return false;
    }
    let given;
    try {
      given = await file.text();
    } catch {
      store.notify(fill(text.notices.fileUnreadable, { name: file.name }), "warn"); // a folder, or gone
      return false;
    }
    return importText(given);
  }

  async function importText(given) {
    let read;
    try {
      read = await readAsking(given);
    } catch (problem) {
      if (problem.name !== "LayoutError") throw problem;
      if (problem instanceof WorkflowFound) await offerWorkflow(problem.message, given);
      else store.notify(problem.message, "warn");
      return false;
    }
    if (!read) return false;
    const { doc: layout, notes } = read;
    const count = layout.instances.length;
    if (!(await bringIn({ store, text, root }, layout))) return false;
    const imported = fill(text.notices.imported, { count });
    if (!notes.length) store.notify(imported);
    else if (notes.length === 1) store.notify(`${imported}. ${notes[0]}`, "warn");
    else {
      store.notify(imported, "warn");
      const more = notes.length > MAX_NOTES ? [fill(text.notices.moreNotes, { count: notes.length - MAX_NOTES })] : [];
      const message = [`${imported}.`, ...notes.slice(0, MAX_NOTES), ...more].join("\n");
      await ask(root, { message, choices: [{ act: "import-notes", label: text.close, primary: true }] });
    }
    return true;
  }

  /** @returns {Promise<{doc: object, notes: string[]} | null>} null if the person would rather not */
  async function readAsking(given) {
    const canvas = { width: store.doc.width, height: store.doc.height };
    const value = readText(given);
    // boxes of ComfyUI's own type are in pixels of the canvas at hand, as its nodes use them
    let known = kindOf(value)?.name === "BOUNDING_BOX" ? canvas : {};
    for (;;) {
      try {
        return completed(readForeign(value, known), canvas);
      } catch (question) {
        if (!(question instanceof Question)) throw question;
        const more = await askReading(root, text, { question, known, canvas });
        if (!more) return null;
        known = { ...known, ...more };
      }
    }
  }

  async function offerWorkflow(message, given) {
    const choices = [
      { act: "workflow-load", label: text.ask.loadWorkflow },
      { act: "workflow-cancel", label: text.cancel, primary: true },
    ];
    if ((await ask(root, { message, choices })) === "workflow-load") await host.loadWorkflow(given);
  }
}
