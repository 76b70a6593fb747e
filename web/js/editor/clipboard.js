/** Copy, cut and paste of instances as JSON text, and files dropped on the editor. */
import { layoutToJson, parseLayout } from "../layout/document.js";
import { withParts } from "../layout/parts.js";
import { keyText } from "../panels/keys.js";
import { fill } from "../text.js";
import { instanceBounds, instancesOf } from "../state/geometry.js";

const PASTE_OFFSET = 16; // pixels of the layout, where the copy would lie exactly on its original

/**
 * @param {object} editor {store, host, root, text, importText(text), importFile(file), importPicture(file), perform(act)}
 * @param {{on: Function}} scope
 * @returns {{copy(cut: boolean): void, paste(): void}} the same for menus, which have no event of the clipboard
 */
export function listenToClipboard(editor, scope) {
  const { store, host, root, text } = editor;
  // events instead of navigator.clipboard: they need no permission and work on a plain http address in a local network
  const typing = (event) => event.target.closest?.("input, textarea, select, [contenteditable]");

  function copy(event, cut) {
    if (typing(event)) {
      event.stopPropagation();
      return;
    }
    event.stopPropagation(); // else the graph copies the node
    const chosen = copied(store.doc, store.session.selection);
    if (!chosen.length) return;
    event.preventDefault();
    event.clipboardData.setData("text/plain", asText(chosen));
    isCopied(chosen, cut);
  }

  function asText(chosen) {
    const { width, height } = store.doc;
    return layoutToJson({ version: 1, width, height, prompt: "", instances: chosen });
  }

  function isCopied(chosen, cut) {
    store.notify(fill(text.notices.copied, { count: chosen.length }));
    if (cut) editor.perform("delete");
  }

  function paste(event) {
    event.stopPropagation();
    if (typing(event)) return;
    event.preventDefault();
    const given = event.clipboardData.getData("text/plain");
    if (!given.trim()) {
      const file = [...event.clipboardData.files].find(isImage);
      if (file) editor.importPicture(file);
      else store.notify(text.notices.clipboardEmpty, "warn");
      return;
    }
    pasteText(given);
  }

  function pasteText(given) {
    let layout;
    try {
      layout = parseLayout(given);
    } catch {
      editor.importText(given); // other formats, and the sentence that says what is wrong
      return;
    }
    pasteInstances(store, layout.instances);
    store.notify(fill(text.notices.pasted, { count: layout.instances.length }));
  }

  async function copyByMenu(cut) {
    const chosen = copied(store.doc, store.session.selection);
    try {
      await host.clipboardWrite(asText(chosen));
    } catch {
      store.notify(fill(text.notices.copyRefusedKey, { key: keyText(cut ? "cut" : "copy") }), "warn"); // plain http
      return;
    }
    isCopied(chosen, cut);
  }

  async function pasteByMenu() {
    let given;
    try {
      given = await host.clipboardRead();
    } catch {
      store.notify(fill(text.notices.clipboardRefused, { key: keyText("paste") }), "warn");
      return;
    }
    if (given?.trim()) pasteText(given);
    else store.notify(text.notices.clipboardEmpty, "warn");
  }

  const answers = { copy: (event) => copy(event, false), cut: (event) => copy(event, true), paste };
  for (const [type, answer] of Object.entries(answers)) {
    scope.on(root, type, answer);
    // Firefox tells the body or wherever text is selected, not what has the focus, and there the graph would take it
    scope.on(document, type, (event) => !root.contains(event.target) && root.contains(document.activeElement) && answer(event), true);
  }

  scope.on(root, "dragover", (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    event.stopPropagation();
    event.dataTransfer.dropEffect = "copy";
  });
  scope.on(root, "drop", (event) => {
    const file = event.dataTransfer.files[0];
    if (!file) return;
    event.preventDefault();
    event.stopPropagation(); // else the graph loads it as a workflow
    root.focus({ preventScroll: true });
    if (isImage(file)) editor.importPicture(file);
    else editor.importFile(file);
  });

  return { copy: copyByMenu, paste: pasteByMenu };
}

/** The instances with these ids and their parts; the parent of a part that comes without it stays behind. */
function copied(doc, selection) {
  const ids = withParts(doc, selection);
  return instancesOf(doc, ids).map((instance) => (ids.includes(instance.parent) ? instance : { ...instance, parent: undefined }));
}

/** Put copies in front of everything and select them; moved a little where they would hide what they copy. */
export function pasteInstances(store, instances) {
  if (!instances.length) return;
  const there = new Set(store.doc.instances.map((instance) => String(instanceBounds(instance))));
  const covers = instances.some((instance) => there.has(String(instanceBounds(instance))));
  const before = new Set(store.doc.instances.map((instance) => instance.id));
  const offset = covers ? PASTE_OFFSET : 0;
  store.dispatch({ type: "paste", instances, dx: offset / store.doc.width, dy: offset / store.doc.height });
  store.setSession({ selection: store.doc.instances.filter((i) => !before.has(i.id)).map((i) => i.id) });
}

function isImage(file) {
  return file.type.startsWith("image/");
}
