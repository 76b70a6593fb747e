"""The list of kinds as the help page of Instances from JSON shows it."""

from instdiff.instdiff_modules.importers.kinds import KINDS

from .pack import ROOT

HELP = ROOT / "web" / "docs" / "InstDiffFromJSON.md"
START, END = "<!-- kinds: start -->", "<!-- kinds: end -->"
NAMES = ("Units", "Order", "Words", "Kept", "Lost")


def listed() -> str:
    """Markdown, with an item for each kind in the order of recognition. No table: the help panel is 245 pixels wide."""
    return "\n".join(f"- {kind[0]}: {kind[1]}. {_about(kind[2:7])}" for kind in KINDS)


def _about(cells: tuple[str, ...]) -> str:
    if cells[3] == "not read":
        return f"Not read. {cells[4]}"
    return " ".join(f"{name}: {cell}." for name, cell in zip(NAMES, cells, strict=True) if cell != "-")


def write_help() -> None:
    text = HELP.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    HELP.write_text(f"{before}{START}\n\n{listed()}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")
