"""Conditionings that belong to one instance (a LoRA, a reference, other words): where they act, and in which branch.

They are entries of the positive conditioning with the instance's region as their mask, so any sampler knows what to do with
them. In multi-instance sampling such an entry replaces the prompt in its instance's own branch, and acts there everywhere.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from ..layout.instance import Instance
from .branch import InstanceKey, instance_key
from .options import Items

OWNER = "instdiff_instance"  # key of a conditioning entry: the InstanceKey of the instance that it belongs to
_REGION = ("mask", "mask_strength", "area", "set_area_to_bounds")
Conditioning = list[list[Any]]
Entry = dict[str, Any]


def with_owner(encoded: Conditioning, instance: Instance, masks: Tensor, strength: float) -> Conditioning:
    """An instance's own conditioning, to be added to the positive one. masks (F, H, W) in 0..1: its region in each frame."""
    region: Entry = {
        "mask": masks,
        "mask_strength": strength,
        "set_area_to_bounds": False,
        OWNER: instance_key(instance),
    }
    return [[prompt, {**given, **region, **_window(given, instance)}] for prompt, given in encoded]


def _window(given: Entry, instance: Instance) -> Entry:
    """When both the conditioning and the instance act."""
    if (instance.start, instance.end) == (0.0, 1.0):
        return {}
    return {
        "start_percent": max(given.get("start_percent", 0.0), instance.start),
        "end_percent": min(given.get("end_percent", 1.0), instance.end),
    }


def entries_for(entries: Sequence[Entry], instances: frozenset[InstanceKey] | None, sigma: float) -> list[Entry]:
    """Which of a list of prepared conditionings a branch is called with. instances: those of the branch; None: the global one.

    Alone in its branch, an instance with a conditioning of its own is called with nothing else, and everywhere; where there are
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


class CallPart(NamedTuple):
    """A model call on `rows` of the batch, with conditionings of their own; only the predictions for `wanted` count."""

    rows: list[int]
    wanted: list[int]
    conds: list[list[Entry] | None]


def call_parts(conds: Sequence[list[Entry] | None], items: Items, sigma: float) -> Iterator[CallPart]:
    """The batch in parts that have the same conditionings; one part where no instance has its own.

    A part holds all images or none of a row of branches: ComfyUI repeats hints and masks over the batch from the first
    item on.
    """
    every = list(range(len(items.branches)))
    if not has_owner(conds):
        yield CallPart(every, every, list(conds))
        return
    parts: dict[Any, tuple[list[list[Entry] | None], list[int]]] = {}
    for k, branch in enumerate(items.branches):
        own = [None if entries is None else entries_for(entries, branch.keys, sigma) for entries in conds]
        same = tuple(
            None if entries is None else tuple((entry["uuid"], "mask" in entry) for entry in entries) for entries in own
        )
        parts.setdefault(same, (own, []))[1].append(k)
    for own, wanted in parts.values():
        rows = [k for k in every if any(k // items.images == w // items.images for w in wanted)]
        yield CallPart(rows, wanted, own)


def has_owner(conds: Sequence[Sequence[Entry] | None]) -> bool:
    """Whether any conditioning belongs to one instance."""
    return any(OWNER in entry for entries in conds for entry in entries or ())
