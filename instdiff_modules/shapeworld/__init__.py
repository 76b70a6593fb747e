"""A synthetic world of coloured shapes: what exists in it, an exact detector of its objects, and the demo model that draws it."""
