"""The networks of the paper, one a file: they take `operations`, device and dtype from outside."""
