"""What coordinates are measured in, as the menus of all nodes spell it."""

from typing import Any

FRACTIONS, PIXELS, THOUSANDTHS, PERCENT = "fractions (0..1)", "pixels", "thousandths (0..1000)", "percent"
_EARLIER = {"fractions 0..1": FRACTIONS, "0..1": FRACTIONS, "0..1000": THOUSANDTHS}  # as saved workflows may hold them


def current_units(value: Any) -> Any:
    """The value of a menu of units as it is spelt now; every other value as it came."""
    return _EARLIER.get(value, value) if isinstance(value, str) else value
