/**
 * What the parts of the editor share: the document, what is shown while dragging, and the session (tool, selection, zoom) that outlives the
 * widget. One `dispatch` is one step in the graph's history; `preview` changes only what is shown.
 */
import { emptyLayout, layoutToJson, parseLayoutWithNotes } from "../layout/document.js";
import { reduce } from "./actions.js";

export const DEFAULT_SLOTS = 30; // instances that the published weights take

/** @returns {object} the session of an editor that was never used */
export function newSession() {
  return {
    tool: "select",
    toolStays: false, // after a drawing, instead of giving way to Select
    selection: [],
    hover: null,
    search: "", // in the list of instances
    brush: 32,
    pressure: true, // of a pen sets the width of the brush
    zoom: null,
    pan: [0, 0],
    popout: false,
    help: false,
    focused: false,
    focusPrompt: null,
    editing: null, // id of the instance whose prompt is edited at its place
    notice: null,
    corners: [], // of a polygon that is not closed yet
    strokeEnd: null, // {id, at} of the last brush stroke: where a straight line begins
    target: "new",
    slots: DEFAULT_SLOTS, // instances that the connected weights take
    words: [], // those that the connected weights know, where they are few
    ignoresNegatives: false, // the graph samples in a way that has no place for an instance's negative prompt
    references: "", // "taken" where the graph uses reference pictures of instances, "ignored" where it samples without them
    painted: null, // size at which the graph paints, where it is not the canvas's (painted.js)
    picture: null, // {width, height} in pixels of the background
  };
}

/**
 * @param {{commit: (json: string) => void, sessionOf: () => object}} host
 *   commit stores the text as one undo step; sessionOf gives the session object to use (it changes when the node gets its id)
 */
export function createStore({ commit, sessionOf }) {
  const listeners = new Set();
  let doc = emptyLayout();
  let shown = doc;
  let raw = layoutToJson(doc);
  let error = null;

  const tell = (change) => {
    for (const listener of [...listeners]) listener(change);
  };
  const allSessionKeys = () => new Set(Object.keys(newSession()));

  const store = {
    get doc() {
      return doc;
    },
    get shown() {
      return shown;
    },
    get error() {
      return error;
    },
    get session() {
      return sessionOf();
    },
    /** The widget's value: exactly the text that was loaded, until an edit. */
    get json() {
      return raw;
    },

    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    /** Take the host's text. A text that can't be read is kept as it is, beside the sentence that says why. */
    load(text) {
      if (text === raw && !error) {
        keepSelection();
        return;
      }
      raw = typeof text === "string" ? text : text == null ? "" : JSON.stringify(text);
      try {
        const read = parseLayoutWithNotes(raw);
        doc = shown = read.doc;
        error = null;
        if (read.notes.length) store.notify(read.notes[0], "warn");
      } catch (problem) {
        if (problem.name !== "LayoutError") throw problem;
        doc = shown = emptyLayout();
        error = { message: problem.message, raw };
      }
      keepSelection();
      tell({ doc: true, session: new Set(["selection"]) });
    },

    /** Finish an action: one undo step. @returns {boolean} whether anything changed */
    dispatch(action) {
      if (error) return false;
      const next = reduce(doc, action);
      const hadPreview = shown !== doc;
      if (next === doc) {
        shown = doc;
        if (hadPreview) tell({ doc: true, session: new Set() });
        return false;
      }
      doc = shown = next;
      raw = layoutToJson(doc);
      keepSelection();
      commit(raw);
      tell({ doc: true, session: new Set(["selection"]) });
      return true;
    },

    /** Take a corrected text for one that could not be read: one undo step if it can be read now. */
    repair(text) {
      store.load(text);
      if (!error) commit(raw);
    },

    /** Show what an action would do; null shows the document again. */
    preview(action) {
      const next = action && !error ? reduce(doc, { ...action, live: true }) : doc;
      if (next === shown) return;
      shown = next;
      tell({ doc: true, preview: true, session: new Set() });
    },

    setSession(patch) {
      const session = store.session;
      const changed = new Set(Object.keys(patch).filter((key) => session[key] !== patch[key]));
      if (!changed.size) return;
      Object.assign(session, patch);
      tell({ doc: false, session: changed });
    },

    /** The session object was exchanged (the node got its id): everything may differ. Its document comes a little later. */
    sessionChanged() {
      tell({ doc: false, session: allSessionKeys() });
    },

    /** Put one sentence into the status line. @param {"info" | "warn"} level */
    notify(text, level = "info") {
      store.setSession({ notice: text ? { text, level } : null });
    },
  };

  function keepSelection() {
    const there = new Set(doc.instances.map((instance) => instance.id));
    const session = store.session;
    if (session.selection.some((id) => !there.has(id))) session.selection = session.selection.filter((id) => there.has(id));
    if (session.hover !== null && !there.has(session.hover)) session.hover = null;
  }

  return store;
}
