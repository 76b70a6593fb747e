"""The editor's JavaScript: its own tests, and its agreement with Python on layouts, other programs' files and masks.

Two documents agree if they hold the same JSON values in the same order and on the same lines. How a number is spelt is not
compared: Python writes strength 1.0, JavaScript 1. And the editor fills in a canvas where the document has none.
"""

import base64
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from instdiff.instdiff_modules.exporters.text import frames_to_text
from instdiff.instdiff_modules.geometry.masks import encode_mask, mask_box
from instdiff.instdiff_modules.geometry.raster import layout_boxes
from instdiff.instdiff_modules.importers import read_layout
from instdiff.instdiff_modules.importers.frames import read_frames
from instdiff.instdiff_modules.importers.kinds import KINDS
from instdiff.instdiff_modules.layout.document import layout_to_json, parse_layout
from instdiff.instdiff_modules.layout.frames import canvas_of
from instdiff.instdiff_modules.shapeworld.canvases import SIDES, drawn_at
from pycocotools import mask as coco
from support.damage import damaged_cases
from support.node_js import TESTS, ask, needs_node, run_tests

pytestmark = needs_node

DATA = Path(__file__).parent / "data"
VALID = sorted((DATA / "layouts" / "valid").glob("*.json"))
INVALID = sorted((DATA / "layouts" / "invalid").glob("*.json"))
FOREIGN = sorted((DATA / "foreign").glob("*.json"))
ALIKE = {"authors": "InstanceDiffusion demo", "coco": "COCO", "elements": "elements", "omost": "Omost canvas"}
SHAPES = [(1, 1), (1, 9), (9, 1), (2, 3), (7, 5), (31, 33), (64, 96), (97, 13), (240, 321), (512, 512)]


def texts(paths):
    return [path.read_text(encoding="utf-8") for path in paths]


def spelt_alike(text):
    """The text with each number in Python's spelling of a float, so that 1, 1.0 and 1e0 look the same."""
    return re.sub(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", lambda number: repr(float(number[0]) + 0.0), text)


def with_canvas(layout):
    """As the editor reads it: where a side is missing the canvas is that of the first mask, else the side is 512."""
    width, height = canvas_of(layout) or (layout.width or 512, layout.height or 512)
    return replace(layout, width=width, height=height)


def random_masks():
    """Noise, blobs, stripes, nothing and everything, in odd sizes; of half of them the first run is empty."""
    random = np.random.default_rng(0)
    for height, width in SHAPES:
        y, x = np.mgrid[:height, :width]
        yield from (random.random((height, width)) < share for share in (0, 0.02, 0.5, 0.98, 1))
        yield (x - width * random.random()) ** 2 + (y - height * random.random()) ** 2 < (height * width) / 9
        yield x % 3 == 1
        yield y % 3 == 0
        corner = np.zeros((height, width), dtype=bool)
        corner[0, 0] = True
        yield from (corner, ~corner)


def random_polygons(count):
    """COCO files with polygons of every kind: crossing themselves, on half pixels, over the border, without area."""
    random = np.random.default_rng(1)
    for i in range(count):
        height, width = (int(v) for v in random.integers(1, 90, 2))
        polygons = []
        for _ in range(random.integers(1, 4)):
            xy = random.uniform(-0.2, 1.2, (int(random.integers(3, 9)), 2)) * (width, height)
            xy = [xy, np.round(xy), np.round(xy * 2) / 2, np.round(xy, 2)][i % 4]
            polygons.append(np.concatenate([xy, xy[-1:]] if i % 5 == 0 else [xy]).reshape(-1).tolist())
        yield {
            "images": [{"id": 1, "width": width, "height": height}],
            "categories": [{"id": 1, "name": "x"}],
            "annotations": [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1], "segmentation": polygons}],
        }


def random_layouts(count):
    """Layouts with every kind of location and numbers that lie between two to round to."""
    random = np.random.default_rng(2)
    for i in range(count):
        width, height = (int(v) for v in random.integers(1, 2000, 2))
        instances = []
        for n in range(random.integers(0, 6)):
            grid = (2**12, 2 * width, 180, 2000)[i % 4]
            (x0, x1), (y0, y1) = (np.sort(random.choice(grid + 1, 2, replace=False)) / grid for _ in range(2))
            mask = encode_mask(random.random((5, 7)) < 0.3) if n % 3 == 1 else None
            instances.append({
                "id": str(n), "prompt": ["a fox", " an owl. ", "", "一只鸟,", "("][n % 5], "color": ["", "#a0b1c2", "#abc"][n % 3],
                **({"mask": {"size": [5, 7], "counts": mask.counts}} if mask and mask.counts != "S1" else {"point": [x0, y0]}),
                **({"box": [x0, y0, x1, y1]} if n % 2 else {"scribble": [[x0, y1], [x1, y0]]}),
                **({"category_name": "bird", "iscrowd": 1} if n == 3 else {}), "visible": n != 4,
                **({"reference": "instdiff/猫.png", "reference_strength": n / 2} if n > 1 else {"reference": None}),
            })  # fmt: skip
        kept = {"omost": {"prefixes": ["a street."], "suffixes": ["rain"], "color": [1, 2, 3]}} if i % 5 == 0 else {}
        yield {
            "version": 1, "width": width, "height": height, "instances": instances,
            "prompt": ["a street. rain", "dusk, "][i % 2], **kept,
        }  # fmt: skip


@pytest.mark.parametrize("path", sorted(TESTS.glob("*.test.mjs")), ids=lambda p: p.name.removesuffix(".test.mjs"))
def test_the_modules_pass_their_own_tests(path):
    done = run_tests(path)
    failures = done.stdout.partition("failing tests:")[2].strip() or done.stdout
    assert done.returncode == 0, f"{path.name}:\n{failures}\n{done.stderr}"
    assert re.search(r"pass [1-9]", done.stdout), f"{path.name} holds no tests:\n{done.stdout}"


def test_both_sides_write_a_valid_document_alike():
    written = ask([{"ask": "parse", "text": text} for text in texts(VALID)])
    for path, text, result in zip(VALID, texts(VALID), written, strict=True):
        ours = layout_to_json(with_canvas(parse_layout(text)))
        assert spelt_alike(result["answer"]["text"]) == spelt_alike(ours), path.name
        assert layout_to_json(parse_layout(result["answer"]["text"])) == ours, path.name
        assert result["answer"]["notes"] == []


def test_both_sides_refuse_an_invalid_document():
    cases = [json.loads(text) for text in texts(INVALID)]
    given = [case.get("text", json.dumps(case.get("document"))) for case in cases]
    results = ask([{"ask": "parse", "text": text} for text in given])
    for path, case, text, result in zip(INVALID, cases, given, results, strict=True):
        with pytest.raises(ValueError):
            parse_layout(text)
        expected = ", which JSON has no word for" if re.search(r"\b(NaN|Infinity)\b", text) else case["error"]
        assert expected in result.get("error", "not refused"), path.name


@pytest.mark.parametrize(
    "fields",
    [
        {"box": [-0.1, 0.2, 1.49, 0.7]},
        {"scribble": [[0.9, 0.5], [1.2, 0.6], [1.3, 2.5]]},
        {"point": [1.0000005, -1e-9]},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_both_sides_put_right_the_same_and_say_so(fields, caplog):
    text = json.dumps({"version": 1, "width": 640, "height": 384, "instances": [{"id": "a", "prompt": "x", **fields}]})
    ours = layout_to_json(parse_layout(text))
    (result,) = ask([{"ask": "parse", "text": text}])
    assert spelt_alike(result["answer"]["text"]) == spelt_alike(ours)
    assert result["answer"]["notes"] == [record.getMessage() for record in caplog.records]


def test_both_sides_read_other_programs_files_alike():
    files = [path for path in FOREIGN if path.stem.startswith(("authors", "coco"))]
    assert len(files) >= 3
    results = ask([{"ask": "import", "text": text, "options": {}} for text in texts(files)])
    for path, text, result in zip(files, texts(files), results, strict=True):
        assert spelt_alike(result["answer"]) == spelt_alike(layout_to_json(read_layout(text))), path.name


def test_python_reads_every_import_of_the_editor():
    chosen = {"width": 512, "height": 256, "order": "x, y, width, height"}
    results = ask([{"ask": "import", "text": text, "options": chosen} for text in texts(FOREIGN)])
    for path, result in zip(FOREIGN, results, strict=True):
        assert parse_layout(result["answer"]).instances, path.name


def test_both_sides_draw_polygons_alike():
    files = [json.dumps(document) for document in random_polygons(200)]
    drawn = 0
    results = ask([{"ask": "import", "text": text, "options": {}} for text in files])
    for text, result in zip(files, results, strict=True):
        try:
            ours = layout_to_json(read_layout(text))
        except ValueError as error:
            assert result["error"] == str(error)
            continue
        drawn += 1
        assert spelt_alike(result["answer"]) == spelt_alike(ours), text
    assert drawn > 150


def test_both_sides_know_the_same_kinds_in_the_same_order():
    (names,) = ask([{"ask": "kinds"}])
    assert names["answer"] == [kind.name for kind in KINDS]


def test_both_sides_read_damaged_data_alike(caplog):
    """What is left out, kept, refused and said, in 4,000 inputs of every kind."""
    given = list(damaged_cases(4000, 0))
    results = ask([{"ask": "foreign", "text": text, "options": options} for text, options in given])
    read = refused = 0
    for (text, options), result in zip(given, results, strict=True):
        caplog.clear()
        canvas = (options["width"], options["height"]) if "width" in options else None
        try:
            frames = read_frames(
                text, options.get("image", ""), canvas, **{k: options[k] for k in ("order", "units") if k in options}
            )
        except ValueError as error:
            refused += 1
            assert "error" in result, f"{text}\nis refused here: {error}"
            assert len(result["error"]) < 300 and "\n" not in result["error"], result
            continue
        read += 1
        assert "answer" in result, f"{text}\nis refused there: {result.get('error')}"
        theirs = result["answer"]["frames"]
        assert len(theirs) == len(frames)
        for ours, layout in zip(frames, theirs, strict=True):
            assert same_layout(ours, layout), f"{text}\n{ours}\n{layout}"
        assert len(result["answer"]["notes"]) == len(caplog.records), (
            f"{text}\n{result['answer']['notes']}\n{caplog.messages}"
        )
    assert read > 400 and refused > 400


def same_layout(ours, theirs):
    """Whether a layout and the editor's hold the same, places to 1e-9."""
    if (ours.width, ours.height, ours.prompt) != (theirs["width"], theirs["height"], theirs["prompt"]):
        return False
    if len(ours.instances) != len(theirs["instances"]):
        return False
    for here, there in zip(ours.instances, theirs["instances"], strict=True):
        places = [(getattr(here, name), there.get(name)) for name in ("box", "point", "scribble")]
        mask = here.mask and {"size": [here.mask.height, here.mask.width], "counts": here.mask.counts}
        if (here.prompt, here.color, mask) != (there["prompt"], there["color"], there.get("mask")):
            return False
        for a, b in places:
            if (a is None) != (b is None) or (a is not None and not np.allclose(a, b, rtol=0, atol=1e-9)):
                return False
        if any(there.get(name) != value for name, value in here.extra.items()):
            return False
    return True


def test_what_the_editor_exports_is_read_here():
    results = ask([{"ask": "export", "text": text} for text in texts(VALID)])
    for path, result in zip(VALID, results, strict=True):
        layout = with_canvas(parse_layout(path.read_text(encoding="utf-8")))
        shown = [instance for instance in layout.instances if instance.visible]
        authors, written = read_layout(result["answer"]["authors"]), read_layout(result["answer"]["coco"])
        assert result["answer"]["boxes"] == layout_boxes(layout, layout.height, layout.width), path.name
        assert (
            [i.prompt for i in authors.instances] == [i.prompt for i in written.instances] == [i.prompt for i in shown]
        )
        assert [i.mask for i in authors.instances] == [i.mask for i in shown]
        for here, there in zip(authors.instances, shown, strict=True):
            assert (here.box is None) == (there.box is None)
            np.testing.assert_allclose(here.box or (), there.box or (), atol=1e-8)


def test_the_editor_says_the_size_that_the_empty_latent_has():
    """Every width beside a few heights, so that sides which lie halfway between two sizes of a picture are among them."""
    canvases = [(w, h) for w in range(240, 560, 2) for h in (250, 256, 260, 384, 512)]
    canvases += [(h, w) for w, h in canvases]
    canvases += [(1, 1), (63, 64), (900, 300), (10000, 16), (16384, 1), (16384, 16384)]
    for sides in (SIDES, (512, 1024)):
        [result] = ask([{"ask": "painted", "sides": sides, "canvases": canvases}])
        assert {c: tuple(s) for c, s in zip(canvases, result["answer"], strict=True)} == {
            c: drawn_at(*c, sides) for c in canvases
        }


def test_both_sides_write_other_programs_files_alike():
    given = [*texts(VALID), *map(json.dumps, random_layouts(60))]
    for text, result in zip(given, ask([{"ask": "export", "text": text} for text in given]), strict=True):
        layout = with_canvas(parse_layout(text))
        for name, format in ALIKE.items():
            assert result["answer"][name] == json.loads(frames_to_text((layout,), format)), (name, text)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools' own
def test_masks_that_the_editor_encodes_are_pycocotools_own():
    masks = list(random_masks())
    questions = [
        {"ask": "encode", "height": m.shape[0], "width": m.shape[1], "pixels": base64.b64encode(m.tobytes()).decode()}
        for m in masks
    ]
    for mask, result in zip(masks, ask(questions), strict=True):
        answer = result["answer"]
        ours = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
        assert answer["mask"] == {"size": list(mask.shape), "counts": ours["counts"].decode("ascii")}, mask.shape
        assert np.array_equal(coco.decode(answer["mask"]), mask)
        assert answer["area"] == mask.sum()
        assert (answer["bounds"] is None and not mask.any()) or tuple(answer["bounds"]) == mask_box(mask)


def test_masks_that_pycocotools_encodes_are_decoded_by_the_editor():
    masks = list(random_masks())
    encoded = [coco.encode(np.asfortranarray(mask, dtype=np.uint8)) for mask in masks]
    questions = [
        {"ask": "decode", "mask": {"size": list(e["size"]), "counts": e["counts"].decode("ascii")}} for e in encoded
    ]
    for mask, result in zip(masks, ask(questions), strict=True):
        pixels = np.frombuffer(base64.b64decode(result["answer"]), dtype=np.uint8).reshape(mask.shape)
        assert np.array_equal(pixels, mask), mask.shape
