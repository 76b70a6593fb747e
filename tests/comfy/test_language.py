"""From words to a layout: the nodes called directly, and in a real server with a node that stands in for a language model."""

import json
from dataclasses import replace

import pytest
from instdiff.instdiff_modules.layout.document import parse_layout
from instdiff.instdiff_modules.layout.units import FRACTIONS, PIXELS, THOUSANDTHS
from instdiff.nodes.edit import InstDiffEditInstances
from instdiff.nodes.language import InstDiffLayoutFromText, InstDiffLayoutRequest
from instdiff.nodes.plausibility import InstDiffCheckLayout
from support.server import ANSWERS, ComfyServer, small_demo

CASES = {case["name"]: case for case in json.loads((ANSWERS / "expected.json").read_text(encoding="utf-8"))}
WIDE = (
    parse_layout({"version": 1, "width": 768, "height": 512, "instances": [
        {"id": "car", "prompt": "a red car", "box": [0.5, 0.6, 0.8, 0.8]}, {"id": "tractor", "prompt": "a green tractor", "box": [0.1, 0.1, 0.5, 0.6]},
    ]}),
)  # fmt: skip


def request(wish="a fox and an owl", count=2, **more):
    return {
        "class_type": "InstDiffLayoutRequest",
        "inputs": {"wish": wish, "width": 768, "height": 512, "count": count, **more},
    }


def answered(name, link):
    return {"class_type": "StandInTextGenerate", "inputs": {"prompt": link, "answer": name}}


def read(link, **inputs):
    return {
        "class_type": "InstDiffLayoutFromText",
        "inputs": {"text": link, "units": "as declared", "order": "as declared", **inputs},
    }


def shown(link):
    return {"class_type": "PreviewAny", "inputs": {"source": link}}


def text_of(result, node):
    return result.outputs[node]["text"][0]


def test_the_request_says_what_is_wanted():
    text, schema, width, height, count = InstDiffLayoutRequest.execute(
        'two {cats} in "Rome"', 768, 512, 3, "oil on canvas", THOUSANDTHS, 2
    ).args
    assert (width, height, count) == (768, 512, 3)
    for words in (
        'two {cats} in "Rome"',
        "768 pixels wide and 512 pixels high",
        "exactly 3 instances",
        "Style: oil on canvas",
        '"units": "0..1000"',
        "one JSON object",
    ):
        assert words in text
    assert text.count("Example, for the picture") == 2
    rules = json.loads(schema)
    assert rules["properties"]["instances"]["minItems"] == 3 and rules["properties"]["units"]["enum"] == ["0..1000"]


@pytest.mark.parametrize("units", [FRACTIONS, THOUSANDTHS, PIXELS])
def test_the_examples_are_answers_that_the_reader_takes(units):
    text = InstDiffLayoutRequest.execute("x", 768, 512, 0, "", units, 2).args[0]
    examples = [line for line in text.splitlines() if line.startswith('{"units"') and "left, top" not in line]
    assert len(examples) == 2
    for line in examples:
        frames, prompt, width, height, report = InstDiffLayoutFromText.execute(line, "as declared", "as declared").args
        assert prompt and (width, height) == (768, 512) and report.endswith("Nothing was changed.")
        checked, score, *_ = InstDiffCheckLayout.execute(frames, False, len(frames[0].instances)).args
        assert score == 1.0 and checked == frames


@pytest.mark.parametrize("earlier, now", [("0..1", FRACTIONS), ("0..1000", THOUSANDTHS)])
def test_units_of_earlier_versions_mean_the_same(earlier, now):
    asked, again = (InstDiffLayoutRequest.execute("x", 768, 512, 0, units=units).args[:2] for units in (earlier, now))
    assert asked == again
    text = (
        '[{"label": "a fox", "bbox": [0.1, 0.2, 0.5, 0.9]}]' if now == FRACTIONS else '[["a fox", 100, 200, 500, 900]]'
    )
    (frames, *_), (same, *_) = (
        InstDiffLayoutFromText.execute(text, u, "left top right bottom").args for u in (earlier, now)
    )
    assert frames == same
    moved = [
        InstDiffEditInstances.execute(WIDE, "move by", "car", x=0.1, units=u).args
        for u in ("fractions 0..1", FRACTIONS)
    ]
    assert moved[0] == moved[1] != (WIDE,)


def test_a_layout_to_change_is_put_into_words():
    text = InstDiffLayoutRequest.execute("add a dog", 768, 512, 0, units="pixels", instances=WIDE).args[0]
    assert "There is a layout already" in text and '"box": [384, 307, 614, 410]' in text
    pointy = (parse_layout({"version": 1, "instances": [{"prompt": "a star", "point": [0.5, 0.5]}]}),)
    with pytest.raises(ValueError, match="No instance of the layout has a box"):
        InstDiffLayoutRequest.execute("x", 768, 512, 0, instances=pointy)


def test_what_the_answer_does_not_mention_comes_from_the_layout_beside_it():
    ghost = (
        replace(WIDE[0], instances=tuple(replace(one, opacity=0.5, negative="rust") for one in WIDE[0].instances)),
    )
    text = '{"units": "0..1", "order": "xyxy", "instances": [{"id": "car", "prompt": "a blue car", "box": [0.5, 0.6, 0.8, 0.8]}]}'
    ((layout,), *_, report) = InstDiffLayoutFromText.execute(text, "as declared", "as declared", 768, 512, ghost).args
    assert (
        layout.instances == (replace(ghost[0].instances[0], prompt="a blue car"),)
        and "of 1 instance was kept" in report
    )


def test_check_layout_corrects_on_request():
    same, score, report, findings = InstDiffCheckLayout.execute(WIDE, False, 3).args
    assert (
        same == WIDE
        and score == pytest.approx(1 / 3)
        and "perspective" in report
        and json.loads(findings)["frames"][0]["changes"] == []
    )
    changed, _, report, findings = InstDiffCheckLayout.execute(WIDE, True, 2).args
    assert (
        changed != WIDE and "1.00 after the corrections" in report and json.loads(findings)["frames"][0]["after"] == 1.0
    )


def test_edits_chain_into_the_rounds_of_the_paper():
    layout = WIDE
    rounds = (
        {"operation": "add", "which": "dog", "prompt": "a dog", "x": 0.1, "y": 0.8, "width": 0.1, "height": 0.1},
        {"operation": "replace", "which": "dog", "prompt": "a fox"},
        {"operation": "move by", "which": "dog", "x": 0.2},
        {"operation": "resize by", "which": "dog", "width": 2.0, "anchor": "bottom"},
    )
    for edit in rounds:
        (layout,) = InstDiffEditInstances.execute(**{"instances": layout, "which": "", **edit}).args
    dog = layout[0].instances[2]
    assert (
        (dog.id, dog.prompt) == ("dog", "a fox")
        and dog.box == pytest.approx((0.25, 0.7, 0.45, 0.9))
        and layout[0].instances[:2] == WIDE[0].instances
    )


@pytest.mark.comfy
def test_every_recorded_answer_goes_through_the_server(server: ComfyServer):
    good = {name: case for name, case in CASES.items() if "error" not in case}
    graph = {"ask": request()}
    for name, case in good.items():
        graph |= {
            f"{name}.a": answered(name, ["ask", 0]),
            f"{name}.b": read([f"{name}.a", 0], **case.get("inputs", {})),
        }
        graph |= {
            f"{name}.c": {"class_type": "InstDiffToJSON", "inputs": {"instances": [f"{name}.b", 0]}},
            f"{name}.d": shown([f"{name}.c", 0]),
        }
        graph |= {f"{name}.e": shown([f"{name}.b", 4])}
    result = server.run(graph)
    for name, case in good.items():
        layout = parse_layout(text_of(result, f"{name}.d"))
        assert [instance.prompt for instance in layout.instances] == case["prompts"], name
        assert all(words in text_of(result, f"{name}.e") for words in case["notes"]), name


@pytest.mark.comfy
@pytest.mark.parametrize("name", ["broken-refusal", "asks-gemini", "hostile-deep", "hostile-python-call"])
def test_what_cannot_be_read_is_told_by_the_server(server: ComfyServer, name: str):
    case = CASES[name]
    graph = {
        "1": request(),
        "2": answered(name, ["1", 0]),
        "3": read(["2", 0], **case.get("inputs", {})),
        "4": shown(["3", 1]),
    }
    said = str(server.error(graph))
    assert all(words in said for words in case["error"]) and "The answer begins" in said


@pytest.mark.comfy
def test_words_become_a_picture(server: ComfyServer):
    graph = small_demo(file="words")
    graph |= {
        "21": request(), "22": answered("sloppy-fence-and-chatter", ["21", 0]), "23": read(["22", 0], width=["21", 2], height=["21", 3]),
        "24": {"class_type": "InstDiffCheckLayout", "inputs": {"instances": ["23", 0], "correct": True, "count": ["21", 4]}},
        "25": {"class_type": "InstDiffEditInstances", "inputs": {"instances": ["24", 0], "operation": "add", "which": "moon", "prompt": "the moon",
                                                                "x": 0.8, "y": 0.05, "width": 0.15, "height": 0.2}},
        "26": shown(["24", 2]), "27": {"class_type": "InstDiffToJSON", "inputs": {"instances": ["25", 0]}}, "28": shown(["27", 0]),
    }  # fmt: skip
    graph["4"]["inputs"]["instances"] = ["25", 0]
    graph["5"]["inputs"]["text"] = ["23", 1]
    result = server.run(graph)
    assert text_of(result, "26") == "Plausibility 1.00.\n\nNothing implausible was found."
    assert [instance.id for instance in parse_layout(text_of(result, "28")).instances] == ["fox", "owl", "moon"]
    (picture,) = [server.image(image) for image in result.images]
    assert picture.shape == (128, 128, 3) and picture.std() > 20


@pytest.mark.comfy
def test_the_request_fits_comfyuis_own_text_generation(server: ComfyServer):
    node = server.client.get("/object_info/TextGenerate")["TextGenerate"]
    assert node["input"]["required"]["prompt"][0] == "STRING" and node["output"][0] == "STRING"
