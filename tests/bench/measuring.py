"""The rounds of a benchmark, and the file that keeps them."""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any

import comfy.utils
from bench import arithmetic
from bench.cases import FAST, STEPS, Models, branched_instances, cases, figure, time_steps
from bench.counting import count_calls
from bench.launches import count_launches
from bench.machine import PeakMemory, clock, code, commit, describe

SHARE = 0.2  # of multi-instance steps
BRANCH_STEPS = int(STEPS * SHARE)
TOKENIZER = {"boxes 4": (4, False), "boxes 30": (30, False), "masks 4": (4, True)}
SETTINGS = ("device", "steps", "threads", "tiny")


class Bench:
    """Measures what is asked for and not yet known. `data` is what goes into the file."""

    def __init__(self, models: Models, given: argparse.Namespace, stop_at: float) -> None:
        self.models, self.given, self.stop_at = models, given, stop_at
        self.clock, self.memory = clock(given.device), PeakMemory(given.device)
        settings = {name: getattr(given, name) for name in SETTINGS}
        self.data: dict[str, Any] = {
            "machine": describe(given.device),
            "commit": commit(),
            "code": code(),
            "settings": settings,
            "limits": {},
            "ratios": {},
            "spread": {},
            "rounds": [],
            "tokenizer": {},
            "counts": {},
            "peak_bytes": {},
            "gpu": {},
            "multiply_adds": {},
            "seconds": {},
            "fuser_bytes": models.fuser_bytes,
        }
        self._known_work: dict[str, arithmetic.Work] = {}
        if given.json is not None and given.json.exists():
            self._continue(json.loads(given.json.read_text(encoding="utf-8")))

    def _continue(self, known: dict) -> None:
        if all(known.get(name) == self.data[name] for name in ("machine", "code", "settings")):
            self.data.update({name: known[name] for name in ("rounds", "tokenizer", "counts", "peak_bytes", "gpu")})
        else:
            sys.stderr.write(f"{self.given.json} holds figures of another machine, code or setting: it starts anew.\n")

    def run(self) -> bool:
        """Measure until every figure has its rounds; False if the time was up before."""
        comfy.utils.PROGRESS_BAR_ENABLED = False
        if self._wanted("counts") and not self.data["counts"]:
            self.data["counts"] = count_calls(self.models)
            self.save()
        parts = []
        if self.given.device == "cuda":
            parts += [self._gpu(size, names) for size, names in self._groups()]
        parts += [self._group(size, names) for size, names in self._groups()]
        finished = all([*parts, self._tokenizer()])
        self.save()
        return finished

    def _wanted(self, name: str) -> bool:
        return self.given.only is None or name in self.given.only

    def _groups(self) -> Iterator[tuple[str, list[str]]]:
        """(size, cases that run in turn): the basic ones of each size first, then multi-instance sampling."""
        for size in self.given.sizes:
            yield size, [case for case in cases(self.given.instances)[1:] if self._wanted(f"{case}_{size}")]
        yield (
            self.given.mis_size,
            [
                f"mis{n}{fast}"
                for n in self.given.branches
                for fast in ("", FAST)[: 1 + (n > 2)]
                if self._wanted(figure(f"mis{n}{fast}"))
            ],
        )

    def _group(self, size: str, names: list[str]) -> bool:
        """Every case between two runs of what it is compared with: a machine's speed drifts by more than our differences."""
        while lacking := [name for name in names if len(self._of(name, size)) < self.given.rounds]:
            base = base_of(lacking[0])
            turn = len(self._of(lacking[0], size)) % len(lacking)
            before: list[float] | None = None
            for case in lacking[turn:] + lacking[:turn]:
                if time.monotonic() > self.stop_at:
                    return False
                before = before or self._run(base, size)
                times, after = self._run(case, size), self._run(base, size)
                self.data["rounds"].append({"size": size, "case": case, "times": times, "around": [before, after]})
                before = after
                self.save()
        return True

    def _run(self, case: str, size: str) -> list[float]:
        name = f"{case}_{size}"
        # On a GPU all weights are loaded anew for the peak of what this case needs: once is enough.
        measured = self.given.device == "cuda" and name in self.data["peak_bytes"]
        if not measured:
            self.memory.restart()
        times = time_steps(self.models, case, *shape(size), self.given.steps, self.clock)
        peak = None if measured else self.memory.read()
        if peak is not None:
            self.data["peak_bytes"][name] = min(
                peak, self.data["peak_bytes"].get(name, peak)
            )  # more is what others left behind
        sys.stderr.write(f"{name}: {' '.join(f'{t:.3f}' for t in times)} s\n")
        return times

    def _gpu(self, size: str, names: list[str]) -> bool:
        """What a step asks of the GPU itself: there wall time can be the processor's, that launches the kernels."""
        for case in dict.fromkeys([base_of(name) for name in names] + names):
            if f"{case}_{size}" in self.data["gpu"]:
                continue
            if time.monotonic() > self.stop_at:
                return False
            step = count_launches(self.models, case, *shape(size), "cuda")
            self.data["gpu"][f"{case}_{size}"] = {"kernels": step.total, "seconds": round(step.busy, 6)}
        return True

    def _tokenizer(self) -> bool:
        for name, (instances, masks) in TOKENIZER.items():
            while self._wanted("tokenizer") and len(self.data["tokenizer"].setdefault(name, [])) < self.given.rounds:
                if time.monotonic() > self.stop_at:
                    return False
                before = self.clock()
                self.models.new_tokens(instances, masks)
                self.data["tokenizer"][name].append(self.clock() - before)
        return True

    def _of(self, case: str, size: str) -> list[dict]:
        """The measurements of a case."""
        return [one for one in self.data["rounds"] if (one["case"], one["size"]) == (case, size)]

    def save(self) -> None:
        """Work the figures out and write the file."""
        self.data["ratios"], self.data["spread"] = {}, {}
        for name, values in self._ratios():
            self.data["ratios"][name] = round(statistics.median(values), 4)
            self.data["spread"][name] = [round(min(values), 4), round(max(values), 4)]
        self.data["limits"] = self._limits()
        plain: dict[str, list[float]] = {}
        for one in self.data["rounds"]:
            if base_of(one["case"]) == "plain":
                plain.setdefault(one["size"], []).extend(map(steady, one["around"]))
        self.data["seconds"] = {
            f"plain_{size}": round(statistics.median(times), 4) for size, times in sorted(plain.items())
        }
        if self.given.json is not None:
            self.given.json.parent.mkdir(parents=True, exist_ok=True)
            unfinished = self.given.json.with_suffix(".part")
            unfinished.write_text(json.dumps(self.data, indent=1) + "\n", encoding="utf-8")
            unfinished.replace(self.given.json)

    def _ratios(self) -> Iterator[tuple[str, list[float]]]:
        for size, case in sorted({(one["size"], one["case"]) for one in self.data["rounds"]}):
            found = [
                (one["times"], [statistics.mean(pair) for pair in zip(*one["around"], strict=True)])
                for one in self._of(case, size)
            ]
            if case.startswith("mis"):
                yield figure(case), [whole_run(times, around) for times, around in found]
            else:
                yield f"{case}_{size}", [steady(times) / steady(around) for times, around in found]

    def _limits(self) -> dict[str, float]:
        limits = {}
        for name in self.data["ratios"]:
            case, _, kind = name.partition("_")
            if case.startswith("mis"):
                instances = branched_instances(case)
                limits[name] = arithmetic.multi_instance_limit(
                    min(instances, 2) if kind == FAST else instances, STEPS, BRANCH_STEPS
                )
            else:
                limits[name] = 1.0 if case in ("scaleu", "outside") else self._work(kind).full
        return {name: round(limit, 4) for name, limit in limits.items()}

    def _work(self, size: str) -> arithmetic.Work:
        if size not in self._known_work:
            side, _ = shape(size)
            config, weights = self.models.plain.model.model_config.unet_config, self.models.weights.config
            self._known_work[size] = arithmetic.count(config, side // 8, side // 8, weights.slots, weights.out_dim)
            self.data["multiply_adds"][size] = vars(self._known_work[size])
        return self._known_work[size]


def shape(size: str) -> tuple[int, int]:
    """(side in pixels, batch) of a size: "512" -> (512, 1), "512b4" -> (512, 4)."""
    side, _, batch = size.partition("b")
    return int(side), int(batch or 1)


def base_of(case: str) -> str:
    """What a case is compared with."""
    return "full" if case.startswith("mis") else "plain"


def steady(times: list[float]) -> float:
    """Seconds of a step in the middle of a run: the first fills caches and is left out."""
    return statistics.median(times[1:])


def whole_run(branches: list[float], full: list[float]) -> float:
    """A run of STEPS steps of which BRANCH_STEPS in branches, over one without: put together from its timed steps."""
    branched = branches[0] + (BRANCH_STEPS - 1) * steady(branches)
    return (branched + (STEPS - BRANCH_STEPS) * steady(full)) / (full[0] + (STEPS - 1) * steady(full))
