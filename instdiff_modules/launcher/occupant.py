"""Who listens on a port before we start a server there: nobody, a ComfyUI, or a program that must not get a job."""

from __future__ import annotations

import errno
import http.client
import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SECONDS = 4.0  # for everything
MOST_READ = 2**20  # bytes
OUR_NODE = "InstDiffApply"
FREE_PORT = "Choose another --port, or leave it out for a free one."


@dataclass(frozen=True)
class Occupant:
    """words: who it is. instdiff: it is a ComfyUI with our nodes."""

    words: str
    instdiff: bool = False


def occupant(port: int) -> Occupant | None:
    """Who has the port of this machine, within SECONDS; None if it is free."""
    try:
        socket.create_connection(("127.0.0.1", port), SECONDS).close()
    except ConnectionRefusedError:
        return _cannot_listen(port)
    except OSError:
        return Occupant("a program that answers nothing")
    found = [Occupant("a program that answers nothing")]
    asking = threading.Thread(target=lambda: found.append(_ask(f"http://127.0.0.1:{port}")), daemon=True)
    asking.start()
    asking.join(SECONDS)  # a thread, because an answer may come byte by byte
    return found[-1]


def is_comfyui(stats: Any) -> bool:
    """Whether this is what ComfyUI answers to /system_stats."""
    system = stats.get("system") if isinstance(stats, Mapping) else None
    return isinstance(system, Mapping) and "comfyui_version" in system


def open_url(request: str | urllib.request.Request, timeout: float) -> http.client.HTTPResponse:
    """urlopen that asks no proxy for this machine itself."""
    url = request if isinstance(request, str) else request.full_url
    here = url.startswith(("http://127.0.0.1", "http://localhost", "http://[::1]"))
    handlers = [urllib.request.ProxyHandler({})] if here else []
    return urllib.request.build_opener(*handlers).open(request, timeout=timeout)


def _ask(url: str) -> Occupant:
    stats = _json(f"{url}/system_stats")
    if isinstance(stats, Occupant):
        return stats
    if not is_comfyui(stats):
        return Occupant("a web server that is not ComfyUI")
    nodes = _json(f"{url}/object_info/{OUR_NODE}")
    if isinstance(nodes, Mapping) and OUR_NODE in nodes:
        return Occupant("a ComfyUI with InstDiff", instdiff=True)
    return Occupant("another ComfyUI, without InstDiff")


def _json(address: str) -> Any:
    """The JSON there, or who answers something else."""
    try:
        with open_url(address, SECONDS) as answer:
            return json.loads(answer.read(MOST_READ))
    except (urllib.error.HTTPError, ValueError, RecursionError):
        return Occupant("a web server that is not ComfyUI")
    except TimeoutError:
        return Occupant("a program that answers nothing")
    except (OSError, http.client.HTTPException):
        return Occupant("a program that is not a web server")


def _cannot_listen(port: int) -> Occupant | None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as problem:
            if problem.errno in (errno.EACCES, errno.EPERM):
                return Occupant("the system, which gives it to administrators alone")
            return Occupant("a program that answers nothing")
    return None
