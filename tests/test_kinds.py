"""Every kind of data, as tests/data/kinds tells it for Python and JavaScript alike.

A case: `given` (a text, or what its JSON holds), `options` (what the menus say), and either `expect` (the first frame; `frames`: how many
instances each frame has) with `warnings` (parts of them, one for each; none else may come), or `asks` / `error` (parts of the sentence).
"""

import json
from itertools import pairwise

import numpy as np
import pytest
from instdiff.instdiff_modules.geometry.masks import decode_mask, mask_extent
from instdiff.instdiff_modules.importers.class_names import CATEGORIES, CLASSES
from instdiff.instdiff_modules.importers.frames import read_frames
from instdiff.instdiff_modules.importers.kinds import KINDS, kind_of
from instdiff.instdiff_modules.importers.odd_items import MAX_SHOWN, keep_good
from instdiff.instdiff_modules.layout.document import MAX_INSTANCES
from instdiff.instdiff_modules.layout.units import PIXELS
from support.kinds import HELP, table
from support.pack import ROOT

FILES = sorted((ROOT / "tests" / "data" / "kinds").glob("*.json"))
CASES = [
    pytest.param(case, id=f"{path.stem}: {case['name']}")
    for path in FILES
    for case in json.loads(path.read_text(encoding="utf-8"))["cases"]
]
LTRB = "left, top, right, bottom"


def read(given, width=0, height=0, units="not declared", order="not declared", image=""):
    text = given if isinstance(given, str) else json.dumps(given)
    return read_frames(text, image, (width, height) if width else None, order, units)


def compare(layout, expected):
    assert (layout.width, layout.height, layout.prompt) == (expected["width"], expected["height"], expected["prompt"])
    assert [i.prompt for i in layout.instances] == [i["prompt"] for i in expected["instances"]]
    for instance, wanted in zip(layout.instances, expected["instances"], strict=True):
        for name in ("box", "point", "scribble"):
            found, right = getattr(instance, name), wanted.get(name)
            assert (found is None) == (right is None), name
            if right is not None:
                np.testing.assert_allclose(found, right, atol=1e-6)
        assert (instance.mask is None) == ("mask_box" not in wanted)
        if instance.mask:
            np.testing.assert_allclose(mask_extent(instance.mask), wanted["mask_box"], atol=1e-6)
        assert instance.extra == wanted.get("extra", {})


@pytest.mark.parametrize("case", CASES)
def test_a_case(case, caplog):
    if "expect" not in case:
        with pytest.raises(ValueError) as caught:
            read(case["given"], **case["options"])
        sentence = str(caught.value)
        assert all(words in sentence for words in case.get("asks", case.get("error"))), sentence
        assert len(sentence) < 300 and "\n" not in sentence, sentence
        return
    frames = read(case["given"], **case["options"])
    assert [len(layout.instances) for layout in frames] == case.get("frames", [len(case["expect"]["instances"])])
    compare(frames[0], case["expect"])
    warnings = [record.getMessage() for record in caplog.records]
    assert len(warnings) == len(case["warnings"]), warnings
    assert all(words in warning for words, warning in zip(case["warnings"], warnings, strict=True)), warnings
