#!/usr/bin/env python3
"""Try InstDiff on a machine that has Python and pip, and nothing else.

    python3 quickstart.py                        install (once), make the demo picture, print its path
    python3 quickstart.py serve                  open the demo in ComfyUI's editor; Ctrl+C ends it
    python3 quickstart.py run --layout FILE      make a picture from a layout document
    python3 quickstart.py test                   run every test

Everything is kept in one folder outside the pack (--home); delete it to undo everything.
With --comfyui PATH an installation that is already there is used instead.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import subprocess
import sys
import time
import webbrowser
from pathlib import Path

if sys.version_info < (3, 10):  # before our own imports, which an older Python cannot even read
    sys.exit(
        "ComfyUI needs Python 3.10 to 3.14, but this is Python %d.%d. Install a newer one (python.org) and "
        "start quickstart.py with it, for example: python3.12 quickstart.py" % sys.version_info[:2]
    )

from instdiff_modules.launcher import existing, install, testing
from instdiff_modules.launcher import graph as graphs
from instdiff_modules.launcher.errors import Stopped
from instdiff_modules.launcher.install import FIRST_TEMPLATE, PACK, Runtime
from instdiff_modules.launcher.machine import check_python
from instdiff_modules.launcher.progress import Progress
from instdiff_modules.launcher.server import Server
from instdiff_modules.launcher.steps import Steps, clean_environment

SHAPES_ONLY = "Note: the demo's model knows coloured shapes only. For other things put real weights in place (see README.md) and give --workflow."


def say(line: str) -> None:
    """One line for the user, at once."""
    print(line, flush=True)


def arguments(argv: list[str]) -> argparse.Namespace:
    """Parse the command line; no command means the demo."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--home", type=Path, default=None, metavar="DIR", help="where everything is kept")
    common.add_argument(
        "--comfyui", type=Path, default=None, metavar="PATH", help="use this ComfyUI; it is not changed"
    )
    common.add_argument(
        "--python", type=Path, default=None, metavar="EXE", help="the Python of --comfyui, if not found"
    )
    common.add_argument("--cpu", action="store_true", help="do not use the GPU")
    common.add_argument("--port", type=int, default=0, help="the server's port (default: any free one)")
    picture = argparse.ArgumentParser(add_help=False)
    picture.add_argument("--seed", type=int, default=None, help="0 or more; the workflow's own if not given")
    picture.add_argument("--out", type=Path, default=None, metavar="DIR", help="where pictures go")
    parser = argparse.ArgumentParser(
        prog="quickstart.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("demo", parents=[common, picture], help="make the demo picture (the default)")
    serve = commands.add_parser("serve", parents=[common], help="open the editor in the browser")
    serve.add_argument("--no-browser", action="store_true", help="only print the address")
    run = commands.add_parser("run", parents=[common, picture], help="make a picture from a layout document")
    run.add_argument("--layout", type=Path, required=True, metavar="FILE", help="a layout document (JSON)")
    run.add_argument("--workflow", type=Path, default=graphs.DEMO, metavar="FILE", help="a workflow in API format")
    train = commands.add_parser("train", parents=[common], help="train on your own pictures (web/about/training.md)")
    train.add_argument("--config", type=Path, required=True, metavar="FILE", help="what to train, and on what")
    train.add_argument("--dry-run", action="store_true", help="say what would be trained, and train nothing")
    test = commands.add_parser("test", parents=[common], help="run every test; what follows -- goes to pytest")
    test.add_argument("pytest", nargs="*", metavar="-- ARGS", help=argparse.SUPPRESS)
    if not argv or (argv[0].startswith("-") and argv[0] not in ("-h", "--help")):
        argv = ["demo", *argv]
    options = parser.parse_args(argv)
    if getattr(options, "seed", None) is not None and options.seed < 0:
        parser.error(f"--seed must be 0 or more, but is {options.seed}")
    if options.python and not options.comfyui:
        parser.error("--python says which Python runs --comfyui PATH, so it needs --comfyui as well")
    return options


def main(argv: list[str]) -> int:
    """Run one command; the exit code."""
    options = arguments(argv)
    check_python(sys.version_info[:2])
    home = (options.home or install.default_home()).expanduser().resolve()
    if home == PACK or PACK in home.parents:
        raise Stopped(f"--home {home} is inside the pack, where ComfyUI would load it. Choose a folder outside {PACK}.")
    steps = Steps(home / "logs" / "install.log", say)
    if options.command == "test":
        return test(options, home, steps)
    runtime, extra = prepare(options, home, steps)
    if options.command == "train":
        return train(options, runtime)
    if options.command == "serve":
        return serve(options, home, runtime, extra)
    return picture(options, home, runtime, extra)


def prepare(options: argparse.Namespace, home: Path, steps: Steps) -> tuple[Runtime, tuple[str | Path, ...]]:
    """The installation to run, and the server arguments that it needs."""
    if options.comfyui is None:
        runtime, extra = install.make_runtime(home, steps), ()
    else:
        runtime, extra = existing.use(options.comfyui, options.python, home, steps)
    return (Runtime(runtime.python, runtime.comfyui, False) if options.cpu else runtime), extra


def picture(options: argparse.Namespace, home: Path, runtime: Runtime, extra: tuple[str | Path, ...]) -> int:
    """`demo` and `run`: start the server, run the workflow, write its pictures, stop the server."""
    workflow = getattr(options, "workflow", graphs.DEMO)
    graph = graphs.read_graph(read(workflow), str(workflow))
    if options.command == "run":
        graph = graphs.with_layout(graph, read(options.layout), str(options.layout))
    if options.seed is not None:
        graph = graphs.with_seed(graph, options.seed)
    base = install.make_base(home)
    out = (options.out or home / "pictures").expanduser().resolve()
    out.mkdir(parents=True, exist_ok=True)
    say("Starting ComfyUI ...")
    with Server(runtime, base, home / "logs" / "server.log", options.port, extra) as server:
        say(f"  it runs on {'the GPU' if runtime.gpu else 'the CPU'} at {server.url}")
        started = time.monotonic()
        with Progress(graph, say, sys.stdout) as progress:
            result = server.draw(graph, progress)
        if not result.images:
            raise Stopped(f"{workflow} made no picture. What to do: give it a SaveImage node and export it again.")
        paths = [write_picture(server.client.view(image), out, Path(image["filename"])) for image in result.saved]
        say(f"Done in {time.monotonic() - started:.1f} s; stopping ComfyUI.")
    for text in result.texts:
        say(f"\n{text}\n")
    if workflow == graphs.DEMO and options.command == "run":
        say(SHAPES_ONLY)
    for path in paths:
        say(f"Picture: {path}")
    return 0


def serve(options: argparse.Namespace, home: Path, runtime: Runtime, extra: tuple[str | Path, ...]) -> int:
    """Run the server until Ctrl+C, with the browser at the first template."""
    base = install.make_base(home)
    say("Starting ComfyUI ...")
    with Server(runtime, base, home / "logs" / "server.log", options.port, extra) as server:
        say(f"ComfyUI is at {server.url}/{FIRST_TEMPLATE}")
        say(f"Models go into {home / 'models'}, pictures come into {base / 'output'}.")
        say("Ctrl+C stops it.")
        if not options.no_browser:
            webbrowser.open(f"{server.url}/{FIRST_TEMPLATE}")
        try:
            server.wait()
        except KeyboardInterrupt:
            say("\nStopping ComfyUI.")
            return 0
        raise Stopped(f"ComfyUI ended by itself. What to do: read the end of {server.log}.")


def train(options: argparse.Namespace, runtime: Runtime) -> int:
    """Train with the ComfyUI that was set up; the trainer's own exit code."""
    command = [runtime.python, "-m", "instdiff_modules.training", "--config", options.config.expanduser().resolve()]
    environment = {**clean_environment(), "INSTDIFF_COMFYUI": str(runtime.comfyui)}
    if options.cpu:
        environment["CUDA_VISIBLE_DEVICES"] = ""
    dry = ["--dry-run"] if options.dry_run else []
    return subprocess.run([str(part) for part in (*command, *dry)], cwd=PACK, env=environment, check=False).returncode


def test(options: argparse.Namespace, home: Path, steps: Steps) -> int:
    """Run pytest in the virtual environment, with the oldest and the newest ComfyUI beside it. What is left out is said last."""
    own = install.make_runtime(home, steps, for_tests=True)
    install.comfyui_source(install.OLDEST, home, steps, own.python)
    changes, left_out = testing.prepare_tools(home, own.python, steps)
    environment = {**clean_environment(), **changes, "INSTDIFF_HOME": str(home)}
    if options.comfyui is not None:
        runtime, _ = existing.use(options.comfyui, options.python, home, steps)
        environment |= {"INSTDIFF_COMFYUI": str(runtime.comfyui), "INSTDIFF_COMFYUI_PYTHON": str(runtime.python)}
    args = options.pytest
    if not args:
        args, threads = testing.workers(os.cpu_count() or 1)
        environment |= threads
    # -I: the current folder must not be on sys.path, or our `nodes` would hide ComfyUI's
    command = [own.python, "-I", "-m", "pytest", *args]
    code = subprocess.run([str(part) for part in command], cwd=PACK, env=environment, check=False).returncode
    if left_out:
        say(testing.last_line(left_out))
    return code


def read(path: Path) -> str:
    """A text file; stops with a sentence if there is none."""
    try:
        return path.expanduser().read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise Stopped(
            f"{path} cannot be read: {problem}. What to do: check the path; it must be a text file."
        ) from problem


def write_picture(data: bytes, folder: Path, name: Path) -> Path:
    """Write a picture under its name, or a numbered one: nothing is overwritten."""
    stem = name.stem.rstrip("_")
    path, number = folder / f"{stem}{name.suffix}", 2
    while path.exists():
        path, number = folder / f"{stem}-{number}{name.suffix}", number + 1
    path.write_bytes(data)
    return path


def terminate(*_: object) -> None:
    """A signal to end, as Ctrl+C: leave through every `with`, so that the server is stopped."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), terminate)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a Windows console may lack the letters of a path
    try:
        sys.exit(main(sys.argv[1:]))
    except Stopped as problem:
        sys.exit(f"quickstart: {problem}")
    except OSError as problem:
        sys.exit(f"quickstart: {problem}. What to do: check free disk space and rights, then start again.")
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
