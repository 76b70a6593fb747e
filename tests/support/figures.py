"""Figures that a test run reports at its end. They depend on the machine, so nothing is asserted of them."""

import pytest

FIGURES = pytest.StashKey[list[str]]()
