"""A layout that a language model changed: what its answer does not mention stays as it was."""

import json

import numpy as np
import pytest
from instdiff.instdiff_modules.geometry.masks import decode_mask, encode_mask
from instdiff.instdiff_modules.language.answer import read_answer, report
from instdiff.instdiff_modules.language.request import build_request
from instdiff.instdiff_modules.layout.instance import Instance, Layout

DISC = np.zeros((64, 96), bool)
DISC[16:32, 24:48] = True
FOX = Instance(
    "fox", "a fox", box=(0.1234567, 0.2, 0.5, 0.6), point=(0.3, 0.4), strength=1.5, start=0.1, end=0.8, opacity=0.4,
    color="#102030", locked=True, negative="blur", extra={"score": 0.5},
)  # fmt: skip
CLOUD = Instance("cloud", "a cloud", mask=encode_mask(DISC), visible=False)
EAR = Instance("ear", "an ear", box=(0.1, 0.1, 0.2, 0.2), parent="fox")
PATH = Instance("path", "a path", scribble=((0.2, 0.8), (0.4, 0.9)), negative="mud")
EARLIER = Layout((FOX, PATH, EAR, CLOUD), 768, 512, "a valley", {"author": "me"})


def asked(units="fractions (0..1)"):
    """The instances as the request writes them."""
    text = build_request("x", 768, 512, units=units, examples=0, current=(EARLIER,))
    line = next(line for line in text.splitlines() if line.startswith('{"prompt": "a valley"'))
    return {"units": {"p": "pixels", "t": "0..1000"}.get(units[0], "0..1"), "order": "xyxy", **json.loads(line)}


def answer(document, **more):
    return read_answer(json.dumps(document), width=768, height=512, earlier=EARLIER, **more)


@pytest.mark.parametrize("units", ["fractions (0..1)", "thousandths (0..1000)", "pixels"])
def test_an_answer_that_repeats_the_request_changes_nothing(units):
    document = asked(units)
    assert [one["id"] for one in document["instances"]] == ["fox", "ear", "cloud"], "a mask goes out as its box"
    assert answer(document).layout == EARLIER


def test_what_is_mentioned_changes_and_what_moves_takes_all_along():
    document = asked()
    fox, _, cloud = document["instances"]
    fox |= {
        "prompt": "a wolf",
        "box": [0.5, 0.2, 0.8765, 0.6],
        "opacity": 1,
        "strength": 1,
        "start": 0.9,
        "negative": "",
    }
    cloud["box"] = [0.5, 0.25, 0.75, 0.5]
    document["instances"] = [cloud, fox, {"id": "owl", "prompt": "an owl", "box": [0.1, 0.1, 0.3, 0.3], "opacity": 0.5}]
    result = answer(document)
    by_id = {one.id: one for one in result.layout.instances}
    assert list(by_id) == ["cloud", "fox", "path", "owl"], (
        "the answer's order; what had no words stays in front of the fox"
    )
    wolf = by_id["fox"]
    assert wolf.point == pytest.approx((0.676, 0.4), abs=1e-3) and wolf.box == (0.5, 0.2, 0.8765, 0.6)
    assert (wolf.prompt, wolf.opacity, wolf.strength, wolf.negative) == ("a wolf", 1, 1, "")
    assert (wolf.start, wolf.end) == (0.9, 1), "its old end lies before the new start"
    assert (wolf.color, wolf.locked, wolf.extra) == (FOX.color, True, FOX.extra)
    assert not by_id["cloud"].visible and by_id["cloud"].box is None
    assert (decode_mask(by_id["cloud"].mask) == np.roll(DISC, 24, 1)).all()
    assert by_id["owl"].opacity == 0.5 and by_id["path"] == PATH
    assert "of 2 instances was kept" in report(result) and "kept: path" in report(result)


def test_an_answer_in_our_own_format_and_one_whose_parent_is_gone():
    own = {
        "version": 1,
        "instances": [
            {"id": "ear", "prompt": "an ear", "box": EAR.box, "strength": 0.5},
            {"id": "fox", "prompt": "x", "box": FOX.box},
        ],
    }
    ear, fox = (answer(own).layout.instances[i] for i in (0, 1))
    assert (ear.parent, ear.strength, fox.opacity) == ("fox", 0.5, 0.4)
    own["instances"].pop()
    assert answer(own).layout.instances[-1].parent == "" and answer(own).layout.prompt == "a valley"


def test_without_the_layout_nothing_is_kept_and_odd_opacities_cost_themselves():
    alone = read_answer(json.dumps(asked()), width=768, height=512).layout
    assert [one.opacity for one in alone.instances] == [1, 1, 1] and len(alone.instances) == 3
    odd = '{"units": "0..1", "order": "xyxy", "instances": [{"prompt": "a ghost", "box": [0, 0, 1, 1], "opacity": "0.5"}]}'
    for name, value in (("opacity", "NaN"), ("strength", "-Infinity"), ("start", "1e999"), ("end", "9" * 99)):
        item = f'{{"prompt": "an owl", "{name}": {value}, "box": [0, 0, 0.5, 0.5]}}'
        both = read_answer(odd.replace("[{", f"[{item}, {{"))
        assert [one.prompt for one in both.layout.instances] == ["an owl", "a ghost"]
        assert f"The {name} of Instance 1 (an owl), '{value[:4]}" in report(both)
        with pytest.raises(ValueError, match=r"NaN or infinity|number of 99 characters"):
            read_answer(odd.replace("[0, 0, 1, 1]", f"[0, {value}, 1, 1]"))
    said = read_answer(odd)
    assert (
        said.layout.instances[0].opacity == 1
        and "The opacity of Instance 1 (a ghost), '0.5', was left out: it must be a number in 0..1." in report(said)
    )
