"""A dataset written as COCO: one file with all instances, and one with the captions of the pictures."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..exporters.annotations import write_coco
from ..geometry.masks import extent
from ..layout.document import visible_instances
from .check import dataset_config
from .dataset import PICTURES, Sample, read_datasets
from .states import whole_file

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0, 2 after one sentence about what cannot be used."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        samples = read_datasets(dataset_config(options.data))
        folder, instances, captions = coco_files(samples)
        second = options.out.with_name(f"{options.out.stem}-captions.json")
        for path, content in ((options.out, instances), (second, captions)):
            with whole_file(path, path.name) as unfinished:
                unfinished.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"{error.filename or options.data} cannot be read or written: {error.strerror}.\n")
        return 2
    sys.stdout.write(
        f"{options.out}: {len(instances['annotations'])} instances in {len(samples)} pictures of {folder}\n{second}: their captions\n"
    )
    return 0


def coco_files(samples: Sequence[Sample]) -> tuple[Path, dict[str, Any], dict[str, Any]]:
    """The folder from which file names count, COCO's instances (each with its caption, its name as category), and the captions.

    Locations are those in the picture itself. ValueError for the authors' files, whose pictures lie inside them.
    """
    inside = next((s.picture.name for s in samples if s.picture.suffix.lower() not in PICTURES), None)
    if inside:
        raise ValueError(
            f"{inside} holds its picture inside, COCO names pictures by their files. Unpack such datasets first."
        )
    folder = Path(os.path.commonpath([sample.picture.resolve().parent for sample in samples]))
    images, annotations, captions = [], [], []
    categories: dict[str, int] = {}
    for number, sample in enumerate(samples, 1):
        layout = replace(sample.layout, width=sample.width, height=sample.height)
        one = write_coco(layout, [extent(instance) for instance in visible_instances(layout)])
        name = sample.picture.resolve().relative_to(folder).as_posix()
        images.append({**one["images"][0], "id": number, "file_name": name})
        own = {category["id"]: category["name"] for category in one["categories"]}
        for annotation in one["annotations"]:
            category = categories.setdefault(own[annotation["category_id"]], len(categories) + 1)
            annotations.append({**annotation, "id": len(annotations) + 1, "image_id": number, "category_id": category})
        if layout.prompt:
            captions.append({"id": len(captions) + 1, "image_id": number, "caption": layout.prompt})
    _warn_of_lost([instance for sample in samples for instance in visible_instances(sample.layout)])
    named = [{"id": i, "name": name} for name, i in categories.items()]
    about = [{key: image[key] for key in ("id", "file_name", "width", "height")} for image in images]
    return (
        folder,
        {"images": images, "categories": named, "annotations": annotations},
        {"images": about, "annotations": captions},
    )


def _warn_of_lost(instances: Sequence[Any]) -> None:
    lost = {name: sum(getattr(one, name) is not None for one in instances) for name in ("point", "scribble")}
    told = " and ".join(f"{count} {name}s" for name, count in lost.items() if count)
    if told:
        _log.warning(
            "COCO holds boxes and masks alone: %s are left out; where an instance has nothing else, the box around is written.",
            told,
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m instdiff_modules.training coco", description="Write a dataset as COCO's files."
    )
    parser.add_argument("data", type=Path, metavar="DATA", help="a folder of pictures with layouts, or a train.toml")
    parser.add_argument(
        "out", type=Path, metavar="OUT", help="OUT.json gets the instances, OUT-captions.json the captions"
    )
    return parser
