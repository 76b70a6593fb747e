"""One picture on one ComfyUI server: queued, waited for, fetched. With the standard library alone, so that it runs anywhere."""

import re
import time
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

from ..commands.names import shown
from ..commands.problems import system_sentence
from ..launcher.client import Client, Graph, GraphRefused
from .png import SIGNATURE, png_size

POLL_SECONDS = (0.1, 1.0)  # between two questions: at first, and at most


class ServerLost(OSError):
    """The server does not answer, or has forgotten its task."""


class Stop(RuntimeError):
    """The evaluation is to end; the picture was taken off the server."""


def server_urls(text: str) -> tuple[str, ...]:
    """ "http://a:8188, http://b:8188/" -> both, without what is there twice. ValueError if one is not an address."""
    urls = [url.strip().rstrip("/") for url in text.split(",") if url.strip()]
    for url in urls:
        try:
            parts = urllib.parse.urlsplit(url)
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and url.isprintable()
            good = good and not re.search(r"\s", url) and url.isascii()
        except ValueError:  # a port that is no number, half a bracket
            good = False
        if not good:
            raise ValueError(
                f"--server {shown(url)} is not an address of a server: expected one like http://127.0.0.1:8188, several with commas."
            )
    if not urls:
        raise ValueError("--server is empty: expected an address like http://127.0.0.1:8188.")
    return tuple(dict.fromkeys(urls))


def answers(url: str) -> bool:
    """Whether a ComfyUI is there now."""
    return Client(url).answers()


def paint(
    url: str, graph: Graph, output: str, size: int, timeout: float, stopped: Callable[[], bool] = lambda: False
) -> bytes:
    """The PNG file of the one picture that the node `output` makes; what others show is not looked at.

    timeout: seconds for the whole picture. Raises GraphRefused, GraphFailed or GraphInterrupted (launcher/client.py), ServerLost
    for a server that is gone, restarted or too slow, Stop as soon as `stopped` says so, and ValueError if the node leaves not
    one picture, or one of another size than size x size.
    """
    client = Client(url)
    try:
        prompt_id = client.queue(graph)
        try:
            _wait(client, prompt_id, time.monotonic() + timeout, stopped)
            result = client.wait(prompt_id, 60)
        except BaseException:
            client.withdraw(prompt_id)
            raise
        pictures = result.images_of(output)
        if len(pictures) != 1:
            raise ValueError(
                f"The workflow's node {shown(output)} left {len(pictures)} pictures, expected one: let it save a single picture, or name another with --output."
            )
        data = client.view(pictures[0])
    except ServerLost:
        raise
    except GraphRefused as error:
        if error.details is not None:
            raise
        # a proxy before a dead server
        raise ServerLost(f"{url} does not answer as ComfyUI does ({error.message})") from error
    except OSError as error:
        raise ServerLost(f"{url} no longer answers ({system_sentence(error).rstrip('.')})") from error
    return _checked(url, data, size)


def _checked(url: str, data: bytes, size: int) -> bytes:
    """The file, if it is a whole PNG of the right size."""
    if data[:8] == SIGNATURE:
        try:
            found = png_size(data)
        except (
            ValueError
        ) as error:  # ComfyUI writes whole ones: something on the way broke it, or the server's disk is full
            raise ServerLost(f"{url} gave {error} instead of the picture") from error
        shape = "{}x{} pixels".format(*found)
    else:
        shape = "no PNG file"
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
        known = _in_queue(client.get("/queue"), prompt_id)
        unknown = 0 if known else unknown + 1  # once alone may be the moment between queue and history
        if unknown > 2:
            raise ServerLost(f"{client.url} has forgotten the picture: it was restarted, or its queue was cleared")
        time.sleep(pause)
        pause = min(pause * 1.5, POLL_SECONDS[1])


def _in_queue(queue: Any, prompt_id: str) -> bool:
    """Whether ComfyUI's queue holds the prompt."""
    lists = queue.values() if isinstance(queue, Mapping) else ()
    entries = [entry for entries in lists if isinstance(entries, list) for entry in entries]
    return any(isinstance(entry, list) and prompt_id in entry for entry in entries)
