/**
 * The editor: panels around a canvas, and the loop that draws it. It knows no ComfyUI; what it needs of the page comes through `host`
 * (see host.js). One frame is drawn when something changed, none otherwise.
 */
import { lint } from "../layout/lint.js";
import { createFrame } from "../panels/frame.js";
import { createScope } from "../panels/dom.js";
import { createInPlace } from "../panels/inPlace.js";
import { createStudio } from "../studio/studio.js";
import { strings } from "../text.js";
import { listenToClipboard } from "./clipboard.js";
import { createCommands } from "./commands.js";
import { createGesture } from "./gesture.js";
import { listenToKeys } from "./keyboard.js";
import { strokeTool } from "./maskTools.js";
import { listenToPointers } from "./pointer.js";
import { polygonTool } from "./polygonTool.js";
import { ellipseTool, lassoTool } from "./regionTools.js";
import { listenToRightButton } from "./rightButton.js";
import { createScene } from "./scene.js";
import { createTheme } from "./theme.js";
import { selectTool } from "./selectTool.js";
import { segmentTool } from "./segmentTool.js";
import { boxTool, pointTool, scribbleTool } from "./shapeTools.js";
import { viewport } from "./viewport.js";

/** @returns {object} {element, perform, refreshBackground, redraw, flush, restore, destroy} */
export function createEditor({ store, host }) {
  const text = strings(host.language);
  const scope = createScope();
  const frame = createFrame({ store, host, text, lint });
  const root = frame.element;
  const canvas = document.createElement("canvas");
  canvas.className = "ie-canvas";
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", text.title);
  frame.stage.append(canvas);
  const scene = createScene(canvas);
  const theme = createTheme(root);
  const inPlace = createInPlace({ store, host, text, root, stage: frame.stage });

  let size = { width: 1, height: 1, ratio: 1 };
  let view = viewport(store.shown, size, store.session);
  let guides = [];
  let pending = 0;
  let background = null;

  const editor = {
    store,
    host,
    root,
    canvas,
    text,
    importText: (given) => frame.importText(given),
    importFile: (file) => frame.importFile(file),
    importPicture: (file) => frame.importPicture(file),
    settings: () => host.getView(),
    view: () => (view = viewport(store.shown, size, store.session)),
    size: () => size,
    /** The point of an event in CSS pixels of the canvas; right under any zoom of the graph. */
    screenOf({ clientX, clientY }) {
      const rect = canvas.getBoundingClientRect();
      return [((clientX - rect.left) * size.width) / rect.width, ((clientY - rect.top) * size.height) / rect.height];
    },
    tool: () => gesture.tool(),
    redraw,
    setGuides(next) {
      if (next.length || guides.length) redraw();
      guides = next;
    },
    setCursor(at) {
      frame.status.setCursor(at && [Math.round(at[0] * store.shown.width), Math.round(at[1] * store.shown.height)]);
    },
  };
  const tools = {
    select: selectTool(editor),
    box: boxTool(editor),
    brush: strokeTool(editor, 1),
    eraser: strokeTool(editor, 0),
    polygon: polygonTool(editor),
    lasso: lassoTool(editor),
    ellipse: ellipseTool(editor),
    point: pointTool(editor),
    scribble: scribbleTool(editor),
    segment: segmentTool(editor),
  };
  const gesture = createGesture(store, tools);
  const studio = createStudio({ store, desk: host.desk, text, frame, view: () => view, redraw });
  scope.add(studio.destroy);
  const perform = createCommands(editor);
  host.perform = perform;

  function redraw() {
    if (!pending) pending = requestAnimationFrame(render);
  }

  function render() {
    pending = 0;
    if (!measure()) return;
    const behind = studio.behind();
    scene.draw({
      doc: store.shown,
      session: store.session,
      settings: host.getView(),
      view: editor.view(),
      size,
      behind,
      background: background?.complete && background.naturalWidth ? background : null,
      theme: theme(),
      tool: editor.tool(),
      guides,
    });
    studio.drawn(behind);
    frame.status.setScale(view.scale);
    inPlace.place(view, size);
  }

  /** The stage's size in CSS pixels. @returns {boolean} whether it can be seen */
  function measure() {
    const { clientWidth: width, clientHeight: height } = frame.stage;
    if (!width || !height) return false;
    // the graph scales its widgets by a transform; drawing at the size on the screen keeps lines sharp
    const shown = canvas.getBoundingClientRect().width / width || 1;
    const ratio = Math.min(4, Math.max(1, Math.ceil(globalThis.devicePixelRatio * Math.min(shown, 2) * 4 - 0.05) / 4));
    size = { width, height, ratio };
    return true;
  }

  function refreshBackground() {
    const url = host.backgroundUrl();
    if ((background?.src ?? "") === (url ? new URL(url, document.baseURI).href : "")) return;
    background = url ? new Image() : null;
    if (background) {
      background.onload = background.onerror = shown;
      background.src = url;
    }
    shown();
  }

  function shown() {
    const { naturalWidth: width, naturalHeight: height } = background ?? {};
    store.setSession({ picture: width ? { width, height } : null });
    redraw();
  }

  let tool = store.session.tool;
  const unsubscribe = store.subscribe(({ session }) => {
    if (session.has("tool") && store.session.tool !== tool) {
      (tools[tool]?.pause ?? tools[tool]?.cancel)?.();
      tools[tool]?.leave?.();
      tool = store.session.tool;
    }
    redraw();
  });
  scope.add(unsubscribe);

  listenToKeys({ ...editor, perform }, scope);
  const pointers = listenToPointers({ ...editor, gesture }, scope);
  const clipboard = listenToClipboard({ ...editor, perform }, scope);
  editor.openMenu = listenToRightButton({ ...editor, clipboard, stopGesture: pointers.stop }, scope);

  const observer = new ResizeObserver(redraw);
  observer.observe(frame.stage);
  scope.add(() => observer.disconnect());
  scope.add(() => tools.segment.cancel()); // its run would come back to an editor that is gone

  // tests and curious people reach the state here
  root.__instdiff = {
    store,
    desk: host.desk,
    perform,
    toClient(x, y) {
      const rect = canvas.getBoundingClientRect();
      const [sx, sy] = editor.view().toScreen([x, y]);
      return [rect.left + (sx * rect.width) / size.width, rect.top + (sy * rect.height) / size.height];
    },
  };

  redraw();
  refreshBackground();
  let gone = false;
  const editorParts = {
    element: root,
    perform,
    refreshBackground,
    redraw,
    flush() {
      frame.flush();
      inPlace.flush();
      studio.flush();
    },
    /** Take the focus again after the page rebuilt the widget (undo does); it may take the page some frames to show it. */
    restore(frames = 60) {
      if (!store.session.focused || root.contains(document.activeElement)) return;
      root.focus({ preventScroll: true });
      if (document.activeElement !== root && frames && !gone) requestAnimationFrame(() => editorParts.restore(frames - 1));
    },
    destroy() {
      gone = true;
      cancelAnimationFrame(pending);
      scope.destroy();
      inPlace.destroy();
      frame.destroy();
      if (background) background.onload = background.onerror = null;
    },
  };
  return editorParts;
}
