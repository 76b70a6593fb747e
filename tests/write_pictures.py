"""Take the pictures of the help pages from the real frontend: `python tests/write_pictures.py [NAME ...]`, after the looks changed.

Without names all of them, with names those alone ("editor", "editor-window", "layout-score", or a node's id such as "InstDiffBox").
It needs what the tests of the browser need (`python3 quickstart.py test` sets it up) and some minutes.

web/docs/<node id>.png shows the node in a small graph, and holds that graph as ComfyUI's own pictures do: dropped onto the
canvas, it opens.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from support.environment import prepare

prepare(__file__)

import tempfile  # noqa: E402

from instdiff.instdiff_modules.launcher.browser import NONE_FOUND, find_browser  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402
from support.browser import ComfyPage  # noqa: E402
from support.help_graphs import GRAPHS  # noqa: E402
from support.help_pictures import OTHERS, photograph  # noqa: E402
from support.pack import ROOT  # noqa: E402
from support.server import start_server  # noqa: E402

SETTINGS = {
    "Comfy.NodeBadge.NodeSourceBadgeMode": "None",
    "Comfy.NodeBadge.NodeIdBadgeMode": "None",
    "Comfy.Graph.CanvasInfo": False,
}


def main() -> None:
    wanted = sys.argv[1:] or [*OTHERS, *GRAPHS]
    unknown = [name for name in wanted if name not in OTHERS and name not in GRAPHS]
    program = find_browser()
    if unknown or program is None:
        sys.exit(f"There is no picture {unknown[0]!r}." if unknown else NONE_FOUND)
    with (
        tempfile.TemporaryDirectory() as folder,
        start_server(Path(folder)) as server,
        sync_playwright() as driver,
    ):
        browser = driver.chromium.launch(executable_path=program)
        comfy = ComfyPage(browser, server, "classic", SETTINGS)
        for name in wanted:
            comfy.new_graph()
            path = OTHERS[name](comfy) if name in OTHERS else photograph(comfy, name)
            sys.stdout.write(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1e3:.0f} KB\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
