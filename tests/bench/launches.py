"""How many operations of a guided step launch work, by place: operator calls on a CPU, kernels on a GPU."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import torch
from bench.booking import PATCHES, PLACES, UNET, Book, patches_within, second_step
from bench.cases import Models
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile, record_function

CASES = ("plain", "scaleu", "outside", "fusers", "full", "masked")
# The most that each case may launch beyond the plain step, SD1.5's size, four instances: (CPU, GPU).
TARGETS = {"scaleu": (60, 60), "outside": (60, 60), "fusers": (290, 260), "full": (350, 320)}

# Make a tensor that shows another's memory, or memory that nothing was written to: no work.
VIEWS = frozenset(
    "alias as_strided chunk detach diagonal empty empty_like empty_strided expand lift_fresh movedim new_empty new_empty_strided"
    " permute select slice split split_with_sizes squeeze t transpose unbind unfold unsqueeze view _reshape_alias _unsafe_view".split()
)


@dataclass
class Step:
    """One guided step: launches by place; on a GPU also its busy seconds by place and how many of the launches copy or fill."""

    launches: Counter[str]
    seconds: dict[str, float] | None = None
    copies: int = 0

    @property
    def total(self) -> int:
        return self.launches.total()

    @property
    def busy(self) -> float:
        """Seconds in which the GPU worked."""
        return sum((self.seconds or {}).values())


class Launches(Book):
    """Counts operator calls that are not views, by place."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def book(self, func: Any, args: tuple, kwargs: dict) -> Any:
        self.counts[self.place] += func._overloadpacket.__name__ not in VIEWS
        return func(*args, **kwargs)


def count_launches(models: Models, case: str, size: int, batch: int, device: str) -> Step:
    """The second of two guided steps at size x size pixels."""
    return _kernels(models, case, size, batch) if device == "cuda" else _calls(models, case, size, batch)


def _calls(models: Models, case: str, size: int, batch: int) -> Step:
    book, steps = Launches(), []

    def mark() -> None:
        steps.append(Counter(book.counts))

    with patches_within(book.within), book:
        second_step(models, case, size, batch, mark, mark)
    return Step(steps[1] - steps[0])


def _kernels(models: Models, case: str, size: int, batch: int) -> Step:
    profiler = profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA], acc_events=True)

    def start() -> None:
        torch.cuda.synchronize()
        profiler.start()

    def stop() -> None:
        torch.cuda.synchronize()
        profiler.stop()

    with patches_within(record_function):
        second_step(models, case, size, batch, start, stop)
    launches, seconds, copies = Counter(), defaultdict(float), 0
    for event in profiler.events():
        if event.device_type == DeviceType.CUDA and not _annotation(event):
            _book(launches, seconds, UNET, 1, event.time_range.elapsed_us())
            copies += event.name.startswith(("Memcpy", "Memset"))
        elif (place := _place(event)) != UNET:
            for kernel in event.kernels:
                if not _annotation(kernel):
                    _book(launches, seconds, place, 1, kernel.duration)
                    _book(launches, seconds, UNET, -1, -kernel.duration)
    return Step(launches, dict(seconds), copies)


def _book(launches: Counter, seconds: dict[str, float], place: str, number: int, microseconds: float) -> None:
    launches[place] += number
    seconds[place] += microseconds / 1e6


def _annotation(event: Any) -> bool:
    """Is this no kernel, but the stretch of the GPU's time that belongs to a patch?"""
    return event.name in PATCHES or getattr(event, "is_user_annotation", False)


def _place(event: Any) -> str:
    while event is not None and event.name not in PATCHES:
        event = event.cpu_parent
    return UNET if event is None else event.name


def table(steps: dict[str, Step], device: str) -> str:
    """Markdown: what each case launches beyond the plain step, where, and beside it the target."""
    plain = steps["plain"]
    what = "kernels" if device == "cuda" else "operator calls that launch work"
    columns = ["a guided step", "plain, +more", *PLACES, "at most"] + ["copies and fills", "GPU, ms"] * (
        plain.seconds is not None
    )
    lines = [f"{what} of one guided step", "| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for case, step in steps.items():
        more = f"{step.total}" if case == "plain" else f"+{step.total - plain.total}"
        where = [step.launches[place] - (plain.launches[place] if case != "plain" else 0) for place in PLACES]
        target = TARGETS.get(case)
        cells = [case, more, *map(str, where), f"+{target[device == 'cuda']}" if target else ""]
        if step.seconds is not None:
            cells += [f"{step.copies}", f"{1000 * step.busy:.1f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
