"""The one exception that ends quickstart with a sentence instead of a traceback."""


class Stopped(RuntimeError):
    """The message says what failed, why, and what to do."""
