"""The layout document: reading, refusing, writing."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
from instdiff.instdiff_modules.layout.document import (
    MAX_DOCUMENT_BYTES,
    MAX_INSTANCES,
    Instance,
    Layout,
    check_prompts,
    layout_to_dict,
    layout_to_json,
    parse_layout,
    unique_ids,
    visible_instances,
)
from instdiff.instdiff_modules.layout.rle import check_runs, decode_runs, encode_runs
from pycocotools import mask as coco

LAYOUTS = Path(__file__).parent / "data" / "layouts"
VALID = sorted((LAYOUTS / "valid").glob("*.json"))
INVALID = sorted((LAYOUTS / "invalid").glob("*.json"))


def document(**instance):
    return {"version": 1, "width": 768, "height": 512, "instances": [{"id": "a", "prompt": "a fox", **instance}]}


@pytest.mark.parametrize("path", VALID, ids=lambda p: p.stem)
def test_a_valid_document_survives_the_round_trip(path):
    layout = parse_layout(path.read_text(encoding="utf-8"))
    assert parse_layout(layout_to_json(layout)) == layout
    assert parse_layout(layout_to_dict(layout)) == layout


@pytest.mark.parametrize("path", VALID, ids=lambda p: p.stem)
def test_every_field_of_a_document_is_written_back(path):
    given = json.loads(path.read_text(encoding="utf-8"))
    written = json.loads(layout_to_json(parse_layout(given)))
    for key in given.keys() - {"instances"}:
        assert written[key] == given[key]
    for before, after in zip(given["instances"], written["instances"], strict=True):
        assert before.items() <= after.items()


@pytest.mark.parametrize("path", INVALID, ids=lambda p: p.stem)
def test_an_invalid_document_is_refused_with_a_sentence(path):
    case = json.loads(path.read_text(encoding="utf-8"))
    with pytest.raises(ValueError) as caught:
        parse_layout(case.get("text", case.get("document")))
    assert case["error"] in str(caught.value)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_the_written_document_has_a_stable_order():
    layout = parse_layout((LAYOUTS / "valid" / "hybrid_wide.json").read_text(encoding="utf-8"))
    assert list(layout_to_dict(layout)) == ["version", "width", "height", "prompt", "instances"]
    assert layout_to_json(layout) == layout_to_json(parse_layout(layout_to_json(layout)))


def test_reading_leaves_the_given_value_alone():
    given = document(box=[-0.2, 0.1, 0.5, 0.9], more={"k": [1]})
    before = json.dumps(given)
    layout = parse_layout(given)
    given["instances"][0]["more"]["k"].append(2)
    assert layout.instances[0].extra == {"more": {"k": [1]}}
    given["instances"][0]["more"]["k"].pop()
    assert json.dumps(given) == before


def test_a_box_that_sticks_out_is_cut_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        layout = parse_layout(document(box=[-0.1, 0.2, 1.49, 0.7]))
    assert layout.instances[0].box == (0.0, 0.2, 1.0, 0.7)
    assert "Instance 1 (a)" in caplog.text and "cut" in caplog.text


def test_a_stroke_that_leaves_the_canvas_is_pulled_to_its_border(caplog):
    layout = parse_layout(document(scribble=[[0.9, 0.5], [1.2, 0.6]]))
    assert layout.instances[0].scribble == ((0.9, 0.5), (1.0, 0.6))
    assert "1 scribble points" in caplog.text


def test_later_duplicates_get_a_new_id():
    items = [{"id": i, "prompt": "x", "point": [0.5, 0.5]} for i in ("a", "a", "a-2", "a")]
    layout = parse_layout({"version": 1, "instances": items})
    assert [i.id for i in layout.instances] == ["a", "a-3", "a-2", "a-4"]


def test_missing_and_numeric_ids_become_text():
    layout = parse_layout(
        {"version": 1, "instances": [{"point": [0, 0]}, {"id": 7, "point": [1, 1]}, {"id": 8.0, "point": [1, 1]}]}
    )
    assert [i.id for i in layout.instances] == ["i1", "7", "8"]


def test_unique_ids_keeps_what_is_unique():
    instances = tuple(Instance(id=i, prompt="") for i in "abc")
    assert unique_ids(instances) == instances


def test_null_counts_as_absent():
    layout = parse_layout(document(box=None, point=[0.2, 0.3], mask=None, strength=None, color=None))
    assert layout.instances[0].box is None and layout.instances[0].strength == 1.0


def test_an_uncompressed_mask_is_kept_compressed():
    layout = parse_layout(document(mask={"size": [4, 6], "counts": [3, 5, 16]}))
    assert decode_runs(layout.instances[0].mask.counts).tolist() == [3, 5, 16]


def test_hidden_instances_do_not_generate_and_need_no_prompt():
    hidden = Instance(id="h", prompt="", point=(0.5, 0.5), visible=False)
    shown = Instance(id="s", prompt="a fox", point=(0.5, 0.5))
    layout = Layout((hidden, shown))
    assert visible_instances(layout) == (shown,)
    check_prompts(layout)


@pytest.mark.parametrize("prompt", ["", "  \n"])
def test_an_empty_prompt_is_named_with_its_number(prompt):
    layout = Layout((Instance(id="a", prompt="x"), Instance(id="b", prompt=prompt)))
    with pytest.raises(ValueError, match=r"Instance 2 \(b\) has an empty prompt"):
        check_prompts(layout)


def test_a_layout_of_5_mb_is_read():
    stroke = [[i % 100 / 100, i % 97 / 97] for i in range(120_000)]
    text = json.dumps(document(scribble=stroke, note="x" * 2_000_000))
    assert len(text) > 5_000_000
    layout = parse_layout(text)
    assert len(layout.instances[0].scribble) == 120_000


def test_too_much_text_is_refused_before_it_is_parsed():
    with pytest.raises(ValueError, match="MB are read"):
        parse_layout("[" * (MAX_DOCUMENT_BYTES + 1))


def test_too_many_instances_are_refused():
    items = [{"point": [0.5, 0.5]}] * (MAX_INSTANCES + 1)
    with pytest.raises(ValueError, match=f"has {MAX_INSTANCES + 1} instances, at most {MAX_INSTANCES}"):
        parse_layout({"version": 1, "instances": items})


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"version": ' + "9" * 5000 + "}",
        '{"version": 1, "instances": [], "x": ' + "[" * 100 + "]" * 100 + "}",
    ],
)
def test_hostile_json_gives_a_sentence(text):
    with pytest.raises(ValueError):
        parse_layout(text)


@pytest.mark.parametrize("value", [None, 3, ["version"], b"{}"])
def test_other_values_give_a_sentence(value):
    with pytest.raises(ValueError, match="must be a JSON object"):
        parse_layout(value)


def test_half_a_character_is_refused():
    with pytest.raises(ValueError, match="broken character"):
        parse_layout('{"version": 1, "instances": [{"id": "a", "prompt": "\\ud83d", "point": [0, 0]}]}')


def test_a_byte_order_mark_does_no_harm():
    assert parse_layout('\ufeff{"version": 1}') == Layout()


@pytest.mark.parametrize("runs", [[24], [0, 24], [3, 5, 16], [0, 1, 2, 3, 4, 5, 6, 3], [1000, 1, 70000, 2, 3]])
def test_run_lengths_survive_their_encoding(runs):
    assert decode_runs(encode_runs(runs)).tolist() == runs


def test_many_run_lengths_survive_their_encoding():
    rng = np.random.default_rng(1)
    runs = rng.integers(0, 2 ** rng.integers(1, 26, 5000)).tolist()
    assert decode_runs(encode_runs(runs)).tolist() == runs


@pytest.mark.parametrize("counts", ["1PPPPPPPPPPPPPPPPP0", "1N", "111N", "1\ud83d", "1😀"])
def test_text_that_no_mask_encodes_is_refused(counts):
    with pytest.raises(ValueError, match=r"longer than any picture|negative length|is not part of"):
        decode_runs(counts)


def test_run_lengths_are_encoded_as_coco_does():
    runs = [0, 7, 3, 40, 1, 2, 500, 29, 4, 6]
    assert encode_runs(runs) == coco.frPyObjects({"size": [16, 37], "counts": runs}, 16, 37)["counts"].decode()


@pytest.mark.parametrize("counts", ["é", "~~~", "o", "\n", "PPPPPPPPPPPPPPPPPPP"])
def test_broken_run_lengths_are_refused(counts):
    with pytest.raises(ValueError):
        check_runs(decode_runs(counts), 4, 6)


def test_a_reference_is_kept_and_written_only_where_there_is_one() -> None:
    given = {"id": "a", "box": [0, 0, 1, 1], "reference": "instdiff/cat.png", "reference_strength": 0.5}
    layout = parse_layout({"version": 1, "instances": [given, {"id": "b", "box": [0, 0, 1, 1], "reference": None}]})
    assert [(i.reference, i.reference_strength) for i in layout.instances] == [("instdiff/cat.png", 0.5), ("", 1.0)]
    written = json.loads(layout_to_json(layout))["instances"]
    assert {**written[0], **given} == written[0] and not [key for key in written[1] if "reference" in key]
    for odd, said in (
        ({"reference": 3}, r"reference must be text, got 3"),
        ({"reference_strength": 3}, r"reference_strength must lie in 0\.\.2, got 3"),
    ):
        with pytest.raises(ValueError, match=rf"Instance 1 \(a\): {said}"):
            parse_layout({"version": 1, "instances": [given | odd]})


def test_opacity_is_written_only_where_it_is_not_one() -> None:
    text = '{"version": 1, "instances": [{"id": "a", "box": [0, 0, 1, 1], "opacity": 0.4}, {"id": "b", "box": [0, 0, 1, 1]}]}'
    layout = parse_layout(text)
    assert [i.opacity for i in layout.instances] == [0.4, 1.0]
    written = layout_to_dict(layout)["instances"]
    assert written[0]["opacity"] == 0.4 and "opacity" not in written[1]
    with pytest.raises(ValueError, match=r"Instance 1 \(a\): opacity must lie in 0..1, got 40"):
        parse_layout(text.replace("0.4", "40"))
