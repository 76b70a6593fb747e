"""Layouts from words: the request to a language model, and its answer as a layout. No torch, nothing from the answer is ever run."""
