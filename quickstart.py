#!/usr/bin/env python3
"""Try InstDiff on a machine that has Python and pip, and nothing else.

    python3 quickstart.py                        install (once), make the demo picture, print its path
    python3 quickstart.py serve                  open the demo in ComfyUI's editor; Ctrl+C ends it
    python3 quickstart.py run --layout FILE      make a picture from a layout document
    python3 quickstart.py python -- ARGS         run its Python: -- -m instdiff_modules.metrics --help
    python3 quickstart.py test                   run every test; with -- ARGS, as pytest takes them

Everything is kept in one folder outside the pack (--home); delete it to undo everything.
With --comfyui PATH an installation that is already there is used instead.
"""

from __future__ import annotations

import argparse
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

from instdiff_modules.commands.names import whole_path
from instdiff_modules.commands.options import SEEDS, Parser, Usage, any_letters, file_path, whole
from instdiff_modules.commands.problems import system_sentence
from instdiff_modules.launcher import existing, install, testing
from instdiff_modules.launcher import graph as graphs
from instdiff_modules.launcher.environment import clean_environment
from instdiff_modules.launcher.errors import Stopped
from instdiff_modules.launcher.guard import dies_with_its_parent
from instdiff_modules.launcher.install import FIRST_TEMPLATE, PACK, Runtime
from instdiff_modules.launcher.layouts import ORDERS, UNITS, Asked, check_text, checked_layout
from instdiff_modules.launcher.machine import check_python
from instdiff_modules.launcher.pictures import write_alone, write_picture
from instdiff_modules.launcher.progress import Progress
from instdiff_modules.launcher.server import SERVED, Server, check_none_serves, check_port
from instdiff_modules.launcher.state import write_state
from instdiff_modules.launcher.steps import Steps
from instdiff_modules.layout.plain_files import file_size
from instdiff_modules.shapeworld.known_words import WORDS

ABOUT_THE_DEMO = (
    f"Without --workflow it draws with the demo model, which knows these words: {WORDS}. The caption of the layout names all objects and "
    "the background: 'a red star and a blue ring on a green background'. An example: web/about/layout.json"
)


def say(line: str) -> None:
    """One line for the user, at once."""
    print(line, flush=True)


def arguments(argv: list[str]) -> argparse.Namespace:
    """Parse the command line; no command means the demo. Usage for one that cannot be."""
    common = Parser(add_help=False)
    common.add_argument("--home", type=file_path, default=None, metavar="DIR", help="where everything is kept")
    common.add_argument(
        "--comfyui", type=file_path, default=None, metavar="PATH", help="use this ComfyUI; it is not changed"
    )
    common.add_argument(
        "--python", type=file_path, default=None, metavar="EXE", help="the Python of --comfyui, if not found"
    )
    common.add_argument("--cpu", action="store_true", help="do not use the GPU")
    common.add_argument("--port", type=whole(0, 65535), default=0, help="the server's port (default: any free one)")
    picture = Parser(add_help=False)
    picture.add_argument(
        "--seed", type=whole(0, SEEDS), default=None, help="0 or more; the workflow's own if not given"
    )
    picture.add_argument("--out", type=file_path, default=None, metavar="DIR", help="where pictures go")
    parser = Parser(prog="quickstart.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("demo", parents=[common, picture], help="make the demo picture (the default)")
    serve = commands.add_parser("serve", parents=[common], help="open the editor in the browser")
    serve.add_argument("--no-browser", action="store_true", help="only print the address")
    run = commands.add_parser(
        "run", parents=[common, picture], help="make a picture from a layout document", epilog=ABOUT_THE_DEMO
    )
    run.add_argument(
        "--layout", type=file_path, required=True, metavar="FILE", help="a layout of any kind that is read"
    )
    run.add_argument("--first", type=whole(1, 1000), metavar="N", help="only the first N instances of the layout")
    run.add_argument("--image", metavar="NAME", help="of data of several images: id or file name of the one to draw")
    run.add_argument(
        "--width", type=whole(0, 16384), default=0, help="of the canvas in pixels, if the file does not state it"
    )
    run.add_argument("--height", type=whole(0, 16384), default=0, help="the same")
    run.add_argument("--order", choices=ORDERS, help="of the four numbers of a box, if the file does not state it")
    run.add_argument("--units", choices=UNITS, help="of the boxes, if the file does not state them")
    run.add_argument("--workflow", type=file_path, default=graphs.DEMO, metavar="FILE", help="a workflow in API format")
    train = commands.add_parser("train", parents=[common], help="train on your own pictures (web/about/training.md)")
    train.add_argument("--config", type=file_path, required=True, metavar="FILE", help="what to train, and on what")
    train.add_argument("--dry-run", action="store_true", help="say what would be trained, and train nothing")
    python = commands.add_parser(
        "python", parents=[common], help="run the Python of ComfyUI; what follows -- goes to it"
    )
    python.add_argument(
        "arguments", nargs="*", metavar="-- ARGS", help="for example: -- -m instdiff_modules.metrics --help"
    )
    test = commands.add_parser("test", parents=[common], help="run every test; what follows -- goes to pytest")
    test.add_argument("pytest", nargs="*", metavar="-- ARGS", help="for example: -- -k layout")
    if not argv or (argv[0].startswith("-") and argv[0] not in ("-h", "--help")):
        argv = ["demo", *argv]
    options = parser.parse_args(argv)
    if options.python and not options.comfyui:
        parser.error("--python says which Python runs --comfyui PATH, so it needs --comfyui as well")
    return options


def main(argv: list[str]) -> int:
    """Run one command; the exit code."""
    options = arguments(argv)
    check_python(sys.version_info[:2])
    home = whole_path(options.home or install.default_home()).resolve()
    if home == PACK or PACK in home.parents:
        raise Stopped(f"--home {home} is inside the pack, where ComfyUI would load it. Choose a folder outside {PACK}.")
    if options.command == "test":
        return test(options, home, Steps(home / "logs" / "install.log", say, sys.stdout))
    if options.command == "python":
        return python(options, prepare(options, home, Steps(home / "logs" / "install.log", say, sys.stdout))[0])
    check_port(options.port, FIRST_TEMPLATE if options.command == "serve" else "")
    if options.command == "serve" and not options.port:
        check_none_serves(home, FIRST_TEMPLATE)
    graph = None if options.command in ("serve", "train") else graph_of(options)
    steps = Steps(home / "logs" / "install.log", say, sys.stdout)
    runtime, extra = prepare(options, home, steps)
    if options.command == "train":
        return train(options, runtime)
    if graph is None:
        return serve(options, home, runtime, extra)
    if options.command == "run":
        asked = Asked(**{name: getattr(options, name) for name in Asked._fields})
        layout = checked_layout(options.layout, asked, graphs.uses_demo_model(graph), runtime, steps)
        graph = graphs.with_layout(graph, layout, str(options.layout))
    return picture(options, home, runtime, extra, graph)


def graph_of(options: argparse.Namespace) -> graphs.Graph:
    """The workflow of `demo` or `run`, with the seed; Stopped if it, or the layout, is nothing that can be run."""
    workflow = getattr(options, "workflow", graphs.DEMO)
    graph = graphs.read_graph(read(workflow), str(workflow))
    if options.command == "run":
        graphs.layout_nodes(graph, str(options.layout))
        check_text(read(options.layout), str(options.layout))
    return graph if options.seed is None else graphs.with_seed(graph, options.seed)


def prepare(options: argparse.Namespace, home: Path, steps: Steps) -> tuple[Runtime, tuple[str | Path, ...]]:
    """The installation to run, and the server arguments that it needs."""
    if options.comfyui is None:
        runtime, extra = install.make_runtime(home, steps), ()
    else:
        runtime, extra = existing.use(options.comfyui, options.python, home, steps)
    return (Runtime(runtime.python, runtime.comfyui, False) if options.cpu else runtime), extra


def picture(
    options: argparse.Namespace, home: Path, runtime: Runtime, extra: tuple[str | Path, ...], graph: graphs.Graph
) -> int:
    """`demo` and `run`: start the server, run the workflow, write its pictures, stop the server."""
    workflow = getattr(options, "workflow", graphs.DEMO)
    base = install.make_base(home)
    out = whole_path(options.out or home / "pictures").resolve()
    out.mkdir(parents=True, exist_ok=True)
    say("Starting ComfyUI ...")
    with Server(runtime, base, home / "logs" / "server.log", options.port, extra, say) as server:
        say(f"  it runs on {'the GPU' if runtime.gpu else 'the CPU'} at {server.url}")
        started = time.monotonic()
        with Progress(graph, say, sys.stdout) as progress:
            result = server.draw(graph, progress)
        if not result.saved:
            raise Stopped(f"{workflow} made no picture. What to do: give it a SaveImage node and export it again.")
        names = [(image, Path(str(image.get("filename") or "picture.png"))) for image in result.saved]
        paths = [write_picture(server.picture(image), out, name) for image, name in names]
        alone = [server.picture(image) for image in result.images_of(graphs.ALONE)] if workflow == graphs.DEMO else []
        say(f"Done in {time.monotonic() - started:.1f} s; stopping ComfyUI.")
    for text in result.texts:
        say(f"\n{text}\n")
    for written in paths:
        say(f"Picture: {written}")
    if len(paths) == len(alone) == 1:
        say(f"The picture alone: {write_alone(alone[0], graphs.layout_text(graph), paths[0])}")
    if options.command == "demo" and not (options.home or options.comfyui):  # else it needs them again
        say("\nTo draw your own in the browser: python3 quickstart.py serve")
    return 0


def serve(options: argparse.Namespace, home: Path, runtime: Runtime, extra: tuple[str | Path, ...]) -> int:
    """Run the server until Ctrl+C, with the browser at the first template."""
    base = install.make_base(home)
    say("Starting ComfyUI ...")
    with Server(runtime, base, home / "logs" / "server.log", options.port, extra, say) as server:
        write_state(home / SERVED, {"port": server.port})
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
    command = [runtime.python, "-m", "instdiff_modules.training", "--config", whole_path(options.config).resolve()]
    environment = {**clean_environment(), "INSTDIFF_COMFYUI": str(runtime.comfyui)}
    if options.cpu:
        environment["CUDA_VISIBLE_DEVICES"] = ""
    dry = ["--dry-run"] if options.dry_run else []
    return subprocess.run(
        [str(part) for part in (*command, *dry)],
        cwd=PACK,
        env=environment,
        preexec_fn=dies_with_its_parent(),
        check=False,
    ).returncode


def python(options: argparse.Namespace, runtime: Runtime) -> int:
    """Run the Python that has ComfyUI's packages, in the folder where the user is, with our modules in reach."""
    environment = {**clean_environment(), "PYTHONPATH": str(PACK)}
    command = [str(runtime.python), *options.arguments]
    return subprocess.run(command, env=environment, preexec_fn=dies_with_its_parent(), check=False).returncode


def test(options: argparse.Namespace, home: Path, steps: Steps) -> int:
    """Run pytest in the virtual environment, with the oldest and the newest ComfyUI beside it. What is left out is said last."""
    own = install.make_runtime(home, steps, for_tests=True)
    install.comfyui_source(install.OLDEST, home, steps, own.python)
    changes, left_out = testing.prepare_tools(home, own.python, steps)
    environment = {**clean_environment(), **changes, "INSTDIFF_HOME": str(home)}
    # Four processes and as many servers start from the same files; compiled once and kept, each of them starts seconds sooner.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    if options.comfyui is not None:
        runtime, _ = existing.use(options.comfyui, options.python, home, steps)
        environment |= {"INSTDIFF_COMFYUI": str(runtime.comfyui), "INSTDIFF_COMFYUI_PYTHON": str(runtime.python)}
    args = options.pytest
    if not args:
        args, threads = testing.workers(os.cpu_count() or 1)
        environment |= threads
    # -I: the current folder must not be on sys.path, or our `nodes` would hide ComfyUI's
    command = [own.python, "-I", "-m", "pytest", *args]
    # Not behind the guard, because it talks to the terminal.
    done = subprocess.run(
        list(map(str, command)),
        cwd=PACK,
        env=environment,
        preexec_fn=dies_with_its_parent(),
        check=False,
    )
    if left_out:
        say(testing.last_line(left_out))
    return done.returncode


def read(path: Path) -> str:
    """A text file; stops with a sentence if there is none."""
    try:
        file_size(whole_path(path), "a text file")  # a folder, a pipe or a device is none
        return whole_path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        raise Stopped(f"{path} is not text in UTF-8. What to do: give a JSON file.") from problem
    except ValueError as problem:
        raise Stopped(str(problem)) from problem


def terminate(*_: object) -> None:
    """A signal to end, as Ctrl+C: leave through every `with`, so that the server is stopped."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), terminate)
    any_letters(sys.stdout)
    try:
        sys.exit(main(sys.argv[1:]))
    except Usage as problem:
        sys.stderr.write(f"quickstart: {problem}\n")
        sys.exit(2)
    except Stopped as problem:
        sys.exit(f"quickstart: {problem}")
    except OSError as problem:
        sys.exit(f"quickstart: {system_sentence(problem)}")
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
