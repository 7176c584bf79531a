"""Figures about texts and about predictions: values in, values out. What a figure means is decided by `quality`."""
