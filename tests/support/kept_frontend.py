"""A node pack of the tests: the browser may keep ComfyUI's frontend and the packs' scripts, which ComfyUI has it fetch and compile anew at
every visit. Nothing of them changes while the tests run."""

from aiohttp import web
from server import PromptServer

NODE_CLASS_MAPPINGS = {}


@web.middleware
async def keep(request, handler):
    answer = await handler(request)
    if request.path.startswith(("/assets/", "/extensions/")) and answer.status == 200:
        for header in ("Pragma", "Expires"):
            answer.headers.pop(header, None)
        answer.headers["Cache-Control"] = "public, max-age=3600, immutable"
    return answer


PromptServer.instance.app.middlewares.insert(0, keep)  # around ComfyUI's own, which forbids it
