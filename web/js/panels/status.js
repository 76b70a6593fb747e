/** The line below the canvas: notices, the cursor's place, the zoom. */
import { fill } from "../text.js";
import { createCalm } from "./calm.js";
import { createScope, el, setText } from "./dom.js";

const STAYS = { info: 5000, warn: 15000 }; // milliseconds

/**
 * @returns {{element: HTMLElement, setCursor(at: [number, number] | null), setScale(scale: number), destroy(): void}}
 *   setCursor takes px of the layout; setScale 1 for 100 %. Both are cheap and do nothing when nothing changes.
 */
export function createStatus({ store, text }) {
  const scope = createScope();
  const notice = el("span", { class: "ie-notice", role: "status", "aria-live": "polite" });
  const cursor = el("span", { class: "ie-cursor" });
  const zoom = el("span", { class: "ie-zoom" });
  const element = el("div", { class: "ie-status" }, notice, cursor, zoom);
  let timer = null;
  let shown;
  let place = null; // of the pointer
  const calm = createCalm(() => setText(cursor, place ? fill(text.status.cursor, { x: place[0], y: place[1] }) : ""));

  function update() {
    const now = store.session.notice;
    if (now === shown) return;
    shown = now;
    clearTimeout(timer);
    setText(notice, now?.text ?? "");
    notice.title = now?.text ?? "";
    notice.classList.toggle("is-warning", now?.level === "warn");
    if (now) timer = setTimeout(() => store.setSession({ notice: null }), STAYS[now.level] ?? STAYS.info);
  }

  scope.add(store.subscribe(({ session }) => session.has("notice") && update()));
  scope.add(() => clearTimeout(timer));
  scope.add(calm.stop);
  update();
  return {
    element,
    setCursor(at) {
      place = at;
      calm.soon();
    },
    setScale: (scale) => setText(zoom, `${Math.round(scale * 100)} %`),
    destroy: scope.destroy,
  };
}
