"""From instances to grounding inputs and to the bank of tokens that a run needs."""
