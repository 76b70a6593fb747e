"""The socket types of the pack, each named once."""

from comfy_api.latest import io

# tuple[Layout, ...]: one layout per latent of the batch; a single one serves them all.
Instances = io.Custom("INSTANCES")

# InstDiffModel of nodes/model.py: tokenizer and fusers as ModelPatchers.
InstDiffModelSocket = io.Custom("INSTDIFF_MODEL")

# SEGS of the Impact Pack: instdiff_modules/exporters/segs.py.
Segs = io.Custom("SEGS")

# Neighbours' data that comes in: BBOX (KJNodes), ARRAY (elements of box editors; io.Array is newer than our oldest ComfyUI), TRACKING (the
# older InstanceDiffusion pack), Omost's canvas, Regions (Tooling Nodes).
Bbox = io.Custom("BBOX")
Elements = io.Custom("ARRAY")
IdeogramPrompt = io.Custom("DICT")
Tracking = io.Custom("TRACKING")
OmostCanvas = io.Custom("OMOST_CANVAS_CONDITIONING")
Regions = io.Custom("Regions")
