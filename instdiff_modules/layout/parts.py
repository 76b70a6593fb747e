"""Parts of instances: an eagle's head, a donkey's ears. A part names its parent's id, and a parent may be a part itself.

What is done to the location of a parent is done to its parts. For the model a part is an instance like any other.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace

from .instance import Instance

logger = logging.getLogger(__name__)


def check_parents(instances: Sequence[Instance]) -> None:
    """ValueError if an instance is a part of itself; a warning where a parent is not there, so that the part stands alone."""
    parents = {instance.id: instance.parent for instance in instances}
    for i, instance in enumerate(instances, 1):
        where = f"Instance {i} ({instance.id[:40]})"
        if instance.parent and instance.parent not in parents:
            logger.warning(
                "%s: there is no instance %s for it to be a part of, so it stands alone.",
                where,
                instance.parent[:40],
            )
        if instance.id in _ancestors(instance.parent, parents):
            raise ValueError(
                f"{where} is a part of itself: its parents lead back to it. Remove the parent of one of them."
            )


def family(instances: Sequence[Instance], index: int) -> list[int]:
    """Index of an instance and of all its parts, parts of parts too, in depth order."""
    return families(instances, [index])[index]


def families(instances: Sequence[Instance], chosen: Sequence[int]) -> dict[int, list[int]]:
    """`family` of each of the chosen ones."""
    named: dict[str, list[int]] = {}
    parts: dict[str, list[int]] = {}
    for i, instance in enumerate(instances):
        named.setdefault(instance.id, []).append(i)
        if instance.parent:
            parts.setdefault(instance.parent, []).append(i)
    return {i: _with_parts(instances, named[instances[i].id], parts) for i in chosen}


def _with_parts(instances: Sequence[Instance], given: Sequence[int], parts: dict[str, list[int]]) -> list[int]:
    found, waiting = set(given), list(given)
    while waiting:
        new = [i for i in parts.get(instances[waiting.pop()].id, ()) if i not in found]
        found.update(new)
        waiting += new
    return sorted(found)


def make_part(instances: Sequence[Instance], chosen: Sequence[int], parent: int | None) -> tuple[Instance, ...]:
    """The chosen ones as parts of the instance with index `parent`; None: of nothing. ValueError for a part of itself."""
    for i in chosen:
        if parent is not None and parent in family(instances, i):
            what = "itself" if parent == i else f"its own part {instances[parent].id[:40]}"
            raise ValueError(
                f"Instance {i + 1} ({instances[i].id[:40]}) cannot be a part of {what}. Name another instance."
            )
    name = "" if parent is None else instances[parent].id
    return tuple(replace(instance, parent=name) if i in chosen else instance for i, instance in enumerate(instances))


def without(instances: Sequence[Instance], removed: set[int]) -> tuple[Instance, ...]:
    """The other instances; those whose parent goes stand alone."""
    gone = {instances[i].id for i in removed}
    left = [instance for i, instance in enumerate(instances) if i not in removed]
    return tuple(replace(instance, parent="") if instance.parent in gone else instance for instance in left)


def _ancestors(name: str, parents: dict[str, str]) -> set[str]:
    found: set[str] = set()
    while name and name not in found:
        found.add(name)
        name = parents.get(name, "")
    return found
