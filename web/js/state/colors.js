/** Colours of instances: the person's own, else one per position. The same table as instdiff_modules/preview/palette.py. */

export const PALETTE = [
  "#ff5964", "#35d07f", "#4d9dff", "#ffc93c", "#c77dff", "#2ed9d9", "#ff8f3f", "#ff7ac6",
  "#a6e22e", "#8c9bff", "#e0a96d", "#5fe3b5", "#f25c9a", "#d7d95b", "#6cc4ff", "#ff9e9e",
];
const GOLDEN_ANGLE = 0.38196601125; // turns; keeps endless colours apart

/** @returns {string} colour of the instance at that position (from 0), "#rrggbb" */
export function paletteColor(index) {
  if (index < PALETTE.length) return PALETTE[index];
  const hue = (index * GOLDEN_ANGLE) % 1;
  const channel = (shift) => {
    const k = (((hue + shift) % 1) + 1) % 1;
    const [m1, m2] = [0.66 - 0.85 * 0.34, 0.66 + 0.85 * 0.34];
    const value = k < 1 / 6 ? m1 + (m2 - m1) * k * 6 : k < 1 / 2 ? m2 : k < 2 / 3 ? m1 + (m2 - m1) * (2 / 3 - k) * 6 : m1;
    return Math.round(value * 255).toString(16).padStart(2, "0");
  };
  return `#${channel(1 / 3)}${channel(0)}${channel(-1 / 3)}`;
}

/** @returns {string} "#rrggbb" of an instance; index: its position in the list */
export function instanceColor(instance, index) {
  const color = instance.color || paletteColor(index);
  return color.length === 4 ? `#${[...color.slice(1)].map((c) => c + c).join("")}` : color;
}

/** @returns {string} the first palette colour that no instance of the layout has, else the next in turn */
export function nextColor(doc) {
  const used = new Set(doc.instances.map((instance, i) => instanceColor(instance, i).toLowerCase()));
  return PALETTE.find((color) => !used.has(color)) ?? paletteColor(doc.instances.length);
}

/** @returns {string} near-black or white, whichever is easier to read on the colour (relative luminance of WCAG 2) */
export function inkOn(color) {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const v = parseInt(color.slice(at, at + 2), 16);
    return v <= 10 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18 ? "#101216" : "#ffffff";
}
