/** The colours of the canvas, from the page's style sheets. */

const FRESH = 500; // milliseconds: asking makes the browser look at all styles, which a drag has no time for

/** @returns {() => {stage: string, paper: string, line: string}} the colours now, or those of a moment ago */
export function createTheme(root) {
  let known = null;
  let asked = -Infinity;
  return function theme() {
    const now = performance.now();
    if (now - asked < FRESH) return known;
    asked = now;
    const styles = getComputedStyle(root);
    const color = (name, fallback) => styles.getPropertyValue(name).trim() || fallback;
    known = { stage: color("--ie-stage", "#1b1c1f"), paper: color("--ie-paper", "#2a2c30"), line: color("--ie-guide", "#6b6f78") };
    return known;
  };
}
