"""Tell the user how a run goes: one line per node, one moving line per sampling."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

QUIET_SECONDS = 10.0  # between two lines where a line cannot be rewritten


class Progress:
    """Call it with each of ComfyUI's messages (type, data). `with` ends a moving line in good order."""

    def __init__(self, graph: Mapping[str, Mapping[str, Any]], say: Callable[[str], None], screen: TextIO) -> None:
        self.graph, self.say, self.screen = graph, say, screen
        self.moving = False
        self.last = time.monotonic()

    def __call__(self, kind: str, data: Mapping[str, Any]) -> None:
        if kind == "executing" and data.get("node") is not None:
            self._end_line()
            self.say(f"  {self._name(data['node'])}")
        elif kind == "progress":
            value, of = data.get("value"), data.get("max")
            if isinstance(value, int) and isinstance(of, int):
                self._step(value, of)

    def _name(self, node: str) -> str:
        entry = self.graph.get(str(node), {})
        return entry.get("_meta", {}).get("title") or entry.get("class_type") or str(node)

    def _step(self, value: int, of: int) -> None:
        line = f"    step {value} of {of}"
        if self.screen.isatty():
            self.screen.write(f"\r{line}   ")
            self.screen.flush()
            self.moving = True
        elif value == of or time.monotonic() - self.last > QUIET_SECONDS:
            self.last = time.monotonic()
            self.say(line)

    def _end_line(self) -> None:
        if self.moving:
            self.screen.write("\n")
            self.moving = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._end_line()
