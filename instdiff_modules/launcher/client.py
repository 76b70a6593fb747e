"""ComfyUI's HTTP API, with the standard library alone."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..commands.names import shown
from .messages import Messages
from .occupant import is_comfyui, open_url

STATS_SECONDS = 5.0
LONGEST_REASON = 240  # characters

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
        return [image for node, _ in by_node for image in self.images_of(node)]

    def images_of(self, node: str) -> list[dict[str, str]]:
        """The images of one node."""
        images = self.outputs.get(node, {}).get("images")
        return [image for image in images or [] if isinstance(image, dict)]

    @property
    def saved(self) -> list[dict[str, str]]:
        """The images of SaveImage nodes; of a graph without one, its previews."""
        return [image for image in self.images if image.get("type") == "output"] or self.images

    @property
    def texts(self) -> list[str]:
        """What the graph's Preview as Text nodes show."""
        return [str(text) for output in self.outputs.values() for text in output.get("text") or []]


class ServerGone(OSError):
    """The server does not answer, broke off in the middle, or answers something else than ComfyUI would."""


class Client:
    """One server's API. Errors of a graph come as GraphError; a server that is gone as OSError."""

    def __init__(self, url: str) -> None:
        self.url = url

    def stats(self) -> dict[str, Any] | None:
        """What ComfyUI says of itself; None if none answers there now."""
        try:
            stats = self.get("/system_stats", STATS_SECONDS)
        except OSError:
            return None
        return stats if is_comfyui(stats) else None

    def answers(self) -> bool:
        """Whether a ComfyUI is there now."""
        return self.stats() is not None

    def get(self, path: str, timeout: float = 60) -> Any:
        """GET a JSON document."""
        return self._json(self.fetch(path, timeout))

    def fetch(self, path: str, timeout: float = 60) -> bytes:
        """GET raw bytes."""
        return self._open(self.url + path, timeout)

    def post(self, path: str, document: Any = None) -> Any:
        """POST a JSON document; the answer's JSON, or None if it is empty."""
        body = json.dumps({} if document is None else document).encode()
        request = urllib.request.Request(self.url + path, body, {"Content-Type": "application/json"})
        text = self._open(request, 60)
        return self._json(text) if text.strip() else None

    def queue(self, graph: Graph, client_id: str = "") -> str:
        """Queue a graph in API format; its prompt id. Raises GraphRefused with the reasons, also where ComfyUI would run a part."""
        try:
            answer = self.post("/prompt", {"prompt": graph, "client_id": client_id})
        except urllib.error.HTTPError as refusal:
            raise _refused(refusal, graph) from refusal
        prompt_id = answer.get("prompt_id") if isinstance(answer, dict) else None
        if not isinstance(prompt_id, str):
            raise ServerGone(f"{self.url} does not answer as ComfyUI does")
        if answer.get("node_errors"):  # it took the outputs that are valid and leaves the others out
            self.withdraw(prompt_id)
            raise GraphRefused(*_reasons(answer, graph), answer)
        return prompt_id

    def withdraw(self, prompt_id: str) -> None:
        """Take a prompt off the server, and nothing else: others may use it too."""
        with contextlib.suppress(OSError):
            self.post("/queue", {"delete": [prompt_id]})
            self.post("/interrupt", {"prompt_id": prompt_id})

    def _open(self, request: str | urllib.request.Request, timeout: float) -> bytes:
        try:
            with open_url(request, timeout) as answer:
                return answer.read()
        except http.client.HTTPException as problem:
            raise ServerGone(f"{self.url} broke off in the middle of an answer") from problem

    def _json(self, text: bytes) -> Any:
        try:
            return json.loads(text)  # not strictly: ComfyUI itself writes Infinity
        except (ValueError, RecursionError) as problem:
            raise ServerGone(f"{self.url} does not answer as ComfyUI does") from problem

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
                data = message.get("data")
                data = data if isinstance(data, dict) else {}
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
        history = self.get(f"/history/{prompt_id}")
        if not isinstance(history, dict):
            raise ServerGone(f"{self.url} does not answer as ComfyUI does")
        return prompt_id in history

    def wait(self, prompt_id: str, timeout: float = 600) -> Result:
        """Wait for a queued prompt through the history; same errors as `run`."""
        deadline = time.monotonic() + timeout
        while not self.finished(prompt_id):
            if time.monotonic() > deadline:
                raise TimeoutError(f"The graph did not finish within {timeout:.0f} s.")
            time.sleep(0.05)
        try:
            entry = self.get(f"/history/{prompt_id}")[prompt_id]
            status = entry.get("status") or {}
            messages = [(kind, data) for kind, data in status.get("messages") or [] if isinstance(data, dict)]
            outputs = dict(entry["outputs"])
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            raise ServerGone(f"{self.url} does not answer as ComfyUI does") from problem
        for kind, data in messages:
            if kind == "execution_error":
                raise GraphFailed(str(data.get("exception_message")).strip(), str(data.get("node_id") or ""), data)
            if kind == "execution_interrupted":
                raise GraphInterrupted("The run was interrupted.", str(data.get("node_id") or ""), data)
        if status.get("status_str") == "error":
            raise GraphFailed("ComfyUI says only that it failed.", "", entry)
        return Result(prompt_id, {node: output for node, output in outputs.items() if isinstance(output, dict)})

    def view(self, image: Mapping[str, str]) -> bytes:
        """The file of an image that a run left behind."""
        return self.fetch("/view?" + urllib.parse.urlencode(image))

    def free(self) -> None:
        """Unload every model and forget cached outputs, as soon as the queue is idle."""
        self.post("/free", {"unload_models": True, "free_memory": True})


def _refused(refusal: urllib.error.HTTPError, graph: Graph) -> GraphRefused:
    """Turn the server's 400 into its reasons. What is no answer of ComfyUI has no details."""
    text = refusal.read()
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        return GraphRefused(f"HTTP {refusal.code}, and no reason that ComfyUI would give")
    return GraphRefused(*_reasons(answer, graph), answer)


def _reasons(answer: Mapping[str, Any], graph: Graph) -> tuple[str, str]:
    """What ComfyUI found wrong, each node and input by name, and the id of the first node."""
    reasons, first = [], ""
    problems = answer.get("node_errors")
    for node_id, problem in problems.items() if isinstance(problems, dict) else ():
        first = first or str(node_id)
        entry = graph.get(node_id, {})
        kind = problem.get("class_type") if isinstance(problem, dict) else None
        title = entry.get("_meta", {}).get("title") or kind or entry.get("class_type")
        for one in (problem.get("errors") if isinstance(problem, dict) else None) or [{}]:
            given = (one.get("extra_info") or {}).get("input_name")
            details = str(one.get("details") or "")
            where = "" if not given or details.startswith(given) else f", input {given}"
            reasons.append(f"{title} (node {node_id}{where}): {one.get('message', 'refused')} {details}".strip())
    if not reasons or not first:
        error = answer.get("error")
        said = error.get("message", error) if isinstance(error, dict) else error
        details = error.get("details") if isinstance(error, dict) else ""
        reasons = [f"{said} {details or ''}".strip()]
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return shown(reasons[0], LONGEST_REASON) + more, first
