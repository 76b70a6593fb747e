"""A real ComfyUI server for tests: folders of its own, the pack linked in, random weights to load."""

import hashlib
import io
import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from instdiff.instdiff_modules.launcher import install
from instdiff.instdiff_modules.launcher.client import GraphError, Result
from instdiff.instdiff_modules.launcher.server import Server
from PIL import Image
from support.environment import comfyui_folder, home, steps
from support.pack import ROOT
from support.random_weights import write_random_files

API_GRAPHS = ROOT / "tests" / "api"
ANSWERS = ROOT / "tests" / "data" / "answers"  # of language models, recorded
Graph = dict[str, dict[str, Any]]


class ComfyServer(Server):
    """A server with what tests ask of it. `base` holds input/, output/, models/ and custom_nodes/."""

    def run(self, graph: Mapping[str, Any], timeout: float = 300) -> Result:
        """Run a graph to its end; raises GraphRefused, GraphFailed or GraphInterrupted (instdiff_modules/launcher/client.py)."""
        return self.client.run(graph, timeout=timeout)

    def images(self, graph: Mapping[str, Any]) -> list[np.ndarray]:
        """Run a graph and return its pictures, each (height, width, 3) in 0..255."""
        return [self.image(image) for image in self.run(graph).images]

    def image(self, image: Mapping[str, str]) -> np.ndarray:
        """One picture that a run left behind: (height, width, 3), uint8."""
        with Image.open(io.BytesIO(self.client.view(image))) as picture:
            return np.asarray(picture.convert("RGB"))

    def error(self, graph: Mapping[str, Any]) -> GraphError:
        """The error that a graph ends with; an AssertionError if it runs."""
        try:
            self.run(graph)
        except GraphError as error:
            return error
        raise AssertionError("the graph ran, but an error was expected")

    def put_input(self, name: str, pixels: np.ndarray) -> str:
        """Write a picture (height, width[, channels], uint8) into input/, for LoadImage; its name."""
        Image.fromarray(pixels).save(self.base / "input" / name)
        return name

    def log_text(self) -> str:
        """Everything the server has said so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def node_ids(self) -> set[str]:
        """Every node the server knows."""
        return set(self.client.get("/object_info"))


def start_server(
    folder: Path, version: str = install.NEWEST, extra: Iterable[str] = (), nodes: Iterable[str] = ()
) -> ComfyServer:
    """A server to use in a `with`, on empty folders under `folder` and on the CPU; beside the pack it has the tests' own nodes.

    nodes: files of this folder that are loaded besides.
    """
    base = folder / "base"
    for name in ("custom_nodes", "input", "output", "temp", "user"):
        (base / name).mkdir(parents=True)
    install.link_folder(ROOT, base / "custom_nodes" / install.PACK_FOLDER)
    for name in ("tensor_bytes.py", "stand_in_text.py", *nodes):
        source = Path(__file__).with_name(name).read_text(encoding="utf-8")
        (base / "custom_nodes" / name).write_text(source.replace("@ANSWERS@", str(ANSWERS)), encoding="utf-8")
    link_models(base / "models")
    python = Path(os.environ.get("INSTDIFF_COMFYUI_PYTHON") or sys.executable)
    runtime = install.Runtime(python, comfyui_folder(version), gpu=False)
    return ComfyServer(runtime, base, folder / "server.log", extra=("--disable-api-nodes", *extra))


def make_random_weights() -> None:
    """Write the small random checkpoints into the home folder's models unless they are there already."""
    sources = [Path(__file__).with_name(name) for name in ("random_weights.py", "sd15_shapes.py")]
    key = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    stamp = home() / "models" / "instdiff-random-weights.txt"
    with install.one_at_a_time(home(), steps().say):
        if not stamp.exists() or stamp.read_text() != key:
            write_random_files(home() / "models")
            stamp.write_text(key)


def link_models(models: Path) -> None:
    """A models folder of the test's own, in which the random weights are links to the shared files."""
    make_random_weights()
    for name in ("checkpoints", "instdiff"):
        (models / name).mkdir(parents=True)
        for path in (home() / "models" / name).glob("*.safetensors"):
            (models / name / path.name).symlink_to(path.resolve())


def api_graph(name: str) -> Graph:
    """A workflow in API format from tests/api/."""
    return json.loads((API_GRAPHS / f"{name}.json").read_text(encoding="utf-8"))


def small_demo(steps: int = 4, seed: int = 1, file: str = "test") -> Graph:
    """tests/api/box.json at 128 x 128; `file` is the picture's name (another one makes SaveImage run again).

    Nodes: 1 checkpoint, 2 InstDiff weights, 3 layout, 4 Apply, 5 and 6 prompts, 7 latent, 8 sampler, 9 VAE, 10 picture.
    """
    graph = api_graph("box")
    layout = json.loads(graph["3"]["inputs"]["text"])
    graph["3"]["inputs"]["text"] = json.dumps({**layout, "width": 128, "height": 128})
    graph["8"]["inputs"] |= {"steps": steps, "seed": seed}
    graph["10"]["inputs"]["filename_prefix"] = file
    return graph
