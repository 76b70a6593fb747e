"""The model, the layout and the sampling maths of InstDiff, importable without ComfyUI; launcher/ is what quickstart.py is made of."""
