"""Layouts in the words and shapes of other programs."""
