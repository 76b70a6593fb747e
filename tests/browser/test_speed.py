"""100 instances with prompts, ten of them with masks of 512 x 512: dragging its speed is reported, and rest is rest."""

import json

import numpy as np
from instdiff.instdiff_modules.geometry.masks import encode_mask
from support.browser import ComfyPage
from support.editor import Editor

FRAMES = 60  # of each run


def many() -> str:
    rows, columns = np.mgrid[:512, :512]
    instances = []
    for i in range(100):
        x, y = 0.02 + (i % 10) * 0.095, 0.02 + (i // 10) * 0.095
        item = {
            "id": f"i{i}",
            "prompt": f"a (detailed:1.1) animal number {i}, standing in tall grass at noon",
            "box": [x, y, x + 0.12, y + 0.12],
        }
        if i % 10 == 0:
            shape = (rows - 512 * y - 30) ** 2 + (columns - 256 - 20 * np.sin(rows / 9)) ** 2 < (
                40 + 12 * np.cos(columns / 7)
            ) ** 2
            mask = encode_mask(shape)
            item["mask"] = {"size": [512, 512], "counts": mask.counts}
        instances.append(item)
    return json.dumps({"version": 1, "width": 512, "height": 512, "prompt": "a meadow", "instances": instances})


# Drags an instance in circles, one pointer event a frame; gives frames per second, and the milliseconds a frame that our scripts take.
SCRIPT = """async (root, frames) => {
  const canvas = root.querySelector(".ie-canvas"), { toClient } = root.__instdiff;
  const send = (type, x, y, buttons) => { const [clientX, clientY] = toClient(x, y);
    canvas.dispatchEvent(new PointerEvent(type, { clientX, clientY, buttons, button: type === "pointermove" ? -1 : 0,
      pointerId: 1, pointerType: "mouse", isPrimary: true, bubbles: true, cancelable: true })); };
  canvas.setPointerCapture = () => {};
  send("pointerdown", 0.55, 0.55, 1);
  const times = [], own = window.requestAnimationFrame; let busy = 0;
  window.requestAnimationFrame = (run) => own((time) => { const start = performance.now(); run(time); busy += performance.now() - start; });
  for (let i = 0; i < frames; i++) {
    await new Promise((done) => own(done));
    const start = performance.now();
    send("pointermove", 0.55 + 0.3 * Math.sin(i / 10), 0.55 + 0.2 * Math.cos(i / 7), 1);
    busy += performance.now() - start;
    times.push(start);
  }
  send("pointerup", 0.6, 0.6, 0);
  window.requestAnimationFrame = own;
  delete canvas.setPointerCapture;
  return { fps: (1000 * (frames - 1)) / (times.at(-1) - times[0]), busy: busy / frames };
}"""


# The same drag with what is drawn and changed in a frame counted, on any machine alike: calls that draw on the canvas, the share of its pixels
# that is copied, and changes of the page.
WORK = """async (root, frames) => {
  const canvas = root.querySelector(".ie-canvas"), { store, toClient } = root.__instdiff, { prototype } = CanvasRenderingContext2D;
  const [x0, y0, x1, y1] = store.doc.instances[99].box, from = [(x0 + x1) / 2, (y0 + y1) / 2];
  store.setSession({ selection: [store.doc.instances[99].id] });
  const send = (type, x, y, buttons) => { const [clientX, clientY] = toClient(x, y);
    canvas.dispatchEvent(new PointerEvent(type, { clientX, clientY, buttons, button: type === "pointermove" ? -1 : 0,
      pointerId: 1, pointerType: "mouse", isPrimary: true, bubbles: true, cancelable: true })); };
  const frame = () => new Promise(requestAnimationFrame);
  canvas.setPointerCapture = () => {};
  send("pointerdown", ...from, 1);
  for (let i = 0; i < 3; i++) { send("pointermove", from[0] - 0.02 * i, from[1] - 0.02 * i, 1); await frame(); await frame(); }
  let drawn = 0, copied = 0, page = 0;
  const names = ["drawImage", "fillRect", "strokeRect", "fill", "stroke", "fillText"], kept = names.map((name) => prototype[name]);
  names.forEach((name, i) => { prototype[name] = function (...given) {
    drawn++;
    if (name === "drawImage" && this.canvas === canvas && given.length === 9) copied += (given[3] * given[4]) / (canvas.width * canvas.height);
    return kept[i].apply(this, given); }; });
  const watch = new MutationObserver((changes) => (page += changes.length));
  watch.observe(root, { subtree: true, childList: true, characterData: true, attributes: true });
  const value = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value");
  Object.defineProperty(HTMLInputElement.prototype, "value", { ...value, set(given) { if (root.contains(this)) page++; value.set.call(this, given); } });
  const start = performance.now();
  for (let i = 0; i < frames; i++) {
    send("pointermove", from[0] - 0.1 - 0.1 * Math.sin(i / 10), from[1] - 0.1 - 0.1 * Math.cos(i / 7), 1);
    await frame();
  }
  const bursts = 1 + (performance.now() - start) / 120; // a machine that is busy draws fewer frames meanwhile
  watch.disconnect();
  Object.defineProperty(HTMLInputElement.prototype, "value", value);
  names.forEach((name, i) => { prototype[name] = kept[i]; });
  send("pointerup", 0.6, 0.6, 0);
  delete canvas.setPointerCapture;
  return { drawn: drawn / frames, copied: copied / frames, page: page / bursts };
}"""


def test_dragging_is_measured_and_nothing_is_drawn_at_rest(
    comfy: ComfyPage, editor: Editor, request, record_property
) -> None:
    text = many()
    assert len(text) < 200_000
    runs = []
    for _ in range(3):  # whatever else the machine does comes and goes
        editor.load(text)
        editor.do("({ store }) => store.setSession({ tool: 'select', selection: [] })")
        editor.focus()
        runs.append(editor.root().evaluate(SCRIPT, FRAMES))
    best = max(runs, key=lambda one: one["fps"])
    record_property(
        f"Dragging one of 100 instances, {request.node.callspec.id}",
        f"{best['fps']:.0f} frames per second, {best['busy']:.1f} ms of script a frame",
    )
    comfy.screenshot(f"hundred-{comfy.renderer}")
    work = editor.root().evaluate(WORK, 20)
    assert work["drawn"] <= 40, "what stands still is not drawn again"
    assert work["copied"] <= 0.2, "nor is more of the canvas touched than what moves takes"
    assert work["page"] <= 8, "numbers and words beside the canvas change a few times a second"
    if comfy.renderer == "nodes2":  # a filter is computed anew for the whole node whenever one of its pixels changes
        assert editor.root().evaluate("root => getComputedStyle(root.closest('.lg-node')).filter") == "none"

    comfy.settle(500)
    drawn = """async (root) => { const { prototype } = CanvasRenderingContext2D, canvas = root.querySelector(".ie-canvas");
      let count = 0; const calls = ["clearRect", "fillRect", "drawImage", "setTransform"]; const kept = calls.map((name) => prototype[name]);
      calls.forEach((name, i) => { prototype[name] = function (...given) { if (this.canvas === canvas) count++; return kept[i].apply(this, given); }; });
      await new Promise((done) => setTimeout(done, 600));
      calls.forEach((name, i) => { prototype[name] = kept[i]; });
      return count; }"""
    assert editor.root().evaluate(drawn) == 0
