"""Conditionings that belong to one instance (a LoRA, a reference, other words): where they act, and in which branch.

They are entries of the positive conditioning with the instance's region as their mask, so any sampler knows what to do with
them. In multi-instance sampling such an entry replaces the prompt in its instance's own branch, and acts there everywhere.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from ..layout.instance import Instance
from .patches import Branches

OWNER = "instdiff_instance"  # key of a conditioning entry: the Owner that it belongs to
_REGION = ("mask", "mask_strength", "area", "set_area_to_bounds")
Conditioning = list[list[Any]]
Entry = dict[str, Any]


class Owner(NamedTuple):
    """What tells an instance from the others, also from those of a second layout, whose ids may be the same."""

    id: str
    prompt: str


def owner(instance: Instance) -> Owner:
    return Owner(instance.id, instance.prompt)


def with_owner(encoded: Conditioning, instance: Instance, masks: Tensor, strength: float) -> Conditioning:
    """An instance's own conditioning, to be added to the positive one. masks (F, H, W) in 0..1: its region in each frame."""
    region: Entry = {"mask": masks, "mask_strength": strength, "set_area_to_bounds": False, OWNER: owner(instance)}
    return [[prompt, {**given, **region, **_window(given, instance)}] for prompt, given in encoded]


def _window(given: Entry, instance: Instance) -> Entry:
    """When both the conditioning and the instance act."""
    if (instance.start, instance.end) == (0.0, 1.0):
        return {}
    return {
        "start_percent": max(given.get("start_percent", 0.0), instance.start),
        "end_percent": min(given.get("end_percent", 1.0), instance.end),
    }


def entries_for(entries: Sequence[Entry], instances: frozenset[Owner] | None, sigma: float) -> list[Entry]:
    """Which of a list of prepared conditionings a branch is asked with. instances: those of the branch; None: the global one.

    Alone in its branch, an instance with a conditioning of its own is asked with nothing else, and everywhere; where there are
    others, it acts in its region beside the prompts of all.
    """
    if instances is None:
        return list(entries)
    own = [entry for entry in entries if entry.get(OWNER) in instances]
    if len(instances) == 1 and (acting := [entry for entry in own if _acts(entry, sigma)]):
        return [{key: value for key, value in entry.items() if key not in _REGION} for entry in acting]
    return [entry for entry in entries if OWNER not in entry] + own


def _acts(entry: Entry, sigma: float) -> bool:
    return entry.get("timestep_end", float("-inf")) <= sigma <= entry.get("timestep_start", float("inf"))


class Question(NamedTuple):
    """The model is asked about `rows` of the batch; the answers for `wanted` of them count."""

    rows: list[int]
    wanted: list[int]
    conds: list[list[Entry] | None]


def questions(conds: Sequence[list[Entry] | None], branches: Branches, sigma: float) -> Iterator[Question]:
    """The batch in parts that are asked with the same conditionings; one part where no instance has its own.

    A part holds all images or none of a branch: ComfyUI repeats hints and masks over the batch from the first row on.
    """
    every = list(range(len(branches.items)))
    if not any(OWNER in entry for entries in conds for entry in entries or ()):
        yield Question(every, every, list(conds))
        return
    parts: dict[Any, tuple[list[list[Entry] | None], list[int]]] = {}
    for k, item in enumerate(branches.items):
        own = [None if entries is None else entries_for(entries, item.owners, sigma) for entries in conds]
        same = tuple(
            None if entries is None else tuple((entry["uuid"], "mask" in entry) for entry in entries) for entries in own
        )
        parts.setdefault(same, (own, []))[1].append(k)
    for own, wanted in parts.values():
        rows = [k for k in every if any(k // branches.images == w // branches.images for w in wanted)]
        yield Question(rows, wanted, own)
