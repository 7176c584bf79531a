"""Embedding similarity: which rows have a cosine at or above the threshold, exactly."""
