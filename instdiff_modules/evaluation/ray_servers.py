"""The servers as Ray reaches them: what is local to a machine of the cluster is asked from that machine."""

import re
import socket
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..commands.names import shown
from ..launcher.client import Graph
from . import server
from .sharing import Painter, Stopped

PACKAGE = Path(__file__).resolve().parents[1]
SECONDS = 5.0  # for a connection to a cluster
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Asked(NamedTuple):
    """A server and the machine that asks it: Ray's id of it, None for any."""

    name: str
    url: str
    node: str | None


def who_asks(urls: Iterable[str], nodes: Mapping[str, str]) -> list[Asked]:
    """nodes: names of the cluster's machines by Ray's ids. A server of this machine alone (127.0.0.1) stands for one on every
    machine, which is asked from there; one with a name or an address of the network is asked once."""
    out = []
    for url in urls:
        if urllib.parse.urlsplit(url).hostname in LOOPBACK:
            out += [Asked(f"{url} on {name}", url, node) for node, name in nodes.items()]
        else:
            out.append(Asked(url, url, None))
    return out


def ray_painters(
    urls: Iterable[str], address: str, graph_of: Callable[[str], Graph], output: str, size: int, timeout: float
) -> list[Painter]:
    """One painter for each server of the cluster at `address` ("auto": the one that runs here). ValueError without Ray."""
    ray = start_ray(address)
    nodes = {node["NodeID"]: node["NodeManagerHostname"] for node in ray.nodes() if node["Alive"]}
    return [_painter(ray, asked, graph_of, output, size, timeout) for asked in who_asks(urls, nodes)]


def start_ray(address: str) -> Any:
    """The module `ray`, connected. ValueError says what is missing."""
    try:
        import ray
        import ray.util.scheduling_strategies  # else unknown below
    except ImportError as error:
        raise ValueError(
            f"--ray needs Ray, which is not installed ({error}): python -m pip install ray. Without it, name several servers in --server, "
            "or start the same command on several machines with --job and --jobs."
        ) from error
    nobody = f"There is no Ray cluster at {shown(address)}. Start one with `ray start --head`, or give its address."
    if not _reachable(address):  # Ray itself would try for minutes
        raise ValueError(nobody)
    try:
        ray.init(
            address=address, runtime_env={"py_modules": [str(PACKAGE)]}, log_to_driver=False, ignore_reinit_error=True
        )
    except (OSError, ValueError, RuntimeError, AssertionError) as error:
        raise ValueError(nobody) from error
    return ray


def _reachable(address: str) -> bool:
    """False for a host and port that nobody listens on; other words ("auto") are Ray's to understand."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not re.fullmatch(r"[0-9]{1,5}", port):
        return True
    try:
        socket.create_connection((host.strip("[]"), min(int(port), 65535)), SECONDS).close()
    except (OSError, UnicodeError):
        return False
    return True


def _painter(
    ray: Any, asked: Asked, graph_of: Callable[[str], Graph], output: str, size: int, timeout: float
) -> Painter:
    options: dict[str, Any] = {"num_cpus": 0, "max_retries": 0}  # the work is the server's
    if asked.node is not None:
        options["scheduling_strategy"] = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            asked.node, soft=False
        )
    paint, answers = (ray.remote(**options)(function) for function in (server.paint, server.answers))

    def painted(name: str, stopped: Stopped) -> bytes:
        return _wait(ray, paint.remote(asked.url, graph_of(name), output, size, timeout), asked, stopped)

    def there() -> bool:
        try:
            return _wait(ray, answers.remote(asked.url), asked, lambda: False)
        except server.ServerLost:
            return False

    return Painter(asked.name, painted, there)


def _wait(ray: Any, task: Any, asked: Asked, stopped: Stopped) -> Any:
    """The task's value or its own error; ServerLost if its machine is gone."""
    while not ray.wait([task], timeout=0.5)[0]:
        if stopped():
            ray.cancel(task)  # the task takes its picture off the server as it ends
            raise server.Stop
    try:
        return ray.get(task)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    except ray.exceptions.RayError as error:
        raise server.ServerLost(f"{asked.name} no longer answers: its machine, or Ray on it, is gone") from error
