/** The studio below the canvas in the full window: run, seed, what lies behind the layout, the results. */
import { createScope, el, focusEditor, setAttribute, setText } from "../panels/dom.js";
import { icon } from "../panels/icons.js";
import { fill } from "../text.js";
import { createLook } from "./look.js";
import { createSeedBar } from "./seedBar.js";
import { progress } from "./sentences.js";
import { createStrip } from "./strip.js";

/**
 * @param {{store: object, desk: object, text: object}} options
 * @returns {{element: HTMLElement, flush: () => void, destroy: () => void}}
 */
export function createStudioPanel({ store, desk, text }) {
  const words = text.studio;
  const scope = createScope();
  const button = (act, name, label, help, extra) =>
    el("button", { type: "button", class: `ie-wide ${extra}`, "data-act": act, title: help }, icon(name), el("span", { text: label }));
  const run = button("studio-run", "play", words.run, words.runHelp, "is-primary");
  const cancel = button("studio-cancel", "stop", words.cancel, words.cancelHelp, "");
  const sentenceAt = el("span", { class: "ie-run-text" });
  const more = el("span", { class: "ie-run-more" });
  const bar = el("div", { class: "ie-run-bar", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100, "aria-label": words.run }, el("div"));
  const status = el("div", { class: "ie-run-status", role: "status" }, el("div", { class: "ie-run-words" }, sentenceAt, more), bar);
  const parts = { seed: createSeedBar({ store, desk, words }), look: createLook({ store, desk, words }), strip: createStrip({ store, desk, words }) };
  const line = el("div", { class: "ie-studio-line" }, run, cancel, status, parts.seed.element, parts.look.element);
  const element = el("section", { class: "ie-studio", "aria-label": words.label, hidden: true }, line, parts.strip.element);

  scope.on(run, "click", async (event) => {
    if (event.detail) focusEditor(element);
    await desk.run();
  });
  scope.on(cancel, "click", async () => {
    focusEditor(element);
    await desk.cancel();
  });

  function update() {
    setAttribute(element, "hidden", !store.session.popout || Boolean(store.error)); // asked for each frame of a drag
    if (element.hidden) return;
    desk.remember();
    const [job, ...others] = desk.jobs();
    const { text: said, share } = progress(job, words);
    const { problem } = desk.state();
    const offline = !desk.isConnected();
    const trouble = offline || (!job && problem?.level === "warn");
    const sentence = offline ? words.offline : job ? said : (problem?.say(words) ?? "");
    setText(sentenceAt, sentence);
    setAttribute(sentenceAt, "title", sentence || null);
    status.classList.toggle("is-warning", trouble);
    setAttribute(status, "role", trouble ? "alert" : "status");
    setText(more, others.length ? `+${others.length}` : "");
    setAttribute(more, "title", others.length ? fill(words.more, { count: others.length }) : null);
    bar.hidden = !job;
    setAttribute(bar, "aria-valuenow", share === null ? null : Math.round(share * 100));
    setAttribute(bar, "data-busy", job?.state === "running" && share === null);
    bar.firstChild.style.width = `${100 * (share ?? 0)}%`;
    cancel.hidden = !job;
    for (const part of Object.values(parts)) part.update();
  }

  scope.add(desk.subscribe(update));
  scope.add(
    store.subscribe(({ doc, session }) => {
      if (session.has("popout") || (doc && !element.hidden === Boolean(store.error))) update();
    })
  );
  // the graph's widgets tell nobody when they change: their seed is read when one looks
  scope.on(element, "pointerenter", update);
  scope.on(element, "focusin", update);
  for (const part of Object.values(parts)) scope.add(part.destroy);
  update();
  return { element, flush: parts.seed.flush, destroy: scope.destroy };
}
