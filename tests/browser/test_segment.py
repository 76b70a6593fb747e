"""Click to mask: what is clicked on the picture behind the layout becomes the mask of an instance. A stand-in answers for SAM3."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from instdiff.instdiff_modules.layout.rle import decode_runs
from PIL import Image
from support.browser import ComfyPage
from support.editor import Editor, drop
from support.waiting import wait

WEIGHTS = "sam3.1_multiplex_fp16.safetensors"


@pytest.fixture
def weights(comfy: ComfyPage) -> Iterator[Path]:
    """Where SAM3's weights belong; they are not there yet."""
    file = comfy.server.base / "models" / "checkpoints" / WEIGHTS
    yield file
    file.unlink(missing_ok=True)


def photo(width: int, height: int) -> bytes:
    """A picture that is no mask, in few bytes."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[...] = [60, 120, 180]
    pixels[height // 4 : height // 2, width // 4 : width // 2] = [180, 120, 60]
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def mask_of(editor: Editor, index: int = 0) -> np.ndarray:
    height, width = (mask := editor.instances[index]["mask"])["size"]
    runs = decode_runs(mask["counts"])
    return np.repeat(np.arange(len(runs)) % 2, runs).reshape(width, height).T.astype(bool)


def notice(editor: Editor) -> str:
    return (editor.session["notice"] or {}).get("text", "")


def assert_forgotten(comfy: ComfyPage) -> None:
    """These runs are none of the person's: the history lists none of them, at the latest a moment later."""
    for _ in range(100):
        runs = [entry for entry in comfy.server.client.get("/history").values() if "detect" in entry["prompt"][2]]
        if not runs:
            return
        comfy.page.wait_for_timeout(50)
    raise AssertionError(f"the history lists {len(runs)} runs")


def finished(editor: Editor) -> None:
    wait(editor, "!root.querySelector('.ie-busy')")


def test_clicks_and_boxes_make_masks(comfy: ComfyPage, editor: Editor, weights: Path) -> None:
    editor.tool("w")
    editor.click(0.5, 0.5)
    assert "Put a picture behind the layout first" in notice(editor)
    drop(editor, "photo.png", "image/png", photo(400, 200))
    wait(editor, "root.__instdiff.store.session.picture?.width === 400")
    editor.tool("w")
    editor.click(0.5, 0.5)
    wait(editor, f"root.__instdiff.store.session.notice?.text.includes('Put {WEIGHTS} into models/checkpoints')")
    weights.write_bytes(b"")

    # the picture lies in the middle half of the square canvas; the disc has 0.12 of its width
    editor.click(0.5, 0.5)
    wait(editor, "root.__instdiff.store.doc.instances.length === 1")
    comfy.screenshot(f"segment-{comfy.renderer}")
    mask = mask_of(editor)
    assert mask.shape == (512, 512) and mask.mean() == pytest.approx(np.pi * 0.12**2, rel=0.03)
    ys, xs = np.nonzero(mask)
    assert (xs.mean(), ys.mean()) == pytest.approx((256, 256), abs=3)
    editor.click(0.75, 0.5, "Shift")
    finished(editor)
    wider = mask_of(editor)
    assert wider.sum() == pytest.approx(2 * mask.sum(), rel=0.02) and (wider & mask).sum() == mask.sum()
    editor.click(0.55, 0.5, "Alt")
    finished(editor)
    assert not mask_of(editor)[256, 282] and mask_of(editor)[256, 384] and len(editor.instances) == 1

    # a click beside the picture, and a box for another instance
    editor.click(0.5, 0.1)
    assert "Click on the picture" in notice(editor)
    editor.drag(0.1, 0.3, 0.4, 0.6)
    wait(editor, "root.__instdiff.store.doc.instances.length === 2")
    ys, xs = np.nonzero(mask_of(editor, 1))
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == pytest.approx((51, 205, 154, 307), abs=3)
    finished(editor)
    editor.press("Escape", "Control+z")
    editor.ready()
    assert len(editor.instances) == 1
    assert_forgotten(comfy)


def test_a_run_is_cancelled_alone(comfy: ComfyPage, editor: Editor, weights: Path) -> None:
    weights.write_bytes(b"")
    drop(editor, "photo.png", "image/png", photo(256, 256))
    wait(editor, "root.__instdiff.store.session.picture?.width === 256")
    editor.tool("w")
    editor.click(0.01, 0.01)  # the stand-in takes its time there
    wait(editor, "root.querySelector('.ie-busy progress')?.hasAttribute('value')")
    comfy.screenshot(f"segment-busy-{comfy.renderer}")
    editor.act("busy-cancel")
    finished(editor)
    editor.click(0.5, 0.5)
    wait(editor, "root.__instdiff.store.doc.instances.length === 1")
    assert mask_of(editor)[256, 256] and not mask_of(editor)[5, 5]
    assert_forgotten(comfy)
