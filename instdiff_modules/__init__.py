"""The model, the layout and the sampling maths of InstDiff: pure Python and torch, importable without ComfyUI."""
