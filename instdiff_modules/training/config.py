"""The config of a training: TOML (or JSON) with the names of kohya's scripts; what is not known is refused."""

import difflib
import importlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ..commands.names import whole_path
from ..layout.fields import shorten
from .grounded import PARTS
from .recipe import RECIPES, Recipe
from .settings import LOOPS, Settings
from .values import FIRST_BLOCK, value_of

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DatasetConfig:
    """One [[datasets]]: pictures in image_dir, each with a layout of the same name, or with annotations in one file."""

    image_dir: str = ""
    format: str = "folder"
    annotations: str = ""  # coco: the instances; authors: a text file that lists their files, or a folder of them
    captions: str = ""  # coco: the captions file
    num_repeats: int = 1
    held_out: bool = False  # never trained on, only measured


@dataclass(frozen=True)
class TrainConfig:
    """Everything that a config may say, beside the fields of Settings and Recipe, which stand beside them in the file."""

    pretrained_model_name_or_path: str
    output_dir: str
    output_name: str = "instdiff"
    network_weights: str = ""  # go on from these weights of InstDiff; empty: from nothing
    train_parts: tuple[str, ...] = tuple(PARTS)
    slots: int = 30
    mid_dim: int = 3072
    fusers: str = FIRST_BLOCK  # of each stack of transformer blocks; or "every block": SDXL has 70 in 11 stacks, SD1.5 one in each
    mask_backbone: str = "convnext_tiny"  # or "small", for bases as small as the demo's
    mask_backbone_weights: str = ""  # a file of convnext_tiny's ImageNet weights to start from, as the authors did
    seed: int = 0
    train_batch_size: int = 1
    resolution: tuple[int, int] = (512, 512)
    enable_bucket: bool = True
    min_bucket_reso: int = 256
    max_bucket_reso: int = 1024
    bucket_reso_steps: int = 64
    cache_dir: str = ""  # empty: output_dir/cache
    validation_split: float = 0.0
    sample_every_n_steps: int = 0  # 0: no pictures are drawn while training
    sample_at_first: bool = False  # before the first step as well
    sample_count: int = 8
    sample_steps: int = 30
    guidance_scale: float = 5.0
    score_detector: str = ""  # or "shapeworld": scores the samples of the demo model's world
    save_precision: str = "fp16"
    recipe: str = "instdiff"
    datasets: tuple[DatasetConfig, ...] = ()
    loop: Settings = field(default_factory=Settings)
    rules: Recipe = field(default_factory=Recipe)
    folder: Path = Path()  # of the config: relative paths start here

    def path(self, name: str) -> Path:
        """A path of the config, from its own folder."""
        return (self.folder / whole_path(Path(name))).resolve()

    @property
    def output(self) -> Path:
        return self.path(self.output_dir)

    @property
    def cache(self) -> Path:
        return self.path(self.cache_dir) if self.cache_dir else self.output / "cache"


def read_config(path: Path, overrides: Mapping[str, Any] | None = None) -> TrainConfig:
    """ValueError with one sentence for what cannot be read, is not known or does not fit."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ValueError(f"The config {path} cannot be read: {reason}.") from error
    return parse_config({**_parsed(text, path), **(overrides or {})}, path.resolve().parent)


def parse_config(document: Mapping[str, Any], folder: Path = Path()) -> TrainConfig:
    """Tables beside [[datasets]] are only headings, as in kohya's scripts: their keys count as if they stood above."""
    flat: dict[str, Any] = {}
    for key, value in document.items():
        for name, given in (value if isinstance(value, Mapping) else {key: value}).items():
            if name in flat:
                raise ValueError(f"The config says {name} twice. Keep one of them.")
            flat[name] = given
    datasets = tuple(_dataset(one, i) for i, one in enumerate(_list(flat.pop("datasets", [])), 1))
    own = {f.name: f for f in fields(TrainConfig) if f.name not in ("datasets", "loop", "rules", "folder")}
    loop, rules = ({f.name: f for f in fields(kind)} for kind in (Settings, Recipe))
    _known(flat, {*own, *loop, *rules}, "The config")
    for name in ("pretrained_model_name_or_path", "output_dir"):
        if not flat.get(name):
            raise ValueError(f'The config has no {name}. Add {name} = "...".')
    if not datasets:
        raise ValueError('The config has no [[datasets]]. Add one with image_dir = "...".')
    given = {name: value_of(name, value, {**own, **loop, **rules}[name].type) for name, value in flat.items()}
    recipe = given.get("recipe", "instdiff")
    config = TrainConfig(
        **{name: value for name, value in given.items() if name in own},
        datasets=datasets,
        loop=replace(LOOPS[recipe], **{name: value for name, value in given.items() if name in loop}),
        rules=replace(RECIPES[recipe], **{name: value for name, value in given.items() if name in rules}),
        folder=folder,
    )
    _check(config)
    return config


def _parsed(text: str, path: Path) -> dict[str, Any]:
    if path.suffix.lower() == ".json":
        try:
            content = json.loads(text)
        except ValueError as error:
            raise ValueError(f"{path.name} is not valid JSON: {error}.") from error
        if not isinstance(content, dict):
            raise ValueError(f"{path.name} must be a JSON object of settings, got {shorten(content)}.")
        return content
    try:
        toml = importlib.import_module("tomllib")
    except ModuleNotFoundError as error:
        raise ValueError(
            f"To read {path.name}, Python 3.11 or newer is needed; with 3.10, write the same as JSON."
        ) from error
    try:
        return toml.loads(text)
    except toml.TOMLDecodeError as error:
        raise ValueError(f"{path.name} is not valid TOML: {error}.") from error


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"datasets must be a list of tables, [[datasets]], got {shorten(value)}.")
    return value


def _dataset(given: Any, number: int) -> DatasetConfig:
    where = f"Dataset {number}"
    if not isinstance(given, Mapping):
        raise ValueError(f"{where} must be a table, [[datasets]], got {shorten(given)}.")
    known = {f.name: f for f in fields(DatasetConfig)}
    _known(given, set(known), where)
    one = DatasetConfig(**{name: value_of(name, value, known[name].type) for name, value in given.items()})
    if one.format == "authors" and not one.annotations:
        raise ValueError(f"{where} has no annotations. Name the list of files, or their folder.")
    if one.format != "authors" and not one.image_dir:
        raise ValueError(f'{where} has no image_dir. Add image_dir = "...", the folder with the pictures.')
    if one.format == "coco" and not one.annotations:
        raise ValueError(f"{where} has no annotations. Name the COCO file with the instances.")
    return one


def _known(given: Mapping[str, Any], known: set[str], where: str) -> None:
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(str(name), sorted(known), 1, 0.5)
            hint = f" Did you mean {near[0]}?" if near else " Remove it."
            raise ValueError(f"{where} has a setting that is not known: {shorten(name)}.{hint}")


def _check(config: TrainConfig) -> None:
    if config.rules.items == "authors" and config.resolution != (512, 512):
        raise ValueError('items = "authors" needs a resolution of 512, as the authors trained. Leave it out, or items.')
    if config.rules.items == "authors" and config.enable_bucket:
        raise ValueError('items = "authors" knows squares only. Set enable_bucket = false.')
    if config.loop.lr_scheduler == "constant" and config.loop.lr_warmup_steps:
        _log.warning('lr_scheduler = "constant" has no warm-up; constant_with_warmup has one of lr_warmup_steps.')
