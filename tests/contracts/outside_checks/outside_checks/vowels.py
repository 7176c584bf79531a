import numpy as np


class Vowels:
    """`encoder: vowels`: how often each vowel stands in a text."""

    identity = "vowels-v1"
    dimensions = 6

    def __init__(self, name: str) -> None:
        self.name = name  # as the job writes it: `vowels`, or `vowels:` and more

    def encode(self, texts):
        rows = np.array([[1, *map(text.lower().count, "aeiou")] for text in texts], dtype=np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)
