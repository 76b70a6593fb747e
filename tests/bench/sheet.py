"""Pictures in rows with a title each, for web/about and the help pages."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont


def sheet(
    rows: Sequence[tuple[str, Sequence[Image.Image]]], side: int, margin: int, font_size: int = 14
) -> Image.Image:
    """A row for each (title, pictures): `margin` pixels of title, then each picture in a square of `side` pixels."""
    page = Image.new("RGB", (margin + max(len(pictures) for _, pictures in rows) * side, len(rows) * side), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(font_size)
    for row, (title, pictures) in enumerate(rows):
        pen.multiline_text((6, row * side + side // 2), title, fill="black", font=font, anchor="lm")
        for column, picture in enumerate(pictures):
            page.paste(
                picture.convert("RGB").resize((side - 4, side - 4), Image.Resampling.LANCZOS),
                (margin + column * side, row * side + 2),
            )
    return page
