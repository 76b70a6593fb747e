"""Draw the templates' thumbnails: `python tests/write_thumbnails.py [NAME ...]`, after a template or the demo model changed.

Each template runs as it is saved, in a real server with the demo model; its layout stands beside what it saves (the first and the last picture).
"""

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from support.environment import prepare

prepare(__file__)

from PIL import Image  # noqa: E402
from support.pack import ROOT  # noqa: E402
from support.server import ComfyServer, start_server  # noqa: E402
from support.ui_graph import ObjectInfo, to_api  # noqa: E402

PREVIEW = "InstDiffPreview"
SIDE, QUALITY = 256, 88


def main(names: list[str]) -> None:
    """All templates, or those whose name begins with one of `names`."""
    with tempfile.TemporaryDirectory() as folder, start_server(Path(folder)) as server:
        info = server.client.get("/object_info")
        for path in sorted((ROOT / "workflows").glob("*.json")):
            if not names or path.stem.startswith(tuple(names)):
                draw(server, path, info)
                sys.stdout.write(f"{path.stem}\n")


def draw(server: ComfyServer, path: Path, info: ObjectInfo) -> None:
    """Write NAME.jpg beside NAME.json."""
    graph = to_api(json.loads(path.read_text(encoding="utf-8")), info)
    kinds = {node["class_type"]: node["inputs"] for node in graph.values()}
    apply = kinds.get("InstDiffApply") or kinds["InstDiffApplyLayout"]
    if PREVIEW not in kinds:
        graph["layout"] = {"class_type": PREVIEW, "inputs": {"instances": apply["instances"]}}
    outputs = server.run(graph).outputs
    shown = {graph[number]["class_type"]: output["images"] for number, output in outputs.items() if "images" in output}
    layout, pictures = shown[PREVIEW], shown["SaveImage"]
    parts = [layout[0], *pictures[:1], *pictures[1:][-1:]]
    sheet = Image.new("RGB", (SIDE * len(parts), SIDE))
    for column, part in enumerate(parts):
        sheet.paste(
            Image.fromarray(server.image(part)).resize((SIDE, SIDE), Image.Resampling.LANCZOS), (column * SIDE, 0)
        )
    sheet.save(path.with_suffix(".jpg"), quality=QUALITY)


if __name__ == "__main__":
    main(sys.argv[1:])
