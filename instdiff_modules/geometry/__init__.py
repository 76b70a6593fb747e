"""Masks, points, contours and boxes: from what a person drew to numbers, and back to pixels."""
