"""Run an API graph of tests/api/ in the real server, and look at its latents and pictures."""

import copy
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file
from support.server import ComfyServer, Graph, Result


class Outcome(NamedTuple):
    """By the id of the node that was saved: latents (B, 4, H/8, W/8), and pictures (height, width, 3) in 0..255."""

    latents: dict[str, torch.Tensor]
    pictures: dict[str, list[np.ndarray]]

    @property
    def latent(self) -> torch.Tensor:
        """What the node `sampler` made."""
        return self.latents["sampler"]

    @property
    def picture(self) -> np.ndarray:
        """The first picture of the node `picture`."""
        return self.pictures["picture"][0]


class Bench:
    """A server that runs each graph once: tests that look at the same graph share what it made."""

    def __init__(self, server: ComfyServer) -> None:
        self.server = server
        self._known: dict[str, Outcome] = {}

    def run(self, graph: Graph) -> Outcome:
        """What a graph makes, from the first time it was run here."""
        key = json.dumps(graph)
        if key not in self._known:
            self._known[key] = outcome(self.server, graph, self.server.run(graph))
        return self._known[key]


def outcome(server: ComfyServer, graph: Graph, result: Result) -> Outcome:
    """Fetch a run's files; a latent goes by the node that SaveLatent is linked to, a picture by the node that saved it."""
    latents, pictures = {}, {}
    for node, output in result.outputs.items():
        for file in output.get("latents", ()):
            path = server.base / file["type"] / file["subfolder"] / file["filename"]
            latents[graph[node]["inputs"]["samples"][0]] = load_file(path)["latent_tensor"]
        if "images" in output:
            pictures[node] = [server.image(image) for image in output["images"]]
    return Outcome(latents, pictures)


def changed(graph: Graph, **inputs: Mapping[str, Any]) -> Graph:
    """A copy of the graph: node id = {input: value}."""
    graph = copy.deepcopy(graph)
    for node, values in inputs.items():
        graph[node]["inputs"].update(values)
    return graph


def rewired(graph: Graph, old: str, new: str) -> Graph:
    """A copy in which every link to output 0 of node `old` comes from output 0 of `new`; `old` is gone."""
    graph = copy.deepcopy(graph)
    del graph[old]
    for node in graph.values():
        for name, value in node["inputs"].items():
            if value == [old, 0]:
                node["inputs"][name] = [new, 0]
    return graph


def without_instdiff(graph: Graph) -> Graph:
    """The graph of a person who does not have the pack: plain nodes alone, the layout's words typed in."""
    graph = rewired(graph, "apply", "checkpoint")
    known = {("layout", 1): "a snowy forest", ("layout", 2): 192, ("layout", 3): 128}
    for node in graph.values():
        for name, value in node["inputs"].items():
            if isinstance(value, list) and tuple(value) in known:
                node["inputs"][name] = known[tuple(value)]
    graph = {node_id: node for node_id, node in graph.items() if node_id not in ("weights", "layout")}
    assert not any(node["class_type"].startswith("InstDiff") for node in graph.values())
    return graph


def distance(one: torch.Tensor, other: torch.Tensor) -> float:
    """Largest difference of two latents; an error if their shapes differ (nothing is broadcast)."""
    assert one.shape == other.shape
    return (one - other).abs().max().item()


def alive(latent: torch.Tensor, *shape: int) -> bool:
    """Whether a latent has the shape, is finite, and neither flat nor blown up."""
    assert tuple(latent.shape) == shape
    return bool(torch.isfinite(latent).all()) and 0.1 < latent.std().item() < 100


def drawn(picture: np.ndarray, height: int, width: int) -> bool:
    """Whether a picture has the size and shows something: many values, few of them at the ends of the scale."""
    assert picture.shape == (height, width, 3)
    return picture.std() > 5 and bool(((picture > 0) & (picture < 255)).mean() > 0.5)
