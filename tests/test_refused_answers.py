"""What counts as done: no graph that ComfyUI takes in part, no picture of another node or cut off, no server that is not ours."""

import http.server
import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from instdiff.instdiff_modules.evaluation.__main__ import main
from instdiff.instdiff_modules.evaluation.png import png_size
from instdiff.instdiff_modules.evaluation.run_files import RunFolder
from instdiff.instdiff_modules.launcher import occupant, server
from instdiff.instdiff_modules.launcher.client import Client, GraphRefused
from instdiff.instdiff_modules.launcher.errors import Stopped
from instdiff.instdiff_modules.launcher.install import Runtime
from instdiff.instdiff_modules.launcher.server import Server
from instdiff.instdiff_modules.launcher.state import write_state
from instdiff.instdiff_modules.shapeworld.demo_header import demo_slots
from support import synthetic_coco
from support.pack import ROOT
from support.stand_in_comfyui import StandIn, png
from support.stand_in_home import make_comfyui, make_home, processes

SIZE = 64


def node(kind: str, **inputs: object) -> dict:
    return {"class_type": kind, "inputs": inputs}


def workflow(**changed: dict) -> dict:
    """A graph that saves a picture and shows the layout beside it."""
    return {
        "layout": node("InstDiffFromJSON", text=""),
        "base": node("CheckpointLoaderSimple", ckpt_name="a.safetensors"),
        "empty": node("EmptyLatentImage", width=["layout", 2], height=["layout", 3], batch_size=1),
        "sampler": node("KSampler", model=["base", 0], latent_image=["empty", 0], seed=1),
        "picture": node("SaveImage", images=["sampler", 0]),
        "drawing": node("InstDiffPreview", instances=["layout", 0]),
        **changed,
    }


MISSING = {"base": node("CheckpointLoaderSimple", ckpt_name="missing.safetensors")}


def evaluate(folder: Path, url: str, graph: dict, *more: str) -> int:
    (folder / "graph.json").write_text(json.dumps(graph))
    annotations, _ = synthetic_coco.write(folder)
    given = [
        "--annotations",
        annotations,
        "--format",
        "box",
        "--size",
        SIZE,
        "--out",
        folder / "out",
        "--server",
        url,
        "--patience",
        1,
    ]
    return main([str(v) for v in ("coco", *given, "--workflow", folder / "graph.json", *more)])


def kept(folder: Path) -> list[Path]:
    return sorted(RunFolder(folder / "out").pictures.glob("*.png"))


def test_a_graph_that_is_taken_in_part_is_refused_and_taken_back(tmp_path: Path, capsys) -> None:
    with StandIn(seconds=0.3) as there:
        with pytest.raises(
            GraphRefused, match=r"node base\): Value not in list ckpt_name: missing.safetensors"
        ) as refused:
            Client(there.url).run(workflow(**MISSING))
        assert refused.value.node == "base"
        with pytest.raises(GraphRefused, match="seed"):
            Client(there.url).queue(workflow(sampler=node("KSampler", seed=2**70)))
        assert evaluate(tmp_path, there.url, workflow(**MISSING)) == 2 and not kept(tmp_path)
        said = capsys.readouterr().err
        assert "missing.safetensors" in said and "ckpt_name" in said
        time.sleep(0.4)
        assert not there.seeds and not there.waiting, "what ComfyUI would have run was taken back"


def test_only_the_picture_of_the_output_counts(tmp_path: Path, capsys) -> None:
    with StandIn() as there:
        assert evaluate(tmp_path, there.url, workflow()) == 0
        assert [path.read_bytes() for path in kept(tmp_path)] == [
            png(f"picture-{i}-{SIZE}.png") for i in sorted(synthetic_coco.IDS)
        ]
        two = workflow(other=node("SaveImage", images=["sampler", 0]))
        (tmp_path / "two").mkdir()
        assert evaluate(tmp_path / "two", there.url, two) == 2
        assert "2 nodes SaveImage (picture, other): say with --output" in capsys.readouterr().err
        assert (
            evaluate(tmp_path / "two", there.url, two, "--output", "nobody") == 2
            and "no such node" in capsys.readouterr().err
        )
        assert evaluate(tmp_path / "two", there.url, two, "--output", "other") == 0
        assert kept(tmp_path / "two")[0].read_bytes() == png(f"other-139-{SIZE}.png")
        none = {k: v for k, v in workflow().items() if k != "picture"}
        assert evaluate(tmp_path / "two", there.url, none) == 2 and "no Save Image and no" in capsys.readouterr().err


def test_a_picture_that_is_cut_off_is_not_done(tmp_path: Path) -> None:
    with StandIn() as there:
        there.truncated = 2
        assert evaluate(tmp_path, there.url, workflow()) == 0
        first, second, third, _ = kept(tmp_path)
        before, data = [path.read_bytes() for path in kept(tmp_path)], first.read_bytes()
        assert all(png_size(one) == (SIZE, SIZE) for one in before)
        first.write_bytes(data[:-20])
        second.write_bytes(data[:60] + bytes([data[60] ^ 1]) + data[61:])
        third.write_bytes(png("x-32.png"))
        there.taken.clear()
        assert evaluate(tmp_path, there.url, workflow()) == 0 and len(there.taken) == 3
        assert [path.read_bytes() for path in kept(tmp_path)] == before
    for broken in (b"", b"\x89PNG\r\n\x1a\n", data[:33] + data[-12:], data[:40]):
        with pytest.raises(ValueError, match="PNG file"):
            png_size(broken)


# Who is there


class Html(http.server.BaseHTTPRequestHandler):
    says = b"<html>hello</html>"

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.says)

    def log_message(self, *_: object) -> None:
        pass


class Json(Html):
    says = b'{"status": "ok", "system": 3}'


class Nested(Html):
    says = b"[" * 100_000


class Trickle(Html):
    def do_GET(self) -> None:
        for _ in range(100):
            self.wfile.write(b"H")
            time.sleep(0.1)


@pytest.mark.parametrize("handler, seconds, words", [
    (Html, 60, "a web server that is not ComfyUI"), (Json, 60, "a web server that is not ComfyUI"), (Nested, 60, "a web server that is not ComfyUI"),
    (Trickle, 0.5, "a program that answers nothing"),
])  # fmt: skip
def test_a_web_server_on_the_port_is_named(
    handler: type, seconds: float, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(occupant, "SECONDS", seconds)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as there:
        there.daemon_threads = True
        threading.Thread(target=there.serve_forever, args=(0.01,), daemon=True).start()
        assert occupant.occupant(there.server_port).words == words
        with pytest.raises(Stopped, match=f"Port {there.server_port} is taken by {words}. Choose another --port"):
            server.check_port(there.server_port)
        there.shutdown()


def test_other_programs_and_comfyuis_on_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    assert occupant.occupant(server.free_port()) is None and occupant.SECONDS < 5
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        assert occupant.occupant(port).words == "a program that answers nothing", "bound, but not listening"
        silent.listen()
        monkeypatch.setattr(occupant, "SECONDS", 0.5)
        assert occupant.occupant(port).words == "a program that answers nothing"
    monkeypatch.undo()
    with StandIn() as there:
        assert occupant.occupant(there.server_port).instdiff
        with pytest.raises(Stopped, match=r"a ComfyUI with InstDiff\. Choose another"):
            server.check_port(there.server_port)
        with pytest.raises(Stopped, match=rf"runs there already: open {there.url}/\?template=demo"):
            server.check_port(there.server_port, "?template=demo")
        there.instdiff = False
        assert occupant.occupant(there.server_port).words == "another ComfyUI, without InstDiff"


@pytest.mark.skipif(sys.platform != "linux", reason="the home is made of shell scripts")
def test_quickstart_sends_nothing_to_a_stranger_and_starts_nothing(tmp_path: Path) -> None:
    make_home(tmp_path / "home")
    with StandIn() as there:
        for command, words in (
            ("demo", "is taken by a ComfyUI with InstDiff"),
            ("serve", f"open {there.url}/?template=01-Start-here"),
        ):
            done = quickstart(tmp_path, command, "--port", there.server_port)
            assert done.returncode == 1 and words in done.stderr and "Traceback" not in done.stderr, done.stderr
            assert "Starting" not in done.stdout and "Installing" not in done.stdout
        assert not there.taken


@pytest.mark.skipif(sys.platform != "linux", reason="the home is made of shell scripts")
def test_serve_offers_the_editor_that_runs_already(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_home(tmp_path / "home")
    with StandIn() as there:
        write_state(tmp_path / "home" / server.SERVED, {"port": there.server_port})
        done = quickstart(tmp_path, "serve", "--no-browser")
        assert done.returncode == 1 and f"runs already: open {there.url}/?template=01-Start-here" in done.stderr
        assert "give it a --port" in done.stderr and "Starting" not in done.stdout
        monkeypatch.setattr(server, "USUAL_PORT", there.server_port)
        with pytest.raises(Stopped, match=f"open {there.url}/"):
            server.check_none_serves(tmp_path / "nobody", "")
        there.instdiff = False
        server.check_none_serves(tmp_path / "home", "")
    for port in ("no", 3.0, None, 2**20, True):
        write_state(tmp_path / "home" / server.SERVED, {"port": port})
        monkeypatch.setattr(server, "USUAL_PORT", server.free_port())
        server.check_none_serves(tmp_path / "home", "")


def test_a_comfyui_that_takes_the_port_in_between_gets_no_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "check_port", lambda port: None)
    comfyui = make_comfyui(tmp_path / "comfyui")
    (comfyui / "main.py").write_text("import time\ntime.sleep(60)\n")
    runtime = Runtime(Path(sys.executable), comfyui, gpu=False)
    with StandIn() as there:
        with pytest.raises(Stopped, match=f"Another ComfyUI took port {there.server_port} while ours started"):
            Server(runtime, tmp_path, tmp_path / "log" / "server.log", there.server_port).start()
        assert not processes(str(comfyui)) if sys.platform == "linux" else True


def quickstart(folder: Path, *args: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "quickstart.py"), *map(str, args), "--home", str(folder / "home"), "--cpu"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


# More instances than the demo's model takes


@pytest.mark.skipif(sys.platform != "linux", reason="the home is made of shell scripts")
def test_too_many_instances_are_told_before_anything_starts_and_the_first_ones_are_drawn(tmp_path: Path) -> None:
    make_home(tmp_path / "home", pip=0)
    layout, most = tmp_path / "many.json", demo_slots()
    many = [
        {"id": f"i{i}", "prompt": "a red star", "box": [0.9 * i / most, 0.1, 0.9 * i / most + 0.1, 0.3]}
        for i in range(most + 1)
    ]
    layout.write_text(json.dumps({"version": 1, "width": SIZE, "height": SIZE, "instances": many}))
    done = quickstart(tmp_path, "run", "--layout", layout)
    assert (
        done.returncode == 1 and f"has {most + 1} instances, but the demo's model takes at most {most}" in done.stderr
    )
    assert f"--first {most}" in done.stderr and "Starting" not in done.stdout
    done = quickstart(tmp_path, "run", "--layout", layout, "--first", most)
    assert done.returncode == 0 and done.stdout.count("Picture: ") == 1, done.stderr
    layout.write_text('{"version": 1, "instances": 3}')
    done = quickstart(tmp_path, "run", "--layout", layout)
    assert done.returncode == 1 and "many.json" in done.stderr and "Starting" not in done.stdout
