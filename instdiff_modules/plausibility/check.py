"""The plausibility of a layout: what is wrong with it, in sentences, as a score, and corrected on request."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ..geometry.transform import fitting, map_instance, whole_extent
from ..layout import fields
from ..layout.instance import Box, Frames, Instance, Layout
from ..layout.parts import family, without
from .rules import Finding, Rules, find, name_of

MAX_COMPARED = 15_000_000  # pairs of instances, over all frames
MAX_CORRECTED = 125_000_000  # these times the instances of their frame, which corrections may visit one after the other
ROUNDS = 6  # of corrections that lead to others


class Checked(NamedTuple):
    """score: share of the visible instances, or of the requested number, without a finding, 0..1. after: the score of what goes out.

    names: ids of the instances before corrections, to which the findings point.
    """

    layout: Layout
    names: list[str]
    findings: list[Finding]
    changes: list[str]
    score: float
    after: float


def check_layout(layout: Layout, rules: Rules, correct: bool = False) -> Checked:
    """What is implausible in a layout. Hidden instances do not count; with `correct` locked ones stay as they are."""
    found = find(layout, rules)
    score = _score(layout, found, rules)
    changes: list[str] = []
    result = _corrected(layout, rules, changes) if correct else layout
    return Checked(
        result,
        [instance.id for instance in layout.instances],
        found,
        changes,
        score,
        _score(result, find(result, rules), rules) if changes else score,
    )


def report(checked: Sequence[Checked]) -> str:
    """A heading and a line for each finding and correction: reads well as plain text and as Markdown."""
    frames = []
    for number, one in enumerate(checked, 1):
        name = f"Frame {number}: plausibility" if len(checked) > 1 else "Plausibility"
        after = f", {one.after:.2f} after the corrections" if one.changes else ""
        lines = [f"- {finding.rule}: {finding.text}" for finding in one.findings]
        lines += [f"- corrected: {change}" for change in one.changes]
        seen = any(instance.visible for instance in one.layout.instances)
        nothing = "Nothing implausible was found." if seen else "The layout has no visible instances to check."
        frames.append("\n".join([f"{name} {one.score:.2f}{after}.", "", *(lines or [nothing])]))
    return "\n\n".join(frames)


def to_json(checked: Sequence[Checked]) -> str:
    """The findings for a program."""
    frames = []
    for one in checked:
        rows = [_row(finding, one.names) for finding in one.findings]
        frames.append({"score": one.score, "after": one.after, "findings": rows, "changes": one.changes})
    return json.dumps({"score": sum(one.score for one in checked) / len(checked), "frames": frames}, ensure_ascii=False)


def _row(finding: Finding, names: Sequence[str]) -> dict[str, Any]:
    number, name = (
        (None, None) if finding.instance_index is None else (finding.instance_index + 1, names[finding.instance_index])
    )
    return {
        "rule": finding.rule,
        "number": number,
        "id": name,
        "text": finding.text,
        "box": finding.box,
        "remove": finding.remove,
    }


def _corrected(layout: Layout, rules: Rules, changes: list[str]) -> Layout:
    """One finding after the other, for each correction may settle or raise others."""
    tried: set[tuple[str, str]] = set()
    for _ in range(ROUNDS * max(len(layout.instances), 1)):
        correctable = (
            (f, f.instance_index)
            for f in find(layout, rules)
            if f.instance_index is not None and _mendable(layout, f, f.instance_index)
        )
        chosen = next(((f, i) for f, i in correctable if (f.rule, layout.instances[i].id) not in tried), None)
        if chosen is None:
            break
        finding, index = chosen
        old = layout.instances[index]
        tried.add((finding.rule, old.id))
        new = _mended(layout, finding, index)
        if new is None:
            continue
        layout = replace(layout, instances=new)
        changes.append(
            f"{name_of(index, old)} "
            + ("was removed." if finding.remove or finding.box is None else f"now fills {_shown(finding.box)}.")
        )
    return layout


def _mended(layout: Layout, finding: Finding, index: int) -> tuple[Instance, ...] | None:
    """The instances with one of them corrected and its parts taken along, locked ones left; None where nothing of it would be seen."""
    old, instances = layout.instances[index], list(layout.instances)
    members = {i for i in family(instances, index) if not instances[i].locked}
    if finding.remove or finding.box is None:
        return without(instances, members)
    scale, shift = fitting(whole_extent(old), finding.box)
    new = {i: map_instance(instances[i], scale, shift) for i in members}
    if new[index] is None:
        return None
    return tuple(new.get(i) or instance for i, instance in enumerate(instances))


def _mendable(layout: Layout, finding: Finding, index: int) -> bool:
    return (finding.remove or finding.box is not None) and not layout.instances[index].locked


def _score(layout: Layout, found: Sequence[Finding], rules: Rules) -> float:
    count = sum(instance.visible for instance in layout.instances)
    whole = max(count, rules.instance_count)
    faulty = len({finding.instance_index for finding in found if finding.instance_index is not None})
    surplus = max(count - rules.instance_count, 0) if rules.instance_count else 0
    return max(count - max(faulty, surplus), 0) / whole if whole else 1.0


def _shown(box: Box) -> str:
    return "[" + ", ".join(f"{v:.3g}" for v in box) + "]"


def _check_cost(counts: Sequence[int], correct: bool) -> None:
    """Each two instances are compared, and with corrections again after each of them. ValueError where that takes too long."""
    if sum(n**2 for n in counts) > MAX_COMPARED or (correct and sum(n**3 for n in counts) > MAX_CORRECTED):
        most = f"{MAX_CORRECTED ** (1 / 3):.0f}" if correct else f"{MAX_COMPARED ** (1 / 2):.0f}"
        raise ValueError(
            f"Check Layout: {sum(counts)} instances in {len(counts)} frames are too many to {'correct' if correct else 'check'}: "
            f"in a single frame at most {most}. Select fewer with Select Instances."
        )


def check_frames(frames: Frames, rules: Rules, correct: bool) -> tuple[Frames, float, str, str]:
    """(the layouts, the mean score, the report, the findings as JSON) of several frames. ValueError if rules are out of range."""
    fields.number_in(rules.horizon, -1, 0.95, "Check Layout", "horizon")
    _check_cost([len(layout.instances) for layout in frames], correct)
    checked = [check_layout(layout, rules, correct) for layout in frames]
    return (
        tuple(one.layout for one in checked),
        sum(one.score for one in checked) / len(checked),
        report(checked),
        to_json(checked),
    )
