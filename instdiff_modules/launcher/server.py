"""A ComfyUI server as a child process, on a free loopback port and a base folder of our own."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TextIO

from ..commands.problems import system_sentence
from . import children
from .client import Client, Graph, GraphError, GraphRefused, OnEvent, Result
from .errors import Stopped
from .install import Runtime
from .occupant import FREE_PORT, occupant
from .state import read_state
from .steps import HEARTBEAT_SECONDS, exit_words, lock_file, tail, try_lock

START_SECONDS = 300  # a first start on a slow disk compiles thousands of files
USUAL_PORT = 8188  # of a ComfyUI that somebody started by hand
SERVED = "served.json"  # in the home folder: where `serve` ran last
GONE_SECONDS = 5.0  # between a connection that breaks and the end of its process
# No browser, no database file. Both known from ComfyUI 0.16 to 0.30.
ALWAYS = ("--listen", "127.0.0.1", "--disable-auto-launch", "--database-url", "sqlite:///:memory:")


class Server:
    """`with Server(runtime, base, log) as server: server.client.run(graph)`. Leaving it stops ComfyUI."""

    def __init__(
        self,
        runtime: Runtime,
        base: Path,
        log: Path,
        port: int = 0,
        extra: Sequence[str | Path] = (),
        say: Callable[[str], object] = lambda _: None,
    ) -> None:
        """`base` holds custom_nodes, models, input, output; `port` 0 means any free one. say: gets a line now and then while it starts."""
        self.say = say
        self.runtime, self.base, self.log, self.extra = runtime, base, log, tuple(extra)
        self.asked_port, self.port = port, port or free_port()
        self._port_lock: TextIO | None = None
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = Client(self.url)
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """The command line of the server."""
        device = () if self.runtime.gpu else ("--cpu", "--use-pytorch-cross-attention")
        parts = (self.runtime.python, self.runtime.comfyui / "main.py", "--port", self.port)
        return [str(part) for part in (*parts, "--base-directory", self.base, *ALWAYS, *device, *self.extra)]

    def start(self) -> None:
        """Start and wait until it answers. Stops if the port is taken, and with the log's last lines if it does not start."""
        self._hold_port()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            process = self.process = children.start(self.command(), log, cwd=self.runtime.comfyui)
        beat = started = time.monotonic()
        deadline = started + START_SECONDS
        while (stats := self.client.stats()) is None:
            if process.poll() is not None:
                raise Stopped(self._complaint(f"ended while it started ({exit_words(process.returncode)})"))
            if time.monotonic() > deadline:
                self.stop()
                raise Stopped(self._complaint(f"did not answer on {self.url} within {START_SECONDS} s"))
            if time.monotonic() - beat > HEARTBEAT_SECONDS:
                beat = time.monotonic()
                self.say(f"  {beat - started:.0f} s, still starting (details: {self.log})")
            time.sleep(0.2)
        argv = stats["system"].get("argv")
        if not isinstance(argv, list) or argv[1:] != self.command()[2:]:
            self.stop()
            raise Stopped(f"Another ComfyUI took port {self.port} while ours started. {FREE_PORT}")

    def stop(self) -> None:
        """End the server and whatever it started; harmless when it has ended already."""
        process, self.process = self.process, None
        if process is not None:
            children.end(process)
        if self._port_lock is not None:
            self._port_lock.close()
            self._port_lock = None

    def draw(self, graph: Graph, on_event: OnEvent, timeout: float = 24 * 3600) -> Result:
        """Run a graph for a person: whatever goes wrong, the server's end too, comes as Stopped."""
        try:
            with self._explained():
                return self.client.run(graph, on_event, timeout)
        except GraphError as problem:
            entry = graph.get(problem.node, {})
            title = entry.get("_meta", {}).get("title") or entry.get("class_type")
            where = f" The node '{title}' says:" if title and not isinstance(problem, GraphRefused) else ""
            raise Stopped(
                f"ComfyUI could not run the workflow.{where} {problem.message}\nThe server's log: {self.log}"
            ) from problem

    def picture(self, image: Mapping[str, str]) -> bytes:
        """The file of an image that a run left behind; Stopped as `draw`."""
        with self._explained():
            return self.client.view(image)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """What a server that ends, or does not answer, means for a person."""
        try:
            yield
        except OSError as problem:
            code = self._code_soon()
            if code is not None:
                raise Stopped(self._complaint(f"ended in the middle ({exit_words(code)})")) from problem
            raise Stopped(
                f"ComfyUI runs, but does not answer any more ({system_sentence(problem).rstrip('.')}). What to do: start again; "
                f"the server's log is {self.log}"
            ) from problem

    def _code_soon(self) -> int | None:
        """The exit code of the server; None if it goes on. Its connections break a moment before it is gone."""
        try:
            return None if self.process is None else self.process.wait(GONE_SECONDS)
        except subprocess.TimeoutExpired:
            return None

    def _hold_port(self) -> None:
        """Stop if somebody has the port, or another quickstart is about to."""
        if self.asked_port:
            self._port_lock = lock_file(self.log.parent / f"port-{self.port}.lock")
            if not try_lock(self._port_lock):
                raise Stopped(f"Another quickstart runs on port {self.port}. {FREE_PORT}")
        check_port(self.asked_port)

    def wait(self) -> None:
        """Block until the server ends by itself. In small steps, so that Ctrl+C works on Windows too."""
        while self.process is not None and self.process.poll() is None:
            time.sleep(0.3)

    def _complaint(self, what: str) -> str:
        said = tail(self.log, 15)
        lines = (
            f" Its last lines:\n{said}\nThe whole log: {self.log}\n" if said else f" The log ({self.log}) is empty. "
        )
        if "signal 9" in what:
            remedy = "start again; if memory ran out, close other programs or draw a smaller picture."
        else:
            remedy = (
                "read the last line above; if it names a missing module, start again with a new --home; "
                "if there is none, memory may have run out."
            )
        return f"ComfyUI {what}.{lines}What to do: {remedy}"

    def __enter__(self) -> Server:
        try:
            self.start()
        except BaseException:  # Ctrl+C too: no server may be left behind
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def check_port(port: int, serve: str = "") -> None:
    """Stopped if somebody has the port; `serve` is the part of the editor's address to offer where that is a ComfyUI of ours."""
    there = occupant(port) if port else None
    if there is None:
        return
    if there.instdiff and serve:
        raise Stopped(
            f"{there.words[0].upper()}{there.words[1:]} runs there already: open http://127.0.0.1:{port}/{serve} in your browser. "
            f"For one of your own: {FREE_PORT[0].lower()}{FREE_PORT[1:]}"
        )
    raise Stopped(f"Port {port} is taken by {there.words}. {FREE_PORT}")


def check_none_serves(home: Path, address: str) -> None:
    """Stopped, with where to look, if our editor runs already: the one that this home served last, or a ComfyUI at its usual port."""
    ports = {read_state(home / SERVED).get("port"), USUAL_PORT}
    for port in sorted(port for port in ports if type(port) is int and 0 < port < 2**16):
        there = occupant(port)
        if there is not None and there.instdiff:
            raise Stopped(
                f"A ComfyUI with InstDiff runs already: open http://127.0.0.1:{port}/{address} in your browser. "
                "To start another one beside it, give it a --port."
            )


def free_port() -> int:
    """A loopback port that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def models_config(models: Path, path: Path) -> Path:
    """Write an extra_model_paths file that shows every folder of another installation's `models`."""
    folders = sorted(entry.name for entry in models.iterdir() if entry.is_dir()) if models.is_dir() else []
    # JSON strings are YAML strings, whatever characters a path has.
    lines = [f"  {json.dumps(name)}: {json.dumps(name)}" for name in folders]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "\n".join(["existing:", f"  base_path: {json.dumps(str(models))}", *lines]) + "\n", encoding="utf-8"
    )
    return path
