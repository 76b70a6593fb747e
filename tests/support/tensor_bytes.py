"""A custom node pack for test servers that counts the memory of all tensors.

The process's size does not tell what is kept: the allocator holds tens of megabytes that nobody uses, and gives them back or not.
Copied into custom_nodes of test servers; ComfyUI imports it there, so it may import nothing of ours.
"""

import gc

import torch


class TensorBytes:
    """Of all tensors that Python knows, the bytes of their storages, as the node's text."""

    RETURN_TYPES = ()
    OUTPUT_NODE = True
    FUNCTION = "count"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"images": ("IMAGE",)}}

    def count(self, images):
        gc.collect()
        storages = (thing.untyped_storage() for thing in gc.get_objects() if issubclass(type(thing), torch.Tensor))
        sizes = {storage.data_ptr(): storage.nbytes() for storage in storages if storage.device.type != "meta"}
        return {"ui": {"text": [str(sum(sizes.values()))]}}


NODE_CLASS_MAPPINGS = {"TensorBytes": TensorBytes}
