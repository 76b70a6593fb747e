"""A synthetic world of coloured shapes: scenes, pictures, captions, layouts and an exact detector, all from a seed."""
