/** What the layout tests share: fixtures, and documents that nobody can change unseen. */
import { readFileSync, readdirSync } from "node:fs";
import { completed, readForeign, readText } from "../../../web/js/layout/importers.js";

const DATA = new URL("../../data/", import.meta.url);

/** @returns {{name: string, text: string}[]} the files of a folder below tests/data */
export function filesOf(folder) {
  const names = readdirSync(new URL(`${folder}/`, DATA)).sort();
  return names.map((name) => ({ name, text: readData(`${folder}/${name}`) }));
}

export function readData(path) {
  return readFileSync(new URL(path, DATA), "utf8");
}

export function deepFreeze(value) {
  if (typeof value === "object" && value !== null) Object.values(Object.freeze(value)).forEach(deepFreeze);
  return value;
}

/** A document with one instance at 768x512, the fields given. */
export function documentOf(...instances) {
  return { version: 1, width: 768, height: 512, instances: instances.map((fields, i) => ({ id: `n${i}`, prompt: "a fox", ...fields })) };
}

/** @returns {{height: number, width: number, data: Uint8Array}} a bitmap from the rule (x, y) -> inside */
export function bitmapOf(height, width, inside) {
  const data = new Uint8Array(height * width);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data[y * width + x] = inside(x, y) ? 1 : 0;
  return { height, width, data };
}

/** @returns {number} the shortest of several runs, in milliseconds: what the code needs when nobody else is at work */
export function fastest(run, times = 30) {
  let best = Infinity;
  for (let i = 0; i < times; i++) {
    const start = performance.now();
    run();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

/** @returns {number} as fastest, but of the processor's time: however busy the machine is */
export function leastWork(run, times = 3) {
  let best = Infinity;
  for (let i = 0; i < times; i++) {
    const start = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(start);
    best = Math.min(best, (user + system) / 1000);
  }
  return best;
}

/** @returns {{doc: object, notes: string[]}} a layout of others, from text or parsed, with the canvas and choices that options give */
export function importWithNotes(value, options = { width: 512, height: 512 }) {
  return completed(readForeign(typeof value === "string" ? readText(value) : value, options));
}

export function importLayout(value, options) {
  return importWithNotes(value, options).doc;
}
