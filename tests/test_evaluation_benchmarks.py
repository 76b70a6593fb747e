"""The field's benchmarks without a server: their files as layouts, files that are odd, servers that share them."""

import json
import sys
from collections import Counter
from pathlib import Path

import pytest
from instdiff.instdiff_modules.evaluation.__main__ import main
from instdiff.instdiff_modules.evaluation.benchmarks import BENCHMARKS, read_benchmark
from instdiff.instdiff_modules.evaluation.published_benchmarks import BENCHMARK_TABLES
from instdiff.instdiff_modules.evaluation.rows import literal
from instdiff.instdiff_modules.evaluation.run_files import RunFolder
from support import synthetic_benchmarks as files
from support.stand_in_comfyui import StandIn
from support.synthetic_benchmarks import SCENES, SIZE, boxes, made, write

# Files as layouts


@pytest.mark.parametrize("name", files.FILES)
def test_every_file_gives_its_layouts_in_the_order_of_their_numbers(tmp_path: Path, name: str):
    source = read_benchmark([write(tmp_path, name)])
    benchmark = source.format
    assert benchmark == {"m": "coco-mig", "sa": "coco-mig", "si": "overlaybench-simple", "h": "overlaybench-hard", "l": "layoutsam-eval"}[
        next(key for key in ("sa", "si", "m", "h", "l") if name.startswith(key))
    ]  # fmt: skip
    prefix = "sa_" if benchmark == "layoutsam-eval" else ""
    assert dict(source.ids) == {f"{prefix}{number}": number for number in sorted(SCENES)}
    for number, scene in SCENES.items():
        layout, lost = source.layout(f"{prefix}{number}", SIZE)
        assert not lost and (layout.width, layout.height) == (SIZE, SIZE)
        phrases = [thing.phrase.removeprefix("a ") for thing in scene.things]
        given = [instance.prompt.removeprefix("a ") for instance in layout.instances]
        order = [given.index(phrase) for phrase in phrases]  # YAML has them by the alphabet
        assert sorted(given) == sorted(phrases) and (name.endswith("yaml") or order == sorted(order))
        for place, box in zip(order, boxes(scene), strict=True):
            assert layout.instances[place].box == pytest.approx(tuple(box), abs=1e-3)
        mig = "a photo of " + " and ".join(thing.phrase for thing in scene.things)
        assert layout.prompt == (mig if benchmark == "coco-mig" else scene.caption)
        classes = {instance.extra["category_name"] for instance in layout.instances}
        assert classes == ({"thing"} if prefix else {thing.shape for thing in scene.things})
    assert all(t.format in BENCHMARKS for t in BENCHMARK_TABLES) and len(BENCHMARK_TABLES) == len(BENCHMARKS)


@pytest.mark.parametrize(
    "rows, name", [(files.overlay_rows, "medium-00000-of-00001"), (files.layoutsam_rows, "test-00000-of-00012")]
)
def test_parquet_is_read_as_the_data_sets_keep_it(tmp_path: Path, rows, name: str):
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    import pyarrow.parquet

    given = [{**row, "image": {"bytes": b"a picture that nobody opens", "path": None}} for row in rows()]
    pyarrow.parquet.write_table(pa.Table.from_pylist(given), tmp_path / f"{name}.parquet")
    (tmp_path / f"{name}.jsonl").write_text(files.lines(rows()))
    one, two = (read_benchmark([tmp_path / f"{name}.{end}"]) for end in ("parquet", "jsonl"))
    assert one.pictures == two.pictures and one.format == two.format
    (tmp_path / "cut.parquet").write_bytes((tmp_path / f"{name}.parquet").read_bytes()[:200])
    with pytest.raises(ValueError, match=r"cut\.parquet cannot be read as a Parquet file"):
        read_benchmark([tmp_path / "cut.parquet"])


@pytest.mark.parametrize("module, name, text", [("pyarrow", "simple.parquet", "PAR1"), ("yaml", "bench.yaml", "a: 1")])
def test_without_their_reader_files_get_a_sentence(monkeypatch, tmp_path: Path, module: str, name: str, text: str):
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match="which is not installed: python -m pip install py"):
        read_benchmark([tmp_path / name])


def test_several_files_of_one_benchmark_are_one(tmp_path: Path):
    parts = [tmp_path / f"hard-{i}.json" for i in range(3)]
    for part, row in zip(parts, files.overlay_rows(), strict=True):
        part.write_text(json.dumps([row]))
    assert list(read_benchmark(parts).ids.values()) == sorted(SCENES)
    assert read_benchmark(parts).fingerprint.split()[1] == read_benchmark(parts[::-1]).fingerprint.split()[1]
    with pytest.raises(ValueError, match="different benchmarks"):
        read_benchmark([parts[0], write(tmp_path, "mig_bench.json")])


# What is odd


@pytest.mark.parametrize("entry, words", [
    (7, "must be an object with caption, segment"), ({"caption": "x", "segment": []}, "has no instances"),
    ({"caption": 3, "segment": [{}]}, "caption must be text"), ({"caption": "x", "segment": {"bbox": 1}}, "segment must be a list"),
    ({"caption": "x", "segment": [{"bbox": [0, 0, 1, 1], "label": "a dog"}]}, "must be a colour"),
    ({"caption": "x", "segment": [{"bbox": [10, 10, 200, 200], "label": "a red dog"}]}, "not in pixels"),
    ({"caption": "x", "segment": [{"bbox": [0, 0, 1], "label": "a red dog"}]}, "[left, top, right, bottom] in 0..1"),
])  # fmt: skip
def test_an_odd_layout_costs_itself_and_a_warning(tmp_path: Path, entry, words: str, caplog):
    path = tmp_path / "mig.json"
    path.write_text(json.dumps({**files.mig_json(), "55": entry}))
    assert list(read_benchmark([path]).ids.values()) == sorted(SCENES)
    assert "1 of 4 layouts in mig.json cannot be used" in caplog.text and words in caplog.text


def test_an_odd_instance_costs_itself_and_is_told(tmp_path: Path, capsys):
    row = files.overlay_rows()[0]
    entry = literal(row["annotation"], "")
    entry["annotations"] = {"odd": {"bbox": [5, 5, 5, 900], "category": "x"}, **entry["annotations"], "none": None}
    entry["valid_overlap"] = [{"overlap_box": [1, 2]}, {"overlap_box": [0, 1]}, {"overlap_box": [1, 9]}, 3]
    path = tmp_path / "simple.jsonl"
    path.write_text(files.lines([{**row, "annotation": repr(entry)}, *files.overlay_rows()[1:]]))
    layout, lost = read_benchmark([path]).layout("769", SIZE)
    assert [i.prompt for i in layout.instances] == ["a red circle", "a green heart"] and layout.extra["overlaps"] == [
        [0, 1]
    ]
    assert len(lost) == 4 and "holds nothing of the picture" in lost[0] and "overlap_box" in lost[2]
    made(path, tmp_path / "out")
    assert (
        "4 annotations lost" in capsys.readouterr().err and (tmp_path / "out" / "lost.txt").read_text().count("\n") == 4
    )


@pytest.mark.parametrize("change, words", [
    ({"bbox_list": "[[1, 2, 3, 4]"}, "bbox_list must hold a list"), ({"bbox_list": "[]"}, "as many boxes as captions"),
    ({"bbox_list": "__import__('os').getcwd()"}, "bbox_list must hold a list"), ({"bbox_list": "[" * 60 + "]" * 60}, "bbox_list must hold"),
    ({"width": 0}, "width must be a whole number"), ({"file_name": "a\0.jpg"}, "null byte"), ({"image_id": "x"}, "image_id must be a whole number"),
    ({"global_caption": None}, "with image_id, file_name"), ({"region_captions": "{'a': 1}"}, "region_captions must be a list"),
], ids=str)  # fmt: skip
def test_an_odd_row_costs_itself_and_a_warning(tmp_path: Path, change: dict, words: str, caplog):
    rows = files.layoutsam_rows()
    path = tmp_path / "layoutsam.jsonl"
    path.write_text(files.lines([*rows, {**rows[0], "file_name": "sa_8.jpg", "image_id": 8, **change}]) + "no JSON\n")
    assert list(read_benchmark([path]).ids.values()) == sorted(SCENES)
    assert "1 of 4 rows of layoutsam.jsonl" in caplog.text and words in caplog.text and "1 of 5 lines of" in caplog.text


@pytest.mark.parametrize("name, text, words", [
    ("x.json", '{"a": 1}', "not the file of a benchmark that is known here"), ("x.json", "[1, 2]", "not the file of a benchmark"),
    ("x.json", '{"images": [], "annotations": []}', "give it to the command `coco`"), ("x.json", "nothing", "is not valid JSON"),
    ("x.json", '{"9": {"h": 1, "w": 2, "instance": []}}', "sample the benchmark from it first"), ("x.yaml", "a: [1, 2", "is not valid YAML"),
    ("x.yaml", "a: !!python/object/apply:os.getcwd []", "not the file of a benchmark"), ("x.json", "", "the text is empty"),
    ("x.jsonl", "nothing\n", "None of the 1 lines of x.jsonl can be used"), ("x.yaml", "a: &a [*a]", "not the file of a benchmark|not valid YAML"),
    ("x.jsonl", '{"image_id": 1, "annotation": "{}"}\n', "give --split simple, medium or hard"),
    ("hard.jsonl", '{"image_id": 1, "annotation": "{}"}\n', "None of the 1 rows of hard.jsonl"),
])  # fmt: skip
def test_another_file_is_told_in_a_sentence(tmp_path: Path, name: str, text: str, words: str, capsys):
    (tmp_path / name).write_text(text)
    assert main(["benchmark", str(tmp_path / name), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert any(word in error for word in words.split("|")) and error.count("\n") == 1 and len(error) < 300


# Servers


def test_servers_share_a_benchmark_and_it_resumes(tmp_path: Path, capsys):
    file, out = write(tmp_path, "mig_bench.json"), RunFolder(tmp_path / "out")
    with StandIn() as one, StandIn() as two:
        command = [
            "benchmark",
            file,
            "--out",
            out.path,
            "--size",
            64,
            "--seed",
            1000,
            "--server",
            f"{one.url},{two.url}",
        ]
        assert main([str(v) for v in (*command, "--images", 1)]) == 0
        assert main([str(v) for v in command]) == 0
        assert Counter(one.seeds + two.seeds) == {1000 + number: 1 for number in SCENES}
        assert main([str(v) for v in command]) == 0 and len(one.seeds + two.seeds) == 3
    assert {path.stem for path in out.pictures.glob("*.png")} == {str(number) for number in SCENES}
    truth = json.loads((out.path / "coco" / "annotations" / "instances_val2017.json").read_text())
    assert [image["id"] for image in truth["images"]] == sorted(SCENES) and len(truth["annotations"]) == 7
    capsys.readouterr()
    assert main([str(v) for v in ("benchmark", write(tmp_path, "hard.json"), *command[2:])]) == 2
    assert "holds an evaluation with another" in capsys.readouterr().err
