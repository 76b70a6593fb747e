/** The layout editor as a widget of a ComfyUI node: value, undo, session, background, full window. */
import { api } from "../../../scripts/api.js";
import { app } from "../../../scripts/app.js";
import { embeddings, tokens } from "./assist/server.js";
import { backgroundUrl, inputUrl, uploadPicture } from "./background.js";
import { createEditor } from "./editor/editor.js";
import { layoutPng, saveBlob } from "./editor/png.js";
import { placesOf } from "./graph.js";
import { segmented, segmenter } from "./segment/segment.js";
import { createStore, DEFAULT_SLOTS, newSession } from "./state/store.js";
import { emptyLayout, layoutToJson } from "./layout/document.js";
import { savedLayouts } from "./library/saved.js";
import { createDesk } from "./studio/desk.js";
import { fill, strings } from "./text.js";
import { paintedAt } from "./painted.js";
import { connectedSlots, connectedWords, ignoresNegatives, useOfReferences } from "./weights.js";
import { openWindow } from "./window.js";

const DEFAULT_VIEW = { background: "input", opacity: 0.5, thirds: false, grid: false, gridSize: 8, snap: true };
const LEAST_HEIGHT = 420; // CSS pixels
const NODE = [700, 650]; // a new node's size: room for the list beside a canvas that one can draw on; it may be made smaller

// Undo rebuilds every node, so what must outlive it is kept by workflow, graph and node id.
const sessions = new Map();
const places = new WeakMap(); // session -> the element that last held its editor

/** Build the widget of one node. Nodes that are only built and thrown away (copy, convert) never get an editor: it comes with onAdded. */
export function layoutWidget(node, name, spec) {
  const element = document.createElement("div");
  element.className = "instdiff-host";
  element.style.cssText = `width:100%;height:100%;min-height:${LEAST_HEIGHT}px;display:flex;min-width:0`;
  let session = newSession();
  let editor = null;
  let shownWindow = null;
  let ownBackground = null;

  const store = createStore({ commit, sessionOf: () => session });
  store.load(spec?.[1]?.default ?? layoutToJson(emptyLayout()));

  function commit(json) {
    app.canvas.emitBeforeChange();
    widget.value = json;
    app.canvas.emitAfterChange();
    lookAround();
    node.graph?.setDirtyCanvas?.(true, false);
  }

  /** The graph may be changed anywhere behind this node, so this is asked anew whenever something happens here. */
  function lookAround() {
    const { slots = {}, words = {}, sides = {} } = spec?.[1] ?? {};
    const places = node.graph ? placesOf(app.rootGraph, node) : [];
    const painted = paintedAt(places, sides);
    store.setSession({
      painted: JSON.stringify(painted) === JSON.stringify(session.painted) ? session.painted : painted, // the same one is no change
      slots: connectedSlots(places, slots, DEFAULT_SLOTS),
      words: connectedWords(places, words),
      ignoresNegatives: ignoresNegatives(places),
      references: useOfReferences(places),
    });
  }

  /** Several changes of the graph as one step of its history. */
  function atOnce(act) {
    app.canvas.emitBeforeChange();
    act();
    app.canvas.emitAfterChange();
  }

  const legacy = () => editor?.element.closest(".dom-widget"); // the overlay that holds widgets in the classic renderer
  const text = () => strings(host.language);
  const getView = () => ({ ...DEFAULT_VIEW, ...node.properties?.instdiff_view });

  const host = {
    commit,
    desk: createDesk({ node, store, atOnce }),
    get language() {
      return app.extensionManager?.setting?.get?.("Comfy.Locale") ?? "en";
    },
    undo: () => app.extensionManager.command.execute("Comfy.Undo"),
    redo: () => app.extensionManager.command.execute("Comfy.Redo"),
    getView,
    tokens,
    embeddings,
    layouts: savedLayouts(api),
    segmenter,
    segmented,
    setView(patch) {
      node.properties ??= {};
      node.properties.instdiff_view = { ...node.properties.instdiff_view, ...patch };
      editor?.refreshBackground();
      editor?.redraw();
    },
    backgroundUrl: () => backgroundUrl(node, getView(), ownBackground),
    clipboardWrite: (given) => navigator.clipboard.writeText(given),
    clipboardRead: () => navigator.clipboard.readText(),
    forwardWheel(event) {
      if (!legacy()) return; // Nodes 2.0 takes the wheel by itself
      event.preventDefault();
      app.canvas.processMouseWheel(event);
    },
    requestFocusGraph() {
      document.activeElement?.blur?.();
      app.canvas.canvas.focus?.();
    },
    repair: (given) => store.repair(given ?? layoutToJson(emptyLayout())),
    async savePng() {
      const fileName = "layout.png";
      const theme = { stage: "#1b1c1f", paper: "#2a2c30", line: "#6b6f78" };
      saveBlob(await layoutPng(store.doc, await loadedBackground(), getView(), theme), fileName);
      store.notify(fill(text().notices.saved, { name: fileName }));
    },
    /** @param {string} text a workflow of ComfyUI, in either form: opened as if it were dropped on the graph */
    loadWorkflow: (text) => app.handleFile(new File([text], "workflow.json", { type: "application/json" })),
    async dropImage(file) {
      const picture = await uploaded(file);
      if (picture) host.setView({ background: "file", file: picture });
    },
    /** @returns {Promise<string | null>} the picture's name in ComfyUI's input folder; null, and a notice, if it did not get there */
    async uploadReference(file) {
      const picture = await uploaded(file);
      return picture && [picture.subfolder, picture.filename].filter(Boolean).join("/");
    },
    referenceUrl: inputUrl,
  };

  async function uploaded(file) {
    try {
      return await uploadPicture(file);
    } catch (problem) {
      store.notify(`${fill(text().notices.fileUnreadable, { name: file.name })} ${problem.message}`, "warn");
      return null;
    }
  }

  async function loadedBackground() {
    const url = host.backgroundUrl();
    if (!url) return null;
    const image = new Image();
    image.src = url;
    return image.decode().then(() => image, () => null); // a picture that is gone does not stop us from saving the layout
  }

  const widget = node.addDOMWidget(name, "INSTDIFF_LAYOUT", element, {
    socketless: true,
    hideInPanel: true,
    hideOnZoom: false,
    getMinHeight: () => LEAST_HEIGHT,
    getValue: () => store.json,
    setValue: (value) => store.load(value),
  });
  widget.beforeQueued = () => editor?.flush(); // a prompt that is being typed belongs to this run

  function sessionKey() {
    const workflow = app.extensionManager?.workflow?.activeWorkflow?.path ?? "";
    // the root graph's own id may change when it is rebuilt
    return `${workflow}|${node.graph === app.rootGraph ? "" : (node.graph?.id ?? "")}:${node.id}`;
  }

  function start() {
    const key = sessionKey();
    const known = sessions.get(key);
    if (known) session = known;
    else sessions.set(key, session);
    // while a workflow is loaded the page still names the one before it: a large one on a slow machine for seconds
    let times = 60;
    const follow = () => {
      const named = sessionKey();
      if (editor && named === key && --times > 0) setTimeout(follow, 500);
      if (!editor || named === key) return;
      session = sessions.get(named) ?? newSession();
      sessions.set(named, session);
      settle();
      lookAround();
      store.sessionChanged();
    };
    setTimeout(follow, 500);
    if (!editor) {
      editor = createEditor({ store, host });
      element.__instdiff = editor.element; // for tests: it may be shown elsewhere
      editor.element.addEventListener("pointerenter", lookAround); // the menus of other nodes may have been used meanwhile
      api.addEventListener("executed", refresh);
      observer.observe(element);
    }
    host.desk.start();
    settle();
    store.sessionChanged();
    showWindow();
  }

  function stop() {
    if (!editor) return;
    editor.flush();
    host.desk.stop();
    observer.disconnect();
    api.removeEventListener("executed", refresh);
    shownWindow?.close();
    shownWindow = null;
    editor.destroy();
    editor.element.remove();
    editor = null;
  }

  function refresh() {
    editor?.refreshBackground();
    if (editor) lookAround();
  }

  /**
   * Put the editor where it is seen: into this widget's element, or, as long as that is not on the page, into the element of the widget
   * that the node had before. Nodes 2.0 may keep showing that one when undo rebuilds the node.
   */
  function settle() {
    if (!editor || shownWindow) return;
    const earlier = places.get(session);
    const place = !element.isConnected && earlier?.isConnected ? earlier : element;
    if (editor.element.parentNode !== place) place.append(editor.element);
    places.set(session, place);
    place.closest(".lg-node")?.setAttribute("data-instdiff", ""); // see editor.css; Vue leaves attributes alone that it did not set
    editor.restore();
  }
  const observer = new ResizeObserver(settle); // told when the element comes onto the page

  function showWindow() {
    if (!editor) return;
    if (session.popout && !shownWindow) {
      shownWindow = openWindow(editor.element, text(), () => store.setSession({ popout: false }));
      editor.element.focus({ preventScroll: true });
    } else if (!session.popout && shownWindow) {
      shownWindow.close();
      shownWindow = null;
      settle();
      editor.element.focus({ preventScroll: true });
    }
  }
  store.subscribe((change) => change.session.has("popout") && showWindow());

  /** The node ran: it may have sent a connected layout and a copy of the connected picture. */
  function executed(output) {
    ownBackground = output?.instdiff_background?.[0] ?? ownBackground;
    const incoming = output?.instdiff_incoming?.[0];
    if (incoming && (store.error || store.doc.source !== incoming.source)) {
      store.repair(incoming.layout);
      store.notify(text().notices.incoming);
    }
    refresh();
  }

  chain(node, "onAdded", start);
  chain(node, "onExecuted", executed);
  chain(node, "onConnectionsChange", refresh);
  chain(node, "onAfterGraphConfigured", refresh); // a loaded graph is whole only then
  chain(widget, "onRemove", stop);
  return { widget, minWidth: NODE[0], minHeight: NODE[1] };
}

/** Call `more` after an object's own method of that name. */
function chain(object, method, more) {
  const own = object[method];
  object[method] = function (...args) {
    const result = own?.apply(this, args);
    more.apply(this, args);
    return result;
  };
}
