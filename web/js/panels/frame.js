/** The whole editor but its canvas: root element, toolbar, stage, status line, panel and overlays. */
import { createErrorPanel } from "./error.js";
import { createScope, el, setAttribute } from "./dom.js";
import { createHelp } from "./help.js";
import { fileMenu } from "./fileMenu.js";
import { createImport } from "./importFlow.js";
import { createLibrary } from "./library.js";
import { closeMenu } from "./menu.js";
import { createPanel } from "./panel.js";
import { createPictureFlow } from "./pictureFlow.js";
import { createStatus } from "./status.js";
import { createToolbar } from "./toolbar.js";
import { viewMenu } from "./viewMenu.js";

/**
 * @param {{store: object, host: object, text: object, lint: Function}} options
 * @returns {{element: HTMLElement, stage: HTMLElement, status: object, importText: (given: string) => Promise<boolean>,
 *   importFile: (file: File) => Promise<boolean>, importPicture: (file: File) => Promise<void>, flush: () => void, destroy: () => void}} flush keeps a prompt or number that is being typed
 */
export function createFrame({ store, host, text, lint }) {
  const scope = createScope();
  const layout = el("div", { class: "ie-layout" });
  const element = el("div", { class: "instdiff-editor", tabindex: 0, role: "application", "aria-label": text.title }, layout);
  element.dataset.captureWheel = "true"; // Nodes 2.0 leaves the wheel to such elements while the focus is inside
  const { importText, importFile } = createImport({ store, host, text, root: element });
  const importPicture = createPictureFlow({ store, host, text, root: element });
  const parts = {
    toolbar: createToolbar({
      store,
      host,
      text,
      openView: viewMenu({ store, host, text, root: element }),
      openFile: fileMenu({ store, host, text, root: element, importText, importFile }),
      openLibrary: createLibrary({ store, host, text, root: element }),
    }),
    error: createErrorPanel({ store, host, text }),
    status: createStatus({ store, text }),
    panel: createPanel({ store, host, text, lint }),
    help: createHelp({ store, text }),
  };
  const stage = el("div", { class: "ie-stage" });
  layout.append(parts.toolbar.element, stage, parts.error.element, parts.status.element, parts.panel.element);
  element.append(parts.help.element);
  for (const part of Object.values(parts)) scope.add(part.destroy);

  // Enter and Space press the button that has the focus; the editor has other uses for them
  scope.on(layout, "keydown", (event) => {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (plain && ["Enter", " "].includes(event.key) && event.target.closest("button, select, input[type=color]")) event.stopPropagation();
  });

  function update() {
    const broken = Boolean(store.error);
    setAttribute(element, "data-broken", broken); // the style sheet hides what would overwrite the text that cannot be read
    stage.hidden = broken;
  }
  scope.add(store.subscribe((change) => change.doc && update()));
  scope.add(() => closeMenu(element));
  update();

  return { element, layout, stage, status: parts.status, importText, importFile, importPicture, flush: parts.panel.flush, destroy: scope.destroy };
}
