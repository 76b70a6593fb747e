"""A run can be cancelled in the middle of sampling, the next one is whole, and memory does not grow."""

import threading
import time

import pytest
from instdiff.launcher.client import GraphInterrupted
from support.server import ComfyServer, small_demo

pytestmark = pytest.mark.comfy


def test_cancelled_in_the_branches_and_queued_again_gives_the_whole_picture(server: ComfyServer) -> None:
    (whole,) = server.images(small_demo(seed=11))
    steps: list[int] = []

    def cancel_at_the_second_step(kind: str, data: dict) -> None:
        if kind == "progress":
            steps.append(data["value"])
            if data["value"] == 2:
                server.client.interrupt()

    # 0.9 of 100 steps in branches: the second step is one of theirs
    long = small_demo(100, seed=12)
    long["8"]["inputs"]["share"] = 0.9
    with pytest.raises(GraphInterrupted):
        server.client.run(long, cancel_at_the_second_step)
    assert max(steps) < 50, "it went on after it was cancelled"
    again = small_demo(seed=11, file="after-cancel")
    again["4"]["inputs"]["end"] = 0.8000001  # not from the cache: Apply and the sampler run anew
    (picture,) = server.images(again)
    assert (picture == whole).all()


def test_a_queued_run_that_has_not_started_can_be_cancelled_too(server: ComfyServer) -> None:
    running = threading.Thread(target=lambda: pytest.raises(GraphInterrupted, server.run, small_demo(200, seed=13)))
    running.start()
    while not server.client.get("/queue")["queue_running"]:
        time.sleep(0.05)
    waiting = server.client.queue(small_demo(200, seed=14))
    server.client.post("/queue", {"delete": [waiting]})
    server.client.interrupt()
    running.join(60)
    assert not running.is_alive()
    queue = server.client.get("/queue")
    assert not queue["queue_running"] and not queue["queue_pending"]


def test_memory_does_not_grow_over_five_runs(server: ComfyServer) -> None:
    used = []
    for seed in range(20, 27):
        graph = small_demo(2, seed)
        graph["3"]["inputs"]["text"] = graph["3"]["inputs"]["text"].replace("red fox", f"red fox {seed}")
        server.run(graph)
        used.append(server.resident_bytes() / 2**20)
    # the first two fill caches; a leak of one layout's tokens or of a model's clone would show in every later one
    assert used[-1] - used[1] < 40, f"MB after each run: {[round(u) for u in used]}"
