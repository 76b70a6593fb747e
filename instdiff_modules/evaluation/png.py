"""Whether a PNG file is whole, with the standard library alone: every chunk, every checksum, every row of pixels."""

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by PNG's type of colour
STEP = 2**20  # bytes unpacked at a time


def png_size(data: bytes) -> tuple[int, int]:
    """(width, height) in pixels. ValueError, in words that follow "it is", for what is no PNG file or not a whole one."""
    if data[:8] != SIGNATURE:
        raise ValueError("no PNG file")
    position, packed, header, ended = 8, [], None, False
    while position < len(data) and not ended:
        head = data[position : position + 8]
        end = position + 12 + int.from_bytes(head[:4], "big")
        if len(head) < 8 or end > len(data):
            raise ValueError("a PNG file that ends in the middle")
        kind, content = head[4:], data[position + 8 : end - 4]
        if zlib.crc32(kind + content) != int.from_bytes(data[end - 4 : end], "big"):
            raise ValueError("a damaged PNG file")
        if kind == b"IHDR" and len(content) == 13:
            header = struct.unpack(">IIBBBBB", content)
        elif kind == b"IDAT":
            packed.append(content)
        ended, position = kind == b"IEND", end
    if header is None or not ended:
        raise ValueError("a PNG file that ends in the middle")
    width, height, depth, color, _, _, interlaced = header
    row = (width * depth * CHANNELS.get(color, 4) + 7) // 8 + 1
    expected = row * height
    most = expected + 8 * (width + height) if interlaced else expected  # seven pictures, each with rows of its own
    if not expected <= _unpacked(packed, most) <= most:
        raise ValueError("a damaged PNG file")
    return width, height


def _unpacked(packed: list[bytes], most: int) -> int:
    """Bytes of the pixels, counted no further than a little above `most`; 0 for a stream that is damaged or without its end."""
    stream, size = zlib.decompressobj(), 0
    try:
        for piece in packed:
            rest = piece
            while rest and size <= most:
                size += len(stream.decompress(rest, STEP))
                rest = stream.unconsumed_tail
        if size <= most:
            size += len(stream.flush())
    except zlib.error:
        return 0
    return size if stream.eof else 0
