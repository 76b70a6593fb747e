"""The table of kinds as the help page of Instances from JSON shows it."""

from instdiff.instdiff_modules.importers.kinds import KINDS

from .pack import ROOT

HELP = ROOT / "web" / "docs" / "InstDiffFromJSON.md"
START, END = "<!-- kinds: start -->", "<!-- kinds: end -->"
COLUMNS = ("kind", "recognised by", "units", "order", "words", "kept", "lost")


def table() -> str:
    """Markdown, with a line for each kind in the order of recognition."""
    rows = [COLUMNS, ["---"] * len(COLUMNS), *(kind[:7] for kind in KINDS)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def write_help() -> None:
    text = HELP.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    HELP.write_text(f"{before}{START}\n\n{table()}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")
