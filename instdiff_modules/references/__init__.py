"""A reference picture for each instance: its look, by the model's own self-attention, without extra weights."""
