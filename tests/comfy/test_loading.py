"""ComfyUI's start: loading the pack brings in the pack, and none of the packages that few graphs need."""

import json
import subprocess
import sys

from support.environment import comfyui_folder
from support.pack import ROOT

# Each takes a tenth of a second to seconds to import; who needs one imports it where it is used.
HEAVY = {"skimage", "pycocotools", "scipy", "transformers", "matplotlib", "pandas", "cv2", "torchvision", "ray"}
LOAD = """
import asyncio, importlib.util, json, sys
sys.path.insert(0, sys.argv[1])
import comfy.cli_args
comfy.cli_args.args.cpu = True
import comfy.sd, comfy.samplers, execution, nodes, server  # what has been imported when ComfyUI comes to custom nodes
there = {*sys.modules}
root = sys.argv[2]
spec = importlib.util.spec_from_file_location("instdiff", root + "/__init__.py", submodule_search_locations=[root])
sys.modules["instdiff"] = pack = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pack)
classes = asyncio.run(asyncio.run(pack.comfy_entrypoint()).get_node_list())
schemas = [node.GET_SCHEMA() for node in classes]
print(json.dumps({"nodes": len(schemas), "packages": sorted({name.partition(".")[0] for name in {*sys.modules} - there})}))
"""


def test_loading_the_pack_imports_nothing_but_the_pack() -> None:
    run = subprocess.run(
        [sys.executable, "-I", "-c", LOAD, str(comfyui_folder()), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    said = json.loads(run.stdout.splitlines()[-1])
    assert said["nodes"] > 20
    packages = set(said["packages"])
    assert not packages & HEAVY, "import these where they are used"
    assert packages - set(sys.stdlib_module_names) == {"instdiff"}
