"""Regions in attention: one layout steers models that were never trained on locations. Pure torch, no ComfyUI."""
