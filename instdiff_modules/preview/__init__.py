"""The picture of a layout."""
