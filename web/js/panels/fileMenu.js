/** The file menu: layouts in and out. */
import { layoutToJson } from "../layout/document.js";
import { lostIn, toAuthors, toBoundingBoxes, toCoco, toElements, toOmost } from "../layout/exporters.js";
import { fill } from "../text.js";
import { el } from "./dom.js";
import { toggleMenu } from "./menu.js";

const EXPORTS = { authors: toAuthors, coco: toCoco, boxes: toBoundingBoxes, elements: toElements, omost: toOmost };

/**
 * @param {{store: object, host: object, text: object, root: HTMLElement, importText: (given: string) => Promise<boolean>,
 *   importFile: (file: File) => Promise<boolean>}} options
 * @returns {(anchor: HTMLElement) => void} opens the menu below a button, or closes it
 */
export function fileMenu({ store, host, text, root, importText, importFile }) {
  const words = text.file;
  const named = (suffix) => `${host.fileName ?? "layout"}${suffix}`;
  const save = (name, content) => {
    download(root.ownerDocument, name, content);
    store.notify(fill(text.notices.saved, { name }));
  };
  const saveAs = (format) => {
    const name = named(`.${format}.json`);
    save(name, JSON.stringify(EXPORTS[format](store.doc), null, 1));
    const lost = lostIn(store.doc, format).map(({ what, count }) => fill(text.lost[what], { count }));
    if (lost.length) store.notify(fill(text.notices.savedInPart, { name, format: words[format], lost: lost.join(text.lost.joint) }), "warn");
  };

  function openFile() {
    const input = el("input", { type: "file", accept: ".json,application/json,text/plain" });
    input.addEventListener("change", () => importFile(input.files[0]));
    input.click();
  }

  async function fromClipboard() {
    let given;
    try {
      given = await host.clipboardRead();
    } catch {
      // no permission, or plain http: the paste event needs neither
      store.notify(fill(text.notices.clipboardRefused, { key: "Ctrl+V" }), "warn");
      return;
    }
    if (given?.trim()) await importText(given);
    else store.notify(text.notices.clipboardEmpty, "warn");
  }

  async function copyJson() {
    try {
      await host.clipboardWrite(layoutToJson(store.doc));
      store.notify(text.notices.copiedJson);
    } catch {
      store.notify(text.notices.copyRefused, "warn");
    }
  }

  function clear() {
    store.dispatch({ type: "replace", doc: { ...store.doc, instances: [] } });
    store.notify(text.notices.cleared);
  }

  return function open(anchor) {
    const none = () => !store.doc.instances.length;
    const action = (act, label, run, disabled) => ({ kind: "action", act, label, run, disabled });
    const exporting = (name) => action(`export-${name}`, words[name], () => saveAs(name), none);
    toggleMenu({
      root,
      anchor,
      label: text.fileMenu,
      items: [
        action("open-file", words.open, openFile),
        action("import-clipboard", words.clipboard, fromClipboard),
        { kind: "separator" },
        action("copy-json", words.copyJson, copyJson),
        action("save-json", words.saveJson, () => save(named(".json"), layoutToJson(store.doc))),
        action("save-png", words.savePng, () => host.savePng()),
        { kind: "heading", label: words.export },
        ...Object.keys(EXPORTS).map(exporting),
        { kind: "separator" },
        action("clear", words.clear, clear, none),
      ],
    });
  };
}

function download(page, name, content) {
  const url = URL.createObjectURL(new Blob([content], { type: "application/json" }));
  const link = el("a", { href: url, download: name });
  link.hidden = true;
  page.body.append(link); // Firefox follows only links of the page
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60000); // the browser reads it after the click
}
