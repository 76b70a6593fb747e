"""Is a layout plausible? Sizes, perspective, edges, doubles and number of its instances. No torch."""
