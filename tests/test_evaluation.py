"""The paper's evaluation without a server: layouts by the authors' rules, the workflow, who is asked."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from instdiff.instdiff_modules.evaluation import coco
from instdiff.instdiff_modules.evaluation.__main__ import main
from instdiff.instdiff_modules.evaluation.annotations import CocoPicture, read_annotations
from instdiff.instdiff_modules.evaluation.coco import BENCHMARK_FORMATS, asked_for, layout_of
from instdiff.instdiff_modules.evaluation.published import COCO_TABLES
from instdiff.instdiff_modules.evaluation.ray_servers import who_asks
from instdiff.instdiff_modules.evaluation.workflow import authors_graph, filled
from instdiff.instdiff_modules.geometry.masks import decode_mask, mask_box
from instdiff.instdiff_modules.grounding.presence import CONFIGURATIONS
from instdiff.instdiff_modules.launcher.server import free_port
from instdiff.instdiff_modules.layout.instance import Layout
from instdiff.instdiff_modules.metrics.attributes import COLORS, PAPER_TEXTURES
from support import synthetic_coco
from support.evaluated import SIZE
from support.pack import ROOT
from support.synthetic_coco import CATEGORIES, HEIGHT, IDS, WIDTH


@pytest.fixture
def given(tmp_path: Path) -> tuple[Path, Path]:
    return synthetic_coco.write(tmp_path)


def layouts(given: tuple[Path, Path], format: str = "box", size: int = SIZE) -> dict[str, Layout]:
    annotations = read_annotations(*given)
    return {
        picture.name: layout_of(picture, annotations.categories, format, size)[0] for picture in annotations.pictures
    }


# The authors' rules


def test_pictures_come_by_their_ids_with_their_first_caption_and_all_names(given):
    read = layouts(given)
    assert list(read) == [f"{i:012}" for i in sorted(IDS)]
    for image, layout in zip(sorted(IDS), read.values(), strict=True):
        names = [
            CATEGORIES[a["category_id"]] for a in synthetic_coco.document()["annotations"] if a["image_id"] == image
        ]
        assert layout.prompt == f"first caption of {image}." + ", ".join(names)
        assert [instance.prompt for instance in layout.instances] == names
    assert layouts((given[0], None))["000000000139"].prompt == ", ".join(
        i.prompt for i in read["000000000139"].instances
    )


def test_a_wide_photograph_becomes_a_square_and_everything_with_it(given):
    document = synthetic_coco.document()
    by_id = {str(a["id"]): a for a in document["annotations"]}
    for layout in layouts(given).values():
        assert (layout.width, layout.height) == (SIZE, SIZE)
        for instance in layout.instances:
            x, y, w, h = by_id[instance.id]["bbox"]
            assert instance.box == pytest.approx((x / WIDTH, y / HEIGHT, (x + w) / WIDTH, (y + h) / HEIGHT))
            assert instance.point == pytest.approx(((x + w / 2) / WIDTH, (y + h / 2) / HEIGHT))
            mask = decode_mask(instance.mask)
            assert mask.shape == (SIZE, SIZE) and mask_box(mask) == pytest.approx(instance.box, abs=1.5 / HEIGHT)
            assert len(instance.scribble) == 20 and all(
                mask[int(py * SIZE), int(px * SIZE)] for px, py in instance.scribble
            )


def test_scribbles_are_the_same_every_time_and_others_for_each_annotation(given):
    one, two = layouts(given), layouts(given)
    assert one == two
    strokes = [instance.scribble for layout in one.values() for instance in layout.instances]
    assert len(set(strokes)) == len(strokes)


@pytest.mark.parametrize("format, words", [("colors", COLORS), ("textures", PAPER_TEXTURES)])
def test_attributes_go_by_the_annotations_number(given, format: str, words: tuple[str, ...]):
    for layout in layouts(given, format).values():
        for instance in layout.instances:
            assert (
                instance.prompt == f"{words[int(instance.id) % 8]} {instance.extra['category_name']}"
                and instance.prompt in layout.prompt
            )


def test_thirty_instances_are_asked_for_and_all_are_the_truth():
    picture = CocoPicture(
        1,
        "many",
        (WIDTH, HEIGHT),
        tuple({"id": i, "category_id": 10, "bbox": [4 * i, 10, 20, 30], "iscrowd": int(i == 40)} for i in range(1, 41)),
        "",
    )
    layout, lost = layout_of(picture, CATEGORIES, "box", SIZE)
    assert [instance.visible for instance in layout.instances] == [True] * 30 + [False] * 10
    assert layout.prompt.count("circle") == 40 and len(asked_for(layout, "box", "authors").instances) == 30
    assert (
        layout.instances[-1].extra["iscrowd"] == 1 and len(lost) == 40 and "no segmentation; its box remains" in lost[0]
    )


def test_what_annotations_lose_is_told_and_nothing_else_is_lost():
    annotations = (
        {"id": 1, "category_id": 10, "bbox": [10, 10, 0, 30]},
        {"id": 2, "category_id": 10, "bbox": [10, 10, 40, 30], "segmentation": [[1, 2, 3, 4]]},
        {
            "id": 3,
            "category_id": 10,
            "bbox": [100, 100, 1, 1],
            "segmentation": {
                "size": [HEIGHT, WIDTH],
                "counts": [100 * HEIGHT + 101, 1, WIDTH * HEIGHT - 100 * HEIGHT - 102],
            },
        },
    )
    layout, lost = layout_of(CocoPicture(1, "few", (WIDTH, HEIGHT), annotations, "hm"), CATEGORIES, "mask", 64)
    assert [(i.id, i.mask) for i in layout.instances] == [("2", None), ("3", None)]
    assert [line.partition(":")[0] for line in lost] == [f"few, annotation {i}" for i in (1, 2, 3)]
    assert "holds nothing of the picture" in lost[0] and "polygon" in lost[1] and "no pixel at 64x64" in lost[2]
    assert asked_for(layout, "mask", "given").instances[0].box is not None, "an instance never loses all its locations"


@pytest.mark.parametrize("format", BENCHMARK_FORMATS)
def test_a_layout_holds_all_or_the_one_location_that_is_asked_for(given, format: str):
    location = {"colors": "mask", "textures": "mask"}.get(format, format)
    for layout in layouts(given, format).values():
        whole, alone = asked_for(layout, format, "authors"), asked_for(layout, format, "given")
        assert whole == layout
        assert all(
            {n for n in ("box", "point", "scribble", "mask") if getattr(i, n) is not None} == {location}
            for i in alone.instances
        )


# The workflow


def test_the_graph_is_the_authors_and_every_format_has_its_configuration(given):
    graph = authors_graph("a.safetensors", "b.pth")
    sampler, apply = graph["sampler"]["inputs"], graph["apply"]["inputs"]
    assert (sampler["steps"], sampler["cfg"], sampler["sampler_name"], sampler["share"], sampler["merge"]) == (
        50,
        7.5,
        "plms",
        0.36,
        "average",
    )
    assert (apply["start"], apply["end"]) == (0.0, 1.0) and "location_formats" not in apply
    layout = layouts(given)["000000000139"]
    out = filled(graph, layout, 7, "authors' test_box")
    assert (
        out["sampler"]["inputs"]["seed"] == 7
        and out["apply"]["inputs"]["location_formats"] == "authors' test_box"
        and graph["sampler"]["inputs"]["seed"] == 0
    )
    assert (
        json.loads(out["layout"]["inputs"]["text"])["prompt"] == layout.prompt
        and out["empty"]["inputs"]["width"] == SIZE
    )
    assert set(coco.CONFIGURATIONS.values()) == set(CONFIGURATIONS) and set(coco.CONFIGURATIONS) == set(
        BENCHMARK_FORMATS
    ) == {t.format for t in COCO_TABLES}


def test_a_picture_without_words_does_not_keep_the_templates_prompt():
    graph = authors_graph("a", "b")
    graph["positive"]["inputs"]["text"] = "a template's own prompt"
    assert filled(graph, Layout((), SIZE, SIZE, ""), 0, "as given")["positive"]["inputs"]["text"].strip() == ""


# The command and a cluster


def test_the_command_starts_as_the_readme_says():
    started = subprocess.run(
        [sys.executable, "-m", "instdiff_modules.evaluation", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "coco --annotations instances_val2017.json" in started.stdout


def test_without_ray_a_sentence_says_how_else_to_share(monkeypatch: pytest.MonkeyPatch, given, tmp_path: Path, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not installed, wherever the test runs
    assert (
        main(["coco", "--annotations", str(given[0]), "--format", "box", "--out", str(tmp_path / "out"), "--ray"]) == 2
    )
    error = capsys.readouterr().err
    assert "pip install ray" in error and "--job and --jobs" in error


def test_a_cluster_that_nobody_listens_for_is_told_at_once(given, tmp_path: Path, capsys):
    pytest.importorskip("ray", reason="Ray is not installed: pip has none for this Python or system")
    address = f"127.0.0.1:{free_port()}"
    options = ["--annotations", given[0], "--format", "box", "--out", tmp_path / "out", "--ray", address]
    assert main(["coco", *map(str, options)]) == 2
    assert f"There is no Ray cluster at {address}" in capsys.readouterr().err


def test_a_server_of_the_machine_itself_is_asked_from_every_machine_of_a_cluster():
    asked = who_asks(("http://127.0.0.1:8188", "http://gpu:8188"), {"a": "one", "b": "two"})
    assert [(a.url, a.node) for a in asked] == [
        ("http://127.0.0.1:8188", "a"),
        ("http://127.0.0.1:8188", "b"),
        ("http://gpu:8188", None),
    ]
    assert len({a.name for a in asked}) == 3
