"""A look at datasets before they are trained on: counts, formats, what is suspicious, and a sheet of pictures with their layouts."""

import argparse
import hashlib
import logging
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ..geometry.crop import crop_instances
from ..geometry.masks import decode_mask, extent
from ..layout.instance import Instance
from ..metrics.clip import LocalClip, crop
from ..preview.draw import draw_layout
from .buckets import Size
from .config import TrainConfig, parse_config, read_config
from .dataset import Sample, open_picture, read_datasets
from .frames import Frame
from .items import instance_texts, named_as
from .samples import sizes_of

LONG = (
    60  # words and marks of punctuation: CLIP reads 77 tokens, of which two are its own and a rare word takes several
)
CLIP_MARGIN = 0.03  # of cosines, which lie within 0.1 of each other for texts that fit about equally well
CELL, COLUMNS, MOST_CELLS = 256, 6, 36
_LOCATIONS = ("box", "point", "scribble", "mask")


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0, 2 after one sentence about what cannot be used."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        config = dataset_config(options.data)
        samples = read_datasets(config)
        clip = None if options.clip is None else LocalClip(options.clip, options.device)
        report = describe(config, samples, clip)
        sheet = options.sheet or options.data.resolve().with_name(f"{options.data.resolve().stem}-check.png")
        contact_sheet(samples).save(sheet)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"{error.filename or options.data} cannot be read or written: {error.strerror}.\n")
        return 2
    sys.stdout.write(f"{report}\nSheet: {sheet}\n")
    return 0


def describe(config: TrainConfig, samples: Sequence[Sample], clip: LocalClip | None = None) -> str:
    """Lines of counts, then one for each thing that looks wrong, with the pictures where it does. clip: looks at the captions."""
    sizes = sizes_of(config, samples)
    instances = [one for sample in samples for one in sample.layout.instances]
    given = Counter(name for one in instances for name in _LOCATIONS if getattr(one, name) is not None)
    counts = [len(sample.layout.instances) for sample in samples]
    lines = [
        f"Pictures: {len(samples)}, {sum(not s.layout.prompt.strip() for s in samples)} without a caption",
        f"Instances: {len(instances)}, {sum(counts) / max(len(counts), 1):.1f} a picture, {max(counts, default=0)} at most",
        f"Locations: {', '.join(f'{given[name]} with a {name}' for name in _LOCATIONS)}",
        "Sizes: " + ", ".join(f"{w}x{h} ({n})" for (w, h), n in sorted(Counter(sizes).items())),
    ]
    found: dict[str, list[str]] = {}
    for sample, size in zip(samples, sizes, strict=True):
        problems = [*_problems(config, sample, size), *(_odd_captions(sample, clip) if clip else ())]
        for problem in problems:
            found.setdefault(problem, []).append(sample.name)
    for problem, names in (found | _duplicates(samples)).items():
        rest = f" and {len(names) - 5} more" if len(names) > 5 else ""
        lines.append(f"Check: {problem}: {', '.join(names[:5])}{rest}")
    return "\n".join(lines)


def contact_sheet(samples: Sequence[Sample]) -> Image.Image:
    """Up to 36 pictures, evenly picked, each with its layout drawn on it."""
    count = min(len(samples), MOST_CELLS)
    picked = [samples[i * len(samples) // count] for i in range(count)]
    columns = min(COLUMNS, count)
    sheet = Image.new("RGB", (columns * CELL, -(-count // columns) * CELL), "white")
    for i, sample in enumerate(picked):
        scale = CELL / max(sample.width, sample.height)
        size = max(round(sample.width * scale), 1), max(round(sample.height * scale), 1)
        with open_picture(sample) as picture:
            cell = draw_layout(sample.layout, *size, picture)
        sheet.paste(cell, (i % columns * CELL, i // columns * CELL))
    return sheet


def _problems(config: TrainConfig, sample: Sample, size: Size) -> Iterator[str]:
    layout = sample.layout
    if not layout.instances:
        yield "no instances"
    if len(layout.instances) > config.slots:
        yield f"more than {config.slots} instances, of which the largest stay"
    if not _opens(sample):
        yield "the picture does not open to its end"
    canvas = layout.width, layout.height
    if all(canvas) and abs((layout.width or 1) / (layout.height or 1) * sample.height / sample.width - 1) > 0.02:
        yield "the layout has another shape than the picture"
    if any(_is_empty(one) for one in layout.instances):
        yield "an empty mask"
    if any(not instance_texts(type(layout)((one,))) for one in layout.instances):
        yield "an instance without a text"
    if any(len(re.findall(r"\w+|[^\w\s]", text)) > LONG for text in (layout.prompt, *instance_texts(layout))):
        yield "a text that may be longer than CLIP's 77 tokens, of which the rest goes unread"
    frame = Frame(sample.width, sample.height, *size)
    if len(crop_instances(layout.instances, frame.part)) < len(layout.instances):
        yield "an instance that the cut to size leaves out"
    seen = Counter((one.prompt, one.box, one.mask, one.point, one.scribble) for one in layout.instances)
    if any(times > 1 for times in seen.values()):
        yield "the same instance twice"


def _odd_captions(sample: Sample, clip: LocalClip) -> Iterator[str]:
    """Of instances with a caption and a name: whether the crop looks less like the caption than like anything of that name."""
    named = [(one, name) for one in sample.layout.instances if (name := named_as(one)) and one.prompt.strip()]
    if not named or not _opens(sample):
        return
    with open_picture(sample) as opened:
        picture = np.asarray(opened.convert("RGB"))
    crops = [crop(picture, extent(one)) for one, _ in named]
    texts = [*(one.prompt for one, _ in named), *(f"a photo of a {name}" for _, name in named)]
    alike = clip.similarity(crops, texts)
    if any(alike[i, i] < alike[i, len(named) + i] - CLIP_MARGIN for i in range(len(named))):
        yield "a caption that fits its crop worse than the instance's name does (CLIP)"


def _opens(sample: Sample) -> bool:
    try:
        with open_picture(sample) as picture:
            picture.load()
    except (OSError, SyntaxError, ValueError):
        return False
    return True


def _is_empty(instance: Instance) -> bool:
    return instance.mask is not None and not decode_mask(instance.mask).any()


def _duplicates(samples: Sequence[Sample]) -> dict[str, list[str]]:
    of: dict[str, list[str]] = {}
    for sample in samples:
        of.setdefault(hashlib.sha256(sample.picture.read_bytes()).hexdigest(), []).append(sample.name)
    return {f"the same picture {len(names)} times": names for names in of.values() if len(names) > 1}


def dataset_config(path: Path) -> TrainConfig:
    """Of a config its datasets; a folder is one dataset of its own."""
    if path.is_dir():
        return parse_config(
            {
                "pretrained_model_name_or_path": "none",
                "output_dir": "none",
                "datasets": [{"image_dir": str(path.resolve())}],
            }
        )
    return read_config(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m instdiff_modules.training check", description="Look at a dataset before training on it."
    )
    parser.add_argument("data", type=Path, metavar="DATA", help="a folder of pictures with layouts, or a train.toml")
    parser.add_argument(
        "--clip", type=Path, help="folder of a CLIP model (transformers' files), which compares captions with names"
    )
    parser.add_argument("--device", default="cpu", help="torch device for CLIP (default: cpu)")
    parser.add_argument("--sheet", type=Path, help="where the sheet of pictures goes (default: DATA-check.png)")
    return parser
