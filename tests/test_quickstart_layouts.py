"""`quickstart.py run --layout`: what is said of a layout before ComfyUI starts, and which options answer what it leaves open."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from instdiff.instdiff_modules.importers import given
from instdiff.instdiff_modules.importers.first import answer
from instdiff.instdiff_modules.launcher import graph, layouts
from instdiff.instdiff_modules.launcher.demo_layout import for_the_demo
from instdiff.instdiff_modules.launcher.errors import Stopped
from instdiff.instdiff_modules.layout.document import parse_layout
from instdiff.instdiff_modules.shapeworld.known_words import KNOWN, WORDS, unknown_words
from support.pack import ROOT
from support.shapeworld import captions

STAR = {"prompt": "a red star", "box": [0.1, 0.1, 0.5, 0.5]}
FOUND = [{"label": "a red star", "bbox": [10, 10, 100, 100]}, {"label": "a blue ring", "bbox": [120, 120, 220, 230]}]


def ours(*instances: object, **fields: object) -> str:
    size = {"width": 256, "height": 256, "prompt": "a red star and a blue ring on a white background"}
    return json.dumps({"version": 1, **size, "instances": list(instances), **fields})


def notes(text: str, demo: bool = False, **asked: object) -> str:
    found = answer(text, {**asked, "prompts": demo})
    return "\n".join([*found["notes"], *(for_the_demo(found["text"])[1] if demo else [])])


@pytest.mark.parametrize("odd, words", [
    ({"prompt": "a blue ring", "box": [10, 20, 100, 200]}, "0..1"),
    ({"prompt": "a blue ring", "bx": [0.1, 0.2, 0.3, 0.4]}, "did you mean 'box'?"),
    ({"prompt": "a blue ring", "box": [0.1, 0.2, 0.3]}, "left, top, right, bottom"),
    ({"prompt": "a blue ring", "box": [1.2, 0.2, 1.4, 0.4]}, "outside"), (3, "a JSON object"),
], ids=["pixels", "typo", "three", "outside", "number"])  # fmt: skip
def test_an_instance_that_is_left_out_is_said_before_the_start(odd: object, words: str) -> None:
    said = notes(ours(STAR, odd), demo=True)
    assert "Instance 2" in said and "It was left out." in said and "1 of your 2 instances was left out" in said
    assert words in said
    assert "Instance" not in notes(ours(STAR), demo=True)


def test_an_empty_prompt_and_its_misspelt_field_are_named() -> None:
    found = answer(ours({"promt": "a red star", "box": STAR["box"]}), {"prompts": True})
    assert "Instance 1 (i1) has an empty prompt" in found["problem"]
    assert "Instance 1: the field 'promt' is unknown; did you mean 'prompt'?" in found["notes"]


def test_the_demo_names_the_words_it_does_not_know_and_is_silent_of_others() -> None:
    assert notes(ours(STAR), demo=True) == ""
    said = notes(ours({**STAR, "prompt": "an orange dragon"}), demo=True)
    assert "does not know: orange, dragon. It knows circle, square" in said
    assert notes(ours({**STAR, "prompt": "an orange dragon"})) == "", "other models have other words"
    assert {word for word in captions.WORDS if word != ","} <= KNOWN
    assert unknown_words([captions.sentence(["a striped red moon", "a plain blue ring"], "white")]) == []


def test_the_demo_gets_a_caption_and_a_canvas_where_there_are_none() -> None:
    text, said = for_the_demo(
        answer(json.dumps({"version": 1, "instances": [STAR, {**STAR, "prompt": "a blue ring"}]}), {})["text"]
    )
    layout = parse_layout(text)
    assert (layout.prompt, layout.width, layout.height) == (
        "a red star and a blue ring on a white background",
        256,
        256,
    )
    assert "no caption" in said[0] and "256x256 is drawn" in said[1]
    for canvas in ((384, 256), (256, 512)):
        assert notes(ours(STAR, width=canvas[0], height=canvas[1]), demo=True) == ""
    for canvas, drawn in (((768, 512), "384x256"), ((512, 512), "256x256"), ((128, 250), "256x496")):
        said = notes(ours(STAR, width=canvas[0], height=canvas[1]), demo=True)
        assert f"draws a canvas of {canvas[0]}x{canvas[1]} at {drawn}." in said
    assert "from 1:2 to 2:1; on 768x256 objects miss their places" in notes(ours(STAR, width=768), demo=True)


def test_the_canvas_of_a_mask_and_of_other_frames_is_looked_at_too() -> None:
    def masked(width: int, height: int) -> dict[str, object]:
        mask = {"size": [height, width], "counts": [0, width * height]}
        return {"prompt": "a red star", "mask": mask}

    none = {"width": None, "height": None}
    assert "on 900x300 objects miss their places" in notes(ours(masked(900, 300), **none), demo=True)
    assert "draws a canvas of 512x512 at 256x256." in notes(ours(masked(512, 512), **none), demo=True)
    assert "does not state its canvas; 256x256 is drawn" in notes(ours(STAR, height=None), demo=True)
    frames = [json.loads(ours(STAR)), json.loads(ours(STAR, width=512))]
    assert notes(json.dumps(frames[:1] * 2), demo=True) == ""
    with pytest.raises(
        Stopped, match=r"Frame 2 of the layout has a canvas of 512x256, but .* one size, here for 256x256"
    ):
        notes(json.dumps(frames), demo=True)
    found = answer(json.dumps([{**frames[0], **none}, frames[1], {**frames[1], "width": 1024, "height": 512}]), {})
    drawn = [(one["width"], one["height"]) for one in json.loads(for_the_demo(found["text"])[0])]
    assert found["canvas"] == (512, 256) and drawn == [(512, 256), (512, 256), (1024, 512)], "what is stated stays"


def test_a_caption_without_a_background_is_told_what_to_add() -> None:
    assert "end the caption with 'on a white background'" in notes(ours(STAR, prompt="a red star"), demo=True)
    white = {**STAR, "prompt": "a white star"}
    assert "'on a black background'" in notes(ours(white, prompt="a white star, no background"), demo=True)
    assert notes(ours(STAR, prompt="a red star on a Purple background."), demo=True) == ""
    assert notes(ours(STAR, prompt="a red star")) == "", "other models have other captions"


def test_the_example_of_the_readme_is_in_the_pack_and_its_help_lists_the_words(capsys) -> None:
    example = (ROOT / "web" / "about" / "layout.json").read_text(encoding="utf-8")
    assert notes(example, demo=True) == "" and example in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "--layout web/about/layout.json" in (ROOT / "README.md").read_text(encoding="utf-8")
    helped = subprocess.run(
        [sys.executable, ROOT / "quickstart.py", "run", "--help"], capture_output=True, text=True, check=True
    ).stdout
    said = " ".join(helped.split())
    assert WORDS in said and "on a green background" in said
    for page in ("README.md", "web/docs/InstDiffLoadDemoModel.md"):
        told = (ROOT / page).read_text(encoding="utf-8")
        assert all(word in told for word in WORDS.replace(";", ",").split(", ")), page


def test_a_caption_beside_a_detectors_list_counts_and_the_options_answer_what_is_open() -> None:
    text = json.dumps({"caption": "a red star and a blue ring on a white background", "detections": FOUND})
    asked = {"order": layouts.ORDERS["xyxy"], "units": layouts.UNITS["pixels"], "width": 256, "height": 256}
    layout = parse_layout(answer(text, asked)["text"])
    assert layout.prompt.endswith("white background") and layout.instances[1].box == (
        120 / 256,
        120 / 256,
        220 / 256,
        230 / 256,
    )


def test_what_a_file_leaves_open_is_asked_in_options() -> None:
    open_order = answer(json.dumps(FOUND), {})
    assert open_order["open"]
    said = layouts.in_options(open_order["problem"])
    assert "menu" not in said and "--order xyxy|xywh|yxyx|cxcywh, --units pixels|fractions" in said
    canvas = answer(json.dumps(FOUND), {"order": layouts.ORDERS["xyxy"], "units": "pixels"})
    assert "--width W --height H" in layouts.in_options(canvas["problem"])
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 9, "height": 9} for i in (1, 2)]
    several = answer(json.dumps({"images": images, "annotations": [], "categories": []}), {})
    assert "--image NAME" in layouts.in_options(several["problem"])
    assert answer(json.dumps({"images": images, "annotations": [], "categories": []}), {"image": "2"})["most"] == 0
    assert {*layouts.ORDERS.values()} == {*given.ORDERS[1:]} and {*layouts.UNITS.values()} == {*given.ALL_UNITS[1:]}


def test_texts_that_are_no_json_are_read_too() -> None:
    yolo = "0 0.5 0.5 0.2 0.3\n"
    layouts.check_text(yolo, "boxes.txt")
    assert parse_layout(answer(yolo, {})["text"]).instances[0].prompt == "person"
    with pytest.raises(Stopped, match=r"boxes\.txt.*not valid JSON"):
        layouts.check_text("hello", "boxes.txt")


def test_a_caption_that_names_what_first_leaves_out_is_said() -> None:
    said = notes(ours(STAR, {**STAR, "prompt": "a blue ring"}), first=1)
    assert "The caption still names what is left out (a blue ring)" in said
    assert notes(ours(STAR, {**STAR, "prompt": "a moon"}), first=1) == ""


@pytest.mark.parametrize(
    "canvas", [(250, 256), (640, 427), (70, 256), (256, 256), (1000, 777), (4000, 3000), (30, 200)]
)
def test_a_picture_has_the_shape_of_its_canvas(canvas: tuple[int, int]) -> None:
    size = graph.drawn_size(*canvas)
    assert graph.has_shape(size, canvas) and max(size) <= 1024 and not any(side % 8 for side in size)
    layouts.check_demo(Path("layout.json"), 1, canvas, 8)


def test_what_the_demo_cannot_draw_stops_before_the_start() -> None:
    with pytest.raises(Stopped, match=r"no picture that the demo's model draws has the shape of its canvas, 1000x10"):
        layouts.check_demo(Path("layout.json"), 1, (1000, 10), 8)
    with pytest.raises(Stopped, match=r"has 12 instances, .* takes at most 8.*--first 8"):
        layouts.check_demo(Path("layout.json"), 12, None, 8)
