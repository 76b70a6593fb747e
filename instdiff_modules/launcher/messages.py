"""ComfyUI's progress messages over a websocket, with the standard library alone."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import struct
import time
import urllib.parse
from typing import Any


class Messages:
    """ComfyUI's progress messages: a websocket (RFC 6455) that reads text and skips previews."""

    def __init__(self, url: str, client_id: str) -> None:
        parts = urllib.parse.urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port or 80), timeout=30)
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET /ws?clientId={client_id} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        answer = b""
        while b"\r\n\r\n" not in answer and len(answer) < 65536:
            received = self._socket.recv(65536)
            if not received:
                break
            answer += received
        head, separator, self._buffer = answer.partition(b"\r\n\r\n")
        if b" 101 " not in head.partition(b"\r\n")[0] or not separator:
            self._socket.close()
            raise ConnectionError(f"{url} gave no websocket, which ComfyUI does")

    def next(self, timeout: float) -> dict[str, Any] | None:
        """The next text message, or None if `timeout` seconds pass without one."""
        deadline = time.monotonic() + timeout
        while True:
            frame = self._frame()
            if frame is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._socket.settimeout(left)
                try:
                    received = self._socket.recv(65536)
                except TimeoutError:
                    return None
                if not received:
                    raise ConnectionError("The server closed the connection.")
                self._buffer += received
                continue
            kind, payload = frame
            if kind == 0x1:
                try:
                    message = json.loads(payload)
                except ValueError:
                    message = None
                if not isinstance(message, dict) or not isinstance(message.get("type"), str):
                    raise ConnectionError("The server sent a message that is not ComfyUI's.")
                return message
            if kind == 0x8:
                raise ConnectionError("The server closed the connection.")
            if kind == 0x9:  # ping: answer with a pong, masked (key 0) as a client must
                self._socket.sendall(bytes((0x8A, 0x80 | len(payload))) + b"\0\0\0\0" + payload)

    def _frame(self) -> tuple[int, bytes] | None:
        """Take one whole frame (opcode, payload) off the buffer; servers send unmasked, unfragmented."""
        data = self._buffer
        if len(data) < 2:
            return None
        size, start = data[1] & 0x7F, 2
        if size >= 126:
            start = 4 if size == 126 else 10
            if len(data) < start:
                return None
            size = struct.unpack(">H" if start == 4 else ">Q", data[2:start])[0]
        if len(data) < start + size:
            return None
        self._buffer = data[start + size :]
        return data[0] & 0x0F, data[start : start + size]

    def __enter__(self) -> Messages:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # the server may have gone first
            self._socket.sendall(b"\x88\x80\0\0\0\0")  # close, masked as a client must
        self._socket.close()
