"""The paper's evaluation on COCO, through ComfyUI servers: layouts, pictures, files for the detector, the paper's tables."""
