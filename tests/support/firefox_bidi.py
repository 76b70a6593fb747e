"""Starts Firefox for Playwright and stands between the two: `python firefox_bidi.py FIREFOX ARGUMENTS...`.

Playwright speaks WebDriver BiDi with a stock Firefox, but sets more of a page than an older Firefox can, and gives up at the first
setting that is refused. Here such a refusal becomes an empty answer; all else passes unchanged.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web

SETTINGS = ("emulation.", "browser.setDownloadBehavior")  # commands without an answer that somebody needs
LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)")


class Between:
    """A WebSocket server that hands everything on to Firefox's."""

    def __init__(self, firefox: str) -> None:
        self.firefox = firefox
        self.settings: set[int] = set()  # numbers of commands that may be refused

    async def serve(self) -> str:
        """Listen at a free port; the address."""
        app = web.Application()
        app.router.add_get("/session", self._session)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        return f"ws://{host}:{port}"

    async def _session(self, request: web.Request) -> web.WebSocketResponse:
        playwright = web.WebSocketResponse(max_msg_size=0)
        await playwright.prepare(request)
        async with ClientSession() as client, client.ws_connect(f"{self.firefox}/session", max_msg_size=0) as firefox:
            answers = asyncio.create_task(self._answers(firefox, playwright))
            async for message in playwright:
                if message.type is WSMsgType.TEXT:
                    command = json.loads(message.data)
                    if command["method"].startswith(SETTINGS):
                        self.settings.add(command["id"])
                    await firefox.send_str(message.data)
            answers.cancel()
        return playwright

    async def _answers(self, firefox: ClientWebSocketResponse, playwright: web.WebSocketResponse) -> None:
        async for message in firefox:
            if message.type is WSMsgType.TEXT:
                await playwright.send_str(self._granted(message.data))
        await playwright.close()

    def _granted(self, text: str) -> str:
        """An answer of Firefox as Playwright gets it."""
        if not self.settings or not text.startswith('{"type":"error"'):
            return text
        answer = json.loads(text)
        if answer["error"] != "unknown command" or answer["id"] not in self.settings:
            return text
        return json.dumps({"type": "success", "id": answer["id"], "result": {}})


async def main(program: str, *arguments: str) -> int:
    """Run Firefox to its end, and tell our address where it tells its own."""
    firefox = await asyncio.create_subprocess_exec(program, *arguments, stderr=asyncio.subprocess.PIPE)
    assert firefox.stderr
    async for line in firefox.stderr:
        said = line.decode(errors="replace")
        if found := LISTENING.search(said):
            said = said.replace(found[1], await Between(found[1]).serve())
        print(said, end="", file=sys.stderr, flush=True)
    return await firefox.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
