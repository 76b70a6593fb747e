/** The view menu: background, guides, zoom. */
import { createScope, el, focusEditor } from "./dom.js";
import { keyText } from "./keys.js";
import { toggleMenu } from "./menu.js";
import { createNumber, createSlider, refuseIn } from "./number.js";

/** @returns {(anchor: HTMLElement) => void} opens the menu below a button, or closes it */
export function viewMenu({ store, host, text, root }) {
  const words = text.view;
  const set = (patch) => host.setView(patch);

  return function open(anchor) {
    const scope = createScope();
    const leave = () => focusEditor(root);
    const opacity = createSlider({
      act: "view-opacity",
      label: words.opacity,
      min: 0,
      max: 1,
      step: 0.05,
      preview: (value) => set({ opacity: value }),
      commit: (value) => set({ opacity: value }),
      leave,
    });
    opacity.set(host.getView().opacity);
    const grid = createNumber({
      act: "view-grid-size",
      label: words.gridSize,
      min: 1,
      max: 512,
      step: 1,
      decimals: 0,
      whole: () => host.getView().gridSize,
      refuse: refuseIn({ store, text }),
      commit: (value) => set({ gridSize: Math.round(value) }),
      leave,
    });
    grid.set(host.getView().gridSize);
    for (const part of [opacity, grid]) scope.add(() => (part.flush(), part.destroy()));
    const row = (label, part) => el("label", { class: "ie-menu-row" }, el("span", { text: label }), part);
    const radio = (name) => ({
      kind: "radio",
      act: `background-${name}`,
      label: words[name],
      checked: () => host.getView().background === name,
      run: () => set({ background: name }),
    });
    const check = (name) => ({
      kind: "check",
      act: `view-${name}`,
      label: words[name],
      checked: () => Boolean(host.getView()[name]),
      run: () => set({ [name]: !host.getView()[name] }),
    });
    const action = (act) => ({ kind: "action", act, label: text.acts[act], hint: keyText(act), run: () => host.perform(act) });

    toggleMenu({
      root,
      anchor,
      label: text.viewMenu,
      onClose: scope.destroy,
      items: [
        { kind: "heading", label: words.background },
        ...["none", "input", "last", ...(host.getView().file ? ["file"] : [])].map(radio), // file: a picture that was dropped
        { kind: "custom", element: row(words.opacity, opacity.element) },
        {
          kind: "action",
          act: "view-canvas-picture",
          label: words.picture,
          run: () => host.perform("canvas-picture"),
          disabled: () => !store.session.picture,
        },
        { kind: "heading", label: words.guides },
        ...["thirds", "snap", "grid"].map(check),
        { kind: "custom", element: row(words.gridSize, grid.element) },
        { kind: "heading", label: words.zoom },
        ...["zoom-fit", "zoom-actual", "zoom-in", "zoom-out"].map(action),
      ],
    });
  };
}
