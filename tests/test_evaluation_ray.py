"""The evaluation shared by Ray: a cluster of two machines on this one, of which one is killed in the middle."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from instdiff.instdiff_modules.evaluation.png import png_size
from instdiff.instdiff_modules.evaluation.run_files import RunFolder
from support import synthetic_coco
from support.pack import ROOT
from support.stand_in_comfyui import StandIn
from support.stand_in_home import wait_until

pytest.importorskip("ray", reason="Ray is not installed: pip has none for this Python or system")
IDS = tuple(range(1, 17))
SIZE = 64
# A machine that is gone is noticed at once; nothing is started before it is needed.
QUICK = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 300, "health_check_failure_threshold": 2}
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_enable_worker_prestart": "0",
    "RAY_prestart_worker_first_driver": "0",
}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    from ray.cluster_utils import Cluster

    memory = {"num_cpus": 0, "object_store_memory": 80 * 2**20, "include_log_monitor": False}
    cluster = Cluster(
        initialize_head=True,
        head_node_args={**memory, "include_dashboard": False, "no_monitor": True, "_system_config": QUICK},
    )
    yield cluster, cluster.add_node(**memory)
    cluster.shutdown()


def kept(folder: RunFolder) -> list[Path]:
    return list(folder.pictures.glob("*.png"))


def test_a_machine_that_dies_costs_what_was_in_flight(tmp_path: Path, cluster: Any) -> None:
    (ray, second), folder = cluster, RunFolder(tmp_path / "out")
    annotations, _ = synthetic_coco.write(tmp_path, IDS)
    with StandIn(seconds=0.1) as server, (tmp_path / "said.txt").open("w+") as said:
        given = {
            "annotations": annotations,
            "format": "box",
            "size": SIZE,
            "out": folder.path,
            "server": server.url,
            "patience": 1,
            "ray": ray.address,
        }
        command = [sys.executable, "-m", "instdiff_modules.evaluation", "coco"]
        command += [str(part) for key, value in given.items() for part in (f"--{key}", value)]
        running = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **SETTINGS}, stderr=said, stdout=said)
        assert wait_until(lambda: len(kept(folder)) >= 4 or running.poll() is not None, 90)
        in_flight = len(server.waiting)
        ray.remove_node(second, allow_graceful=False)
        code = running.wait(90)
        said.seek(0)
        words = said.read()
    assert code == 0 and words.count("goes to another server") <= 1, words
    assert {path.stem for path in kept(folder)} == {f"{i:012}" for i in IDS}
    assert all(png_size(path.read_bytes()) == (SIZE, SIZE) for path in kept(folder))
    times = Counter(server.taken)
    assert in_flight <= 2 and set(times) == set(IDS) and times.total() <= len(IDS) + 1, "nothing is lost, or done twice"
