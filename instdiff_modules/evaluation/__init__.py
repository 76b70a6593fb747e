"""The paper's evaluation on COCO, and other benchmarks, through ComfyUI servers: layouts, pictures, files for the detector, tables."""
