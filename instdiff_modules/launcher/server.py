"""A ComfyUI server as a child process, on a free loopback port and a base folder of our own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from .client import Client, Graph, GraphError, OnEvent, Result
from .errors import Stopped
from .install import Runtime
from .steps import clean_environment, tail

START_SECONDS = 300  # a first start on a slow disk compiles thousands of files
STOP_SECONDS = 15
# No browser, no database file. Both known from ComfyUI 0.16 to 0.30.
ALWAYS = ("--listen", "127.0.0.1", "--disable-auto-launch", "--database-url", "sqlite:///:memory:")


class Server:
    """`with Server(runtime, base, log) as server: server.client.run(graph)`. Leaving it stops ComfyUI."""

    def __init__(
        self, runtime: Runtime, base: Path, log: Path, port: int = 0, extra: Sequence[str | Path] = ()
    ) -> None:
        """`base` holds custom_nodes, models, input, output; `port` 0 means any free one."""
        self.runtime, self.base, self.log, self.extra = runtime, base, log, tuple(extra)
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = Client(self.url)
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """The command line of the server."""
        device = () if self.runtime.gpu else ("--cpu", "--use-pytorch-cross-attention")
        parts = (self.runtime.python, self.runtime.comfyui / "main.py", "--port", self.port)
        return [str(part) for part in (*parts, "--base-directory", self.base, *ALWAYS, *device, *self.extra)]

    def start(self) -> None:
        """Start and wait until it answers. Stops with the log's last lines if it does not."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            process = self.process = subprocess.Popen(
                self.command(),
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=self.runtime.comfyui,
                env=clean_environment(),
                # A session of its own: Ctrl+C reaches only us, and we then stop the server in good order.
                creationflags=subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0,
                start_new_session=sys.platform != "win32",
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.client.answers():
            if process.poll() is not None:
                raise Stopped(self._complaint(f"ended while it started (exit code {process.returncode})"))
            if time.monotonic() > deadline:
                self.stop()
                raise Stopped(self._complaint(f"did not answer on {self.url} within {START_SECONDS} s"))
            time.sleep(0.2)

    def stop(self) -> None:
        """End the server and whatever it started; harmless when it has ended already."""
        process, self.process = self.process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            if sys.platform == "win32":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def draw(self, graph: Graph, on_event: OnEvent, timeout: float = 24 * 3600) -> Result:
        """Run a graph for a person: whatever goes wrong, the server's end too, comes as Stopped."""
        try:
            return self.client.run(graph, on_event, timeout)
        except GraphError as problem:
            title = graph.get(problem.node, {}).get("_meta", {}).get("title") or graph.get(problem.node, {}).get(
                "class_type"
            )
            where = f" The node '{title}' says:" if title else ""
            raise Stopped(
                f"ComfyUI could not run the workflow.{where} {problem.message}\nThe server's log: {self.log}"
            ) from problem
        except OSError as problem:
            if self.process is None or self.process.poll() is None:
                raise
            raise Stopped(self._complaint(f"ended in the middle (exit code {self.process.returncode})")) from problem

    def wait(self) -> None:
        """Block until the server ends by itself. In small steps, so that Ctrl+C works on Windows too."""
        while self.process is not None and self.process.poll() is None:
            time.sleep(0.3)

    def _complaint(self, what: str) -> str:
        return (
            f"ComfyUI {what}. Its last lines:\n{tail(self.log, 15)}\nThe whole log: {self.log}\n"
            f"What to do: read the last line above; if it names a missing module, start again with a new --home; "
            f"if there is none, memory may have run out."
        )

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
