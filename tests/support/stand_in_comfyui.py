"""A program that answers as ComfyUI does and paints at once: for tests that start, stop and kill servers. Standard library alone.

As a script it stands for ComfyUI's main.py (--port N; what else is given is only repeated in /system_stats). Every picture that
it finishes is a line in the file that the environment's STAND_IN_LOG names: the seed. STAND_IN_SECONDS is what one takes.
A checkpoint "missing.safetensors" and a seed above 2 ** 64 - 1 are refused; the outputs that need neither would run, as with ComfyUI.
"""

import hashlib
import http.server
import json
import os
import struct
import sys
import threading
import time
import uuid
import zlib
from typing import Any

SHOWN = ("SaveImage", "PreviewImage", "InstDiffPreview")


class StandIn(http.server.ThreadingHTTPServer):
    """`with StandIn() as server:` serves at server.url until it is left."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int = 0, argv: tuple[str, ...] = (), seconds: float = 0.02, log: str = "") -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.argv, self.seconds, self.log = list(argv), seconds, log
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.waiting: list[tuple[str, dict[str, Any]]] = []
        self.history: dict[str, Any] = {}
        self.taken: list[int] = []  # seeds of what was queued, and of what was finished
        self.seeds: list[int] = []
        self.instdiff = True
        self.truncated = 0  # pictures that are still to be cut off when they are fetched
        self.changed = threading.Condition()

    def __enter__(self) -> "StandIn":
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        threading.Thread(target=self.paint_all, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def paint_all(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.waiting)
                prompt, graph = self.waiting[0]
            time.sleep(self.seconds)
            with self.changed:
                if not self.waiting or self.waiting[0][0] != prompt:
                    continue  # taken back
                seed = seed_of(graph)
                if self.log:
                    with open(self.log, "a", encoding="utf-8") as file:
                        file.write(f"{seed}\n")
                self.seeds.append(seed)
                shown = [node for node, entry in graph.items() if entry["class_type"] in SHOWN]
                kinds = {n: "output" if graph[n]["class_type"] == "SaveImage" else "temp" for n in shown}
                sizes = [n["inputs"].get("width") for n in graph.values() if n["class_type"] == "EmptyLatentImage"]
                size = sizes[0] if sizes and type(sizes[0]) is int else 64
                outputs = {
                    n: {"images": [{"filename": f"{n}-{seed}-{size}.png", "subfolder": "", "type": kinds[n]}]}
                    for n in shown
                }
                status = {"status_str": "success", "completed": True, "messages": []}
                self.history[prompt] = {"outputs": outputs, "status": status}
                self.waiting.pop(0)
                self.changed.notify_all()

    def take(self, graph: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """ComfyUI's answer to a graph: status, JSON."""
        errors = {node: problem for node, entry in graph.items() if (problem := problem_of(entry))}
        outputs = {node for node, entry in graph.items() if entry["class_type"] in SHOWN}
        refused = {node for node in outputs if above(graph, node) & set(errors)}
        if outputs == refused and errors:
            return 400, {"error": {"message": "Prompt outputs failed validation", "details": ""}, "node_errors": errors}
        prompt = str(uuid.uuid4())
        with self.changed:
            self.taken.append(seed_of(graph))
            self.waiting.append((prompt, {node: entry for node, entry in graph.items() if node not in refused}))
            self.changed.notify_all()
        return 200, {"prompt_id": prompt, "number": 1, "node_errors": errors}


def seed_of(graph: dict[str, Any]) -> int:
    return next((n["inputs"]["seed"] for n in graph.values() if "seed" in n["inputs"]), 0)


def problem_of(entry: dict[str, Any]) -> dict[str, Any] | None:
    """What ComfyUI says of a node whose inputs it does not take."""
    for name, wrong in (
        ("ckpt_name", lambda v: v == "missing.safetensors"),
        ("seed", lambda v: type(v) is int and v >= 2**64),
    ):
        if wrong(entry["inputs"].get(name)):
            error = {
                "message": "Value not in list",
                "details": f"{name}: {entry['inputs'][name]}",
                "extra_info": {"input_name": name},
            }
            return {"class_type": entry["class_type"], "errors": [error], "dependent_outputs": []}
    return None


def above(graph: dict[str, Any], node: str) -> set[str]:
    """A node and all that it is made of."""
    found, left = set(), [node]
    while left:
        one = left.pop()
        if one in graph and one not in found:
            found.add(one)
            left += [v[0] for v in graph[one]["inputs"].values() if isinstance(v, list)]
    return found


def png(name: str) -> bytes:
    """A picture of the size that its name ends with, of a colour that depends on the name."""
    size = int(name.rpartition("-")[2].partition(".")[0])
    color = hashlib.sha256(name.encode()).digest()[:3]
    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress((b"\0" + color * size) * size)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


class Handler(http.server.BaseHTTPRequestHandler):
    server: StandIn

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        here = self.server
        if path == "/system_stats":
            self.answer(200, {"system": {"comfyui_version": "0.30.0", "argv": here.argv}, "devices": []})
        elif path.startswith("/object_info"):
            self.answer(200, {"InstDiffApply": {}} if here.instdiff else {})
        elif path.startswith("/history"):
            with here.changed:
                entry = here.history.get(path.rpartition("/")[2])
            self.answer(200, {path.rpartition("/")[2]: entry} if entry else {})
        elif path == "/queue":
            with here.changed:
                self.answer(200, {"queue_running": [[0, p, {}] for p, _ in here.waiting], "queue_pending": []})
        elif path == "/view":
            data = png(query.partition("filename=")[2].partition("&")[0])
            cut, here.truncated = here.truncated > 0, max(here.truncated - 1, 0)
            self.write(200, data[: len(data) // 2] if cut else data)
        elif path == "/ws":
            self.send_response(101)
            self.end_headers()
            self.wfile.flush()
            self.tell()
        else:
            self.answer(404, {})

    def do_POST(self) -> None:
        document = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
        here = self.server
        if self.path == "/prompt":
            self.answer(*here.take(document["prompt"]))
        elif self.path == "/queue":
            with here.changed:
                here.waiting[:] = [one for one in here.waiting if one[0] not in document.get("delete", [])]
            self.answer(200, {})
        else:
            self.answer(200, {})

    def tell(self) -> None:
        """Progress messages: a short one for every prompt that is done."""
        told: set[str] = set()
        while True:
            with self.server.changed:
                self.server.changed.wait(0.2)
                new = set(self.server.history) - told
            told |= new
            for prompt in new:
                text = json.dumps({"type": "execution_success", "data": {"prompt_id": prompt}}).encode()
                self.wfile.write(bytes((0x81, len(text))) + text if len(text) < 126 else b"")
            self.wfile.flush()

    def answer(self, status: int, document: Any) -> None:
        self.write(status, json.dumps(document).encode())

    def write(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    port = int(sys.argv[sys.argv.index("--port") + 1])
    seconds, log = float(os.environ.get("STAND_IN_SECONDS", "0.02")), os.environ.get("STAND_IN_LOG", "")
    with StandIn(port, tuple(sys.argv), seconds, log):
        threading.Event().wait()


if __name__ == "__main__":
    main()
