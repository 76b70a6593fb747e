/** Asks what data do not say of themselves: units and order of their boxes, the size of the picture, which picture. */
import { NOT_DECLARED, ORDERS, PIXELS, UNITS, boxOf } from "../layout/given.js";
import { ask } from "./ask.js";
import { createScope, el } from "./dom.js";

const MAX_SHOWN = 500; // pictures in the menu
const MAX_SIDE = 16384; // pixels
const SKETCH = 120; // CSS pixels, the longer side

/**
 * @param {HTMLElement} root @param {object} text
 * @param {{question: object, known: object, canvas: {width: number, height: number}}} about question: what was thrown, see oddItems.js;
 *   known: the options so far; canvas: of the editor, the size that is proposed
 * @returns {Promise<object | null>} more options for reading the data; null if the person would rather not
 */
export async function askReading(root, text, { question, known, canvas }) {
  const words = text.reading;
  const scope = createScope();
  const boxes = question.asks.some((what) => what === "order" || what === "units");
  const menu = (act, label, values, names, value) => {
    const select = el("select", { class: "ie-select", "data-act": act, "aria-label": label });
    select.append(el("option", { value: "", text: label, hidden: true }));
    values.forEach((one, i) => select.append(el("option", { value: one, text: names[i] })));
    select.value = values.includes(value) ? value : "";
    return select;
  };
  const units = boxes && menu("reading-units", words.units, UNITS, words.unitNames, known.units);
  const order = boxes && menu("reading-order", words.order, ORDERS, words.orderNames, known.order);
  const image = question.asks.includes("image") && menu("reading-image", words.image, question.example.slice(0, MAX_SHOWN), question.example);
  const sized = question.asks.includes("canvas") || (boxes && known.width === undefined);
  const sides = sized ? ["width", "height"].map((name) =>
    el("input", {
      type: "number", min: 1, max: MAX_SIDE, value: known[name] ?? canvas[name], "data-act": `reading-${name}`, "aria-label": text.settings[name],
    })) : [];
  const named = sides.map((input, i) => el("label", { class: "ie-number" }, el("span", { class: "ie-prefix", text: "WH"[i] }), input));
  const sizeLine = sized && el("div", { class: "ie-line" }, el("span", { text: words.size }), ...named);
  const sketch = el("div", { class: "ie-sketch", hidden: true }, el("div"));
  const note = el("span", { class: "ie-sketch-note" });
  const form = el(
    "div", { class: "ie-reading" },
    ...[units, order, image].map((field) => field || null), sizeLine || null, boxes ? sketch : null, boxes ? note : null,
  );

  const size = () => sides.map((input) => input.valueAsNumber);
  const soundSize = () => size().every((v) => Number.isInteger(v) && v >= 1 && v <= MAX_SIDE);
  const answer = () => ({
    ...(units ? { units: units.value, order: order.value || NOT_DECLARED } : {}),
    ...(image ? { image: image.value } : {}),
    ...(sized && (!boxes || units.value === PIXELS) ? { width: size()[0], height: size()[1] } : {}),
  });

  function update() {
    const missing = [units, image, question.asks.includes("order") || question.asks.includes("units") ? order : null]
      .some((field) => field && !field.value);
    if (sizeLine && boxes) sizeLine.hidden = units.value !== PIXELS;
    const badSize = sizeLine && !sizeLine.hidden && !soundSize();
    const button = root.querySelector('[data-act="reading-go"]');
    if (button) button.disabled = Boolean(missing || badSize);
    if (boxes) draw(missing || badSize);
  }

  /** The first box as it would land. */
  function draw(open) {
    const { width, height } = { ...canvas, ...known, ...answer() };
    const whole = { [UNITS[0]]: [width, height], [UNITS[1]]: [1, 1], [UNITS[2]]: [1000, 1000], [UNITS[3]]: [100, 100] }[units.value];
    let box = null;
    try {
      box = open || !Array.isArray(question.example) ? null : boxOf(question.example, order.value, units.value, whole, "", []);
      note.textContent = box ? words.first : "";
    } catch (problem) {
      if (problem.name !== "LayoutError") throw problem;
      note.textContent = words.impossible;
    }
    sketch.hidden = !box;
    if (!box) return;
    const scale = SKETCH / Math.max(width, height);
    sketch.style.width = `${width * scale}px`;
    sketch.style.height = `${height * scale}px`;
    const [x0, y0, x1, y1] = box.map((v) => v * 100);
    sketch.firstChild.style.cssText = `left:${x0}%;top:${y0}%;width:${x1 - x0}%;height:${y1 - y0}%`;
  }

  scope.on(form, "input", update);
  const asked = ask(root, {
    message: question.message,
    form,
    choices: [
      { act: "reading-go", label: words.go, primary: true },
      { act: "reading-cancel", label: text.cancel },
    ],
  });
  update();
  const chosen = await asked;
  scope.destroy();
  return chosen === "reading-go" ? answer() : null;
}
