"""One picture on one ComfyUI server: queued, waited for, fetched. With the standard library alone, so that it runs anywhere."""

import contextlib
import http.client
import json
import struct
import time
import urllib.parse
from collections.abc import Callable

from ..launcher.client import Client, Graph, GraphRefused

POLL_SECONDS = (0.1, 1.0)  # between two questions: at first, and at most
PNG = b"\x89PNG\r\n\x1a\n"
BROKEN_OFF = (
    OSError,
    http.client.HTTPException,
    json.JSONDecodeError,
)  # what reading from a server that dies may raise


class ServerLost(OSError):
    """The server does not answer, or has forgotten its task."""


class Stop(RuntimeError):
    """The evaluation is to end; the picture was taken off the server."""


def server_urls(text: str) -> tuple[str, ...]:
    """ "http://a:8188, http://b:8188/" -> both, without what is there twice. ValueError if one is not an address."""
    urls = [url.strip().rstrip("/") for url in text.split(",") if url.strip()]
    for url in urls:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(
                f"--server {url!r} is not an address of a server: expected one like http://127.0.0.1:8188, several with commas."
            )
    if not urls:
        raise ValueError("--server is empty: expected an address like http://127.0.0.1:8188.")
    return tuple(dict.fromkeys(urls))


def answers(url: str) -> bool:
    """Whether a ComfyUI is there now."""
    try:
        return Client(url).answers()
    except BROKEN_OFF:
        return False


def paint(url: str, graph: Graph, size: int, timeout: float, stopped: Callable[[], bool] = lambda: False) -> bytes:
    """The PNG file of the one picture that the graph makes.

    timeout: seconds for the whole picture. Raises GraphRefused, GraphFailed or GraphInterrupted (launcher/client.py), ServerLost
    for a server that is gone, restarted or too slow, Stop as soon as `stopped` says so, and ValueError if the graph leaves not
    one picture, or one of another size than size x size.
    """
    client = Client(url)
    try:
        prompt_id = client.queue(graph)
        try:
            _wait(client, prompt_id, time.monotonic() + timeout, stopped)
            result = client.wait(prompt_id, 60)
        except BaseException:
            _withdraw(client, prompt_id)
            raise
        if len(result.images) != 1:
            raise ValueError(
                f"The workflow left {len(result.images)} pictures, expected one: keep one Save Image or Preview Image node in it."
            )
        data = client.view(result.images[0])
    except ServerLost:
        raise
    except GraphRefused as error:
        if error.details is not None:
            raise
        raise ServerLost(
            f"{url} does not answer as ComfyUI does ({error.message})"
        ) from error  # a proxy before a dead server
    except BROKEN_OFF as error:
        raise ServerLost(f"{url} no longer answers ({error})") from error
    shape = (
        "no PNG file"
        if data[:8] != PNG or len(data) < 24
        else "{}x{} pixels".format(*struct.unpack(">II", data[16:24]))
    )
    if shape != f"{size}x{size} pixels":
        raise ValueError(
            f"The workflow's picture is {shape}, expected {size}x{size}: take its size from the layout, and leave out scaling."
        )
    return data


def _wait(client: Client, prompt_id: str, deadline: float, stopped: Callable[[], bool]) -> None:
    """Until the prompt is in the history. A server that was started anew knows it neither there nor in its queue."""
    pause, unknown = POLL_SECONDS[0], 0
    while not client.finished(prompt_id):
        if stopped():
            raise Stop
        if time.monotonic() > deadline:
            raise ServerLost(f"{client.url} did not finish the picture in time")
        queue = client.get("/queue")
        known = any(prompt_id in entry for entries in queue.values() for entry in entries)
        unknown = 0 if known else unknown + 1  # once alone may be the moment between queue and history
        if unknown > 2:
            raise ServerLost(f"{client.url} has forgotten the picture: it was restarted, or its queue was cleared")
        time.sleep(pause)
        pause = min(pause * 1.5, POLL_SECONDS[1])


def _withdraw(client: Client, prompt_id: str) -> None:
    """Take this picture off the server, and nothing else: others may use it too."""
    with contextlib.suppress(*BROKEN_OFF):
        client.post("/queue", {"delete": [prompt_id]})
        client.post("/interrupt", {"prompt_id": prompt_id})
