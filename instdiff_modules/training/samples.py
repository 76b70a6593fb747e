"""The batches of a training: samples in their sizes, each with its own random choices, latents and texts from the cache."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import torch
from torch import Tensor

from ..grounding.inputs import GroundingInputs
from . import batches, objective
from .base import Base
from .buckets import Plan, Size, bucket_sizes, nearest_bucket
from .cache import Latents, Texts, Told
from .config import TrainConfig
from .dataset import Sample
from .draws import SeededDraws, generator, seed_of
from .drops import drop_of, given_formats
from .frames import Frame
from .items import Item, instance_texts, make_item, possible_captions
from .loop import Batch
from .team import Team

AHEAD = 2  # batches that are put together while the one before is trained on
HELD, MOST_HELD_OUT = "held out", 64


class Samples:
    """`Data` of the loop, from datasets that were read."""

    def __init__(self, config: TrainConfig, base: Base, samples: Sequence[Sample], slots: int) -> None:
        self.config, self.base, self.slots = config, base, slots
        self.sizes = sizes_of(config, samples)
        self.all = list(samples)
        self.latents = Latents(config.cache, base, config.rules.flip_aug)
        self.texts = Texts(config.cache, base)
        self._pool = ThreadPoolExecutor(AHEAD)
        self._coming: dict[tuple[int, int, int], Future[Batch]] = {}
        self._split()

    @property
    def needs_encoder(self) -> bool:
        """Whether captions are made while training: of pictures of which only the things are known."""
        return any(not possible_captions(sample.layout) for sample in self.all)

    def prepare(self, told: Told, team: Team) -> None:
        """Fill the cache, each process a share; pictures that do not open are left out. ValueError if none is left to train on."""
        pairs = list(zip(self.all, self.sizes, strict=True))
        self.latents.prepare(pairs[team.rank :: team.size], told)
        texts = sorted({text for sample in self.all for text in _texts(sample)})
        self.texts.prepare(texts[team.rank :: team.size], told)
        team.wait()
        left = [(sample, size) for sample, size in pairs if self.latents.has(sample, size)]
        self.all, self.sizes = [sample for sample, _ in left], [size for _, size in left]
        self._split()

    def _split(self) -> None:
        self.training, self.held = split(self.config, self.all)
        if not self.training:
            raise ValueError("No picture is left to train on. Give more of them, or a smaller validation_split.")
        repeats = [self.all[i].repeats for i in self.training]
        self.plans: dict[int, Plan] = {}
        self._repeats = repeats

    def plan(self, size: int) -> Plan:
        """The batches of `size` processes."""
        if size not in self.plans:
            shapes = [self.sizes[i] for i in self.training]
            self.plans[size] = Plan(shapes, self._repeats, self.config.train_batch_size * size, self.config.seed)
        return self.plans[size]

    def batch(self, number: int, rank: int, size: int) -> Batch:
        for coming in range(number, number + 1 + AHEAD):
            if (key := (coming, rank, size)) not in self._coming:
                self._coming[key] = self._pool.submit(self._batch, *key)
        return _to(self._coming.pop((number, rank, size)).result(), self.base.device)

    def held_out(self) -> Iterator[Batch]:
        """One sample each, at most 64, with noise and drops of their own that never change."""
        for place, number in enumerate(self.held[:MOST_HELD_OUT]):
            yield _to(self._made(HELD, 0, [(number, place)]), self.base.device)

    def _batch(self, number: int, rank: int, size: int) -> Batch:
        chosen, share = self.plan(size).at(number), self.config.train_batch_size
        places = range(rank * share, (rank + 1) * share)
        return self._made("training", number, [(self.training[chosen[place]], place) for place in places])

    def _made(self, kind: str, number: int, chosen: Sequence[tuple[int, int]]) -> Batch:
        rules, seed, held = self.config.rules, self.config.seed, kind == HELD
        rules = replace(rules, flip_aug=False) if held else rules
        layouts: list[GroundingInputs] = []
        items: list[Item] = []
        latents, noise, t, gone = [], [], [], []
        for i, place in chosen:
            sample, size, draws = self.all[i], self.sizes[i], SeededDraws(seed, kind, number, place)
            frame = Frame(sample.width, sample.height, *size)
            item = make_item(sample.layout, frame, draws, rules, self.slots, self.base.text_dim)
            items.append(item)
            layouts.append(batches.with_text(item, [self.texts.pooled(text) for text in item.texts]))
            latents.append(self.latents.of(sample, size, item.flipped))
            noise.append(torch.randn(latents[-1].shape, generator=generator(seed, kind, number, place)))
            uniform = draws.uniform()
            t.append((place + 0.5) / max(len(self.held[:MOST_HELD_OUT]), 1) if held else uniform)
            shared = SeededDraws(seed, kind, number) if rules.drop_per == "batch" else draws
            gone.append(drop_of(given_formats(layouts[-1]), shared, rules))
        after = batches.dropped(layouts, gone)
        boxes = batches.mask_boxes(batches.joined(layouts), after, rules) if rules.masked_attention != "off" else None
        return Batch(
            torch.stack(latents),
            torch.stack(noise),
            objective.timesteps(torch.tensor(t, dtype=torch.float64)),
            torch.stack([self.texts.context(item.caption) for item in items]),
            after,
            boxes,
            [self.all[i].name for i, _ in chosen],
            self._vectors([item.caption for item in items], [(self.all[i], self.sizes[i]) for i, _ in chosen]),
        )

    def _vectors(self, captions: Sequence[str], shown: Sequence[tuple[Sample, Size]]) -> Tensor | None:
        """What an SDXL UNet takes beside the captions (B, n); None for others."""
        tell = self.base.vector
        if tell is None:
            return None
        frames = [Frame(sample.width, sample.height, *size) for sample, size in shown]
        return torch.stack(
            [tell(self.texts.pooled(words), frame.sizes) for words, frame in zip(captions, frames, strict=True)]
        )


def sizes_of(config: TrainConfig, samples: Sequence[Sample]) -> list[Size]:
    """The size in which each picture is trained on."""
    if not config.enable_bucket:
        return [config.resolution] * len(samples)
    sizes = bucket_sizes(config.resolution, config.min_bucket_reso, config.max_bucket_reso, config.bucket_reso_steps)
    return [nearest_bucket(sample.width, sample.height, sizes) for sample in samples]


def split(config: TrainConfig, samples: Sequence[Sample]) -> tuple[list[int], list[int]]:
    """Numbers of the samples to train on and of those held out: by their names, so that new pictures move no old ones."""
    held = [
        i
        for i, sample in enumerate(samples)
        if sample.held_out or seed_of("split", sample.name) / 2**63 < config.validation_split
    ]
    return [i for i in range(len(samples)) if i not in set(held)], held


def _texts(sample: Sample) -> set[str]:
    return {"", *instance_texts(sample.layout), *possible_captions(sample.layout)}


def _to(batch: Batch, device: torch.device) -> Batch:
    def there(value: Tensor) -> Tensor:
        return value.to(device)

    return batch._replace(
        latents=there(batch.latents),
        noise=there(batch.noise),
        t=there(batch.t),
        context=there(batch.context),
        inputs=batches.moved(batch.inputs, device),
        vector=None if batch.vector is None else there(batch.vector),
    )
