/** Entry: registers the layout editor with ComfyUI. Only this file, host.js, background.js, times.js, studio/desk.js and studio/runs.js touch the page's own modules. */
import { app } from "../../../scripts/app.js";
import { watchResults } from "./background.js";
import { layoutWidget } from "./host.js";
import { watchRuns } from "./studio/runs.js";
import { keepTimes } from "./times.js";

app.registerExtension({
  name: "InstDiff.LayoutEditor",
  init() {
    const sheet = document.createElement("link");
    sheet.rel = "stylesheet";
    sheet.href = new URL("../css/editor.css", import.meta.url).href; // the pack's folder may have any name
    document.head.append(sheet);
  },
  setup() {
    watchResults();
    watchRuns();
    keepTimes();
  },
  getCustomWidgets: () => ({ INSTDIFF_LAYOUT: layoutWidget }),
});
