"""Weights files of every layout in, one safetensors file out."""
