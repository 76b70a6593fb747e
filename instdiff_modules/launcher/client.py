"""ComfyUI's HTTP API and its progress messages, with the standard library alone."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import struct
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Graph = Mapping[str, Mapping[str, Any]]
OnEvent = Callable[[str, Mapping[str, Any]], None]


class GraphError(RuntimeError):
    """A graph did not run to its end. `node` is the id of the node at fault, "" if none is known."""

    def __init__(self, message: str, node: str = "", details: Any = None) -> None:
        super().__init__(message)
        self.message, self.node, self.details = message, node, details


class GraphRefused(GraphError):
    """ComfyUI did not accept the graph (validation); `details` is its whole answer, with node_errors."""


class GraphFailed(GraphError):
    """A node raised; the message is the exception's own, `details` the execution_error message."""


class GraphInterrupted(GraphError):
    """The run was cancelled."""


@dataclass(frozen=True)
class Result:
    """What a run left behind: outputs by node id, as ComfyUI's history has them."""

    prompt_id: str
    outputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def images(self) -> list[dict[str, str]]:
        """Every image (filename, subfolder, type), in the order of the node ids."""
        by_node = sorted(self.outputs.items(), key=lambda item: (len(item[0]), item[0]))
        return [image for _, output in by_node for image in output.get("images", [])]

    @property
    def saved(self) -> list[dict[str, str]]:
        """The images of SaveImage nodes; of a graph without one, its previews."""
        return [image for image in self.images if image.get("type") == "output"] or self.images

    @property
    def texts(self) -> list[str]:
        """What the graph's Preview as Text nodes show."""
        return [text for output in self.outputs.values() for text in output.get("text", [])]


class Client:
    """One server's API. Errors of a graph come as GraphError; a server that is gone as OSError."""

    def __init__(self, url: str) -> None:
        self.url = url

    def answers(self) -> bool:
        """Whether the server is up."""
        try:
            self.get("/system_stats")
        except OSError:
            return False
        return True

    def get(self, path: str) -> Any:
        """GET a JSON document."""
        return json.loads(self.fetch(path))

    def fetch(self, path: str, timeout: float = 60) -> bytes:
        """GET raw bytes."""
        with urllib.request.urlopen(self.url + path, timeout=timeout) as answer:
            return answer.read()

    def post(self, path: str, document: Any = None) -> Any:
        """POST a JSON document; the answer's JSON, or None if it is empty."""
        body = json.dumps({} if document is None else document).encode()
        request = urllib.request.Request(self.url + path, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text.strip() else None

    def queue(self, graph: Graph, client_id: str = "") -> str:
        """Queue a graph in API format; its prompt id. Raises GraphRefused with the reasons."""
        try:
            return self.post("/prompt", {"prompt": graph, "client_id": client_id})["prompt_id"]
        except urllib.error.HTTPError as refusal:
            raise _refused(refusal) from refusal

    def run(self, graph: Graph, on_event: OnEvent | None = None, timeout: float = 600) -> Result:
        """Queue a graph and wait for its end. `on_event(type, data)` gets every progress message.

        Raises GraphRefused, GraphFailed, GraphInterrupted, or TimeoutError after `timeout` seconds.
        """
        client_id = uuid.uuid4().hex
        with Messages(self.url, client_id) as messages:
            prompt_id = self.queue(graph, client_id)
            deadline = time.monotonic() + timeout
            while time.monotonic() < deadline:
                message = messages.next(2.0)
                if message is None:  # quiet: ask, so that a lost message cannot hang us
                    if self.finished(prompt_id):
                        break
                    continue
                data = message.get("data") or {}
                if data.get("prompt_id", prompt_id) != prompt_id:
                    continue
                if on_event:
                    on_event(message["type"], data)
                if message["type"] in ("execution_success", "execution_error", "execution_interrupted"):
                    break
            else:
                raise TimeoutError(f"The graph did not finish within {timeout:.0f} s.")
        return self.wait(prompt_id, max(10.0, deadline - time.monotonic()))

    def finished(self, prompt_id: str) -> bool:
        """Whether a prompt has run to its end, good or bad."""
        return prompt_id in self.get(f"/history/{prompt_id}")

    def wait(self, prompt_id: str, timeout: float = 600) -> Result:
        """Wait for a queued prompt through the history; same errors as `run`."""
        deadline = time.monotonic() + timeout
        while not self.finished(prompt_id):
            if time.monotonic() > deadline:
                raise TimeoutError(f"The graph did not finish within {timeout:.0f} s.")
            time.sleep(0.05)
        entry = self.get(f"/history/{prompt_id}")[prompt_id]
        for kind, data in entry.get("status", {}).get("messages", []):
            if kind == "execution_error":
                raise GraphFailed(data["exception_message"].strip(), str(data["node_id"]), data)
            if kind == "execution_interrupted":
                raise GraphInterrupted("The run was interrupted.", str(data.get("node_id") or ""), data)
        return Result(prompt_id, entry["outputs"])

    def view(self, image: Mapping[str, str]) -> bytes:
        """The file of an image that a run left behind."""
        return self.fetch("/view?" + urllib.parse.urlencode(image))

    def free(self) -> None:
        """Unload every model and forget cached outputs, as soon as the queue is idle."""
        self.post("/free", {"unload_models": True, "free_memory": True})


class Messages:
    """ComfyUI's progress messages: a websocket (RFC 6455) that reads text and skips previews."""

    def __init__(self, url: str, client_id: str) -> None:
        parts = urllib.parse.urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port or 80), timeout=30)
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET /ws?clientId={client_id} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        head, separator, self._buffer = self._socket.recv(65536).partition(b"\r\n\r\n")
        if b" 101 " not in head.partition(b"\r\n")[0] or not separator:
            raise ConnectionError(f"{url} gave no websocket: {head[:200]!r}")

    def next(self, timeout: float) -> dict[str, Any] | None:
        """The next text message, or None if `timeout` seconds pass without one."""
        deadline = time.monotonic() + timeout
        while True:
            frame = self._frame()
            if frame is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._socket.settimeout(left)
                try:
                    received = self._socket.recv(65536)
                except TimeoutError:
                    return None
                if not received:
                    raise ConnectionError("The server closed the connection.")
                self._buffer += received
                continue
            kind, payload = frame
            if kind == 0x1:
                return json.loads(payload)
            if kind == 0x8:
                raise ConnectionError("The server closed the connection.")
            if kind == 0x9:  # ping: answer with a pong, masked (key 0) as a client must
                self._socket.sendall(bytes((0x8A, 0x80 | len(payload))) + b"\0\0\0\0" + payload)

    def _frame(self) -> tuple[int, bytes] | None:
        """Take one whole frame (opcode, payload) off the buffer; servers send unmasked, unfragmented."""
        data = self._buffer
        if len(data) < 2:
            return None
        size, start = data[1] & 0x7F, 2
        if size >= 126:
            start = 4 if size == 126 else 10
            if len(data) < start:
                return None
            size = struct.unpack(">H" if start == 4 else ">Q", data[2:start])[0]
        if len(data) < start + size:
            return None
        self._buffer = data[start + size :]
        return data[0] & 0x0F, data[start : start + size]

    def __enter__(self) -> Messages:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # the server may have gone first
            self._socket.sendall(b"\x88\x80\0\0\0\0")  # close, masked as a client must
        self._socket.close()


def _refused(refusal: urllib.error.HTTPError) -> GraphRefused:
    """Turn the server's 400 into its reasons: the general one, then each node's."""
    text = refusal.read()
    try:
        answer = json.loads(text)
    except ValueError:
        return GraphRefused(f"HTTP {refusal.code}: {text[:500]!r}")
    error = answer.get("error", {})
    reasons, node = [error.get("message", str(error)) if isinstance(error, dict) else str(error)], ""
    for node_id, problem in (answer.get("node_errors") or {}).items():
        node = node or node_id
        for one in problem["errors"]:
            reasons.append(
                f"{problem['class_type']} (node {node_id}): {one['message']} {one.get('details', '')}".strip()
            )
    return GraphRefused("; ".join(reasons), node, answer)
