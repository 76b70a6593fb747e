/** The prompt of one instance in a field at the instance itself; open while session.editing names it. */
import { instanceBounds } from "../state/geometry.js";
import { fill } from "../text.js";
import { assistPrompt } from "./assist.js";
import { el } from "./dom.js";
import { createPrompt } from "./prompt.js";

const WIDTHS = [200, 340]; // CSS pixels
const MARGIN = 4; // CSS pixels to the stage's border

/**
 * @param {{store: object, host: object, text: object, root: HTMLElement, stage: HTMLElement}} options
 * @returns {{place(view: object, size: object): void, flush(): void, destroy(): void}} place: called for each frame, since the view may move
 */
export function createInPlace({ store, host, text, root, stage }) {
  let open = null; // {id, prompt, element}

  function update() {
    const { editing } = store.session;
    if (editing === (open?.id ?? null)) return;
    shut();
    const index = store.doc.instances.findIndex((instance) => instance.id === editing);
    if (index < 0) return;
    const prompt = createPrompt({
      label: fill(text.list.prompt, { n: index + 1 }),
      placeholder: text.list.placeholder,
      act: "prompt-here",
      commit: (value) => store.dispatch({ type: "update", ids: [editing], fields: { prompt: value } }),
      leave: close,
      whenEmpty: [],
      perform: () => {},
      close,
      assist: assistPrompt({ store, host, text, cuts: true }),
    });
    const element = el("div", { class: "ie-in-place" }, prompt.element);
    element.addEventListener("focusout", ({ relatedTarget }) => !element.contains(relatedTarget) && store.setSession({ editing: null }));
    open = { id: editing, prompt, element };
    prompt.set(store.doc.instances[index].prompt);
    stage.append(element);
    prompt.textarea.focus({ preventScroll: true });
    prompt.textarea.setSelectionRange(prompt.textarea.value.length, prompt.textarea.value.length);
  }

  /** By a key: the canvas has the focus again. */
  function close() {
    root.focus({ preventScroll: true });
    store.setSession({ editing: null });
  }

  function shut() {
    if (!open) return;
    const { prompt, element } = open;
    open = null;
    prompt.flush();
    prompt.destroy();
    element.remove();
  }

  store.session.editing = null; // the widget may have been rebuilt
  const unsubscribe = store.subscribe((change) => {
    if (change.session.has("editing")) update();
    else if (open && !store.doc.instances.some((instance) => instance.id === open.id)) store.setSession({ editing: null });
  });

  return {
    place(view, size) {
      const instance = open && store.shown.instances.find(({ id }) => id === open.id);
      const bounds = instance && instanceBounds(instance);
      if (!bounds) return;
      const [left, top] = view.toScreen(bounds.slice(0, 2));
      const wide = (bounds[2] - bounds[0]) * view.width;
      const width = Math.min(Math.max(wide, WIDTHS[0]), WIDTHS[1], size.width - 2 * MARGIN);
      const within = (v, most) => `${Math.max(MARGIN, Math.min(v, most - MARGIN))}px`;
      Object.assign(open.element.style, {
        width: `${width}px`,
        left: within(left, size.width - width),
        top: within(top, size.height - open.element.offsetHeight),
      });
    },
    flush: () => open?.prompt.flush(),
    destroy() {
      unsubscribe();
      shut();
    },
  };
}
