"""Sizes of the patterns that a textured object shows. Lengths are pixels on a canvas whose shorter side is 256."""

REFERENCE_SIDE = 256
STRIPE_PERIOD = 20.0
DOT_SPACING, DOT_RADIUS = 20.0, 6.2
CHECKER_CELL = 14.0
