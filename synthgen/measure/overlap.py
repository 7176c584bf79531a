"""How much of a text stands word for word in another: the measure of memorisation."""

from __future__ import annotations

from collections.abc import Sequence

from synthgen.measure.words import Words, ngrams, words


class SharedWords:
    """Finds the longest run of words that a text shares with any of many rows.

    If a text shares a run of n words it shares one of n - 1, so the length is found by halving; the runs of each length
    that is asked for are gathered once.

    Args:
        texts: The rows to compare with.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._rows = [words(text) for text in texts]
        self._runs: dict[int, dict[Words, int]] = {}

    def longest(self, text: str) -> tuple[int, int | None, str]:
        """Words of the longest shared run, the place of a row that has it (None where nothing is shared), the run."""
        asked = words(text)
        low, high = 0, len(asked)
        place, found = None, ()
        while low < high:
            length = (low + high + 1) // 2
            runs = self._of(length)
            shared = next((run for run in ngrams(asked, length) if run in runs), None)
            if shared is None:
                high = length - 1
            else:
                low, place, found = length, runs[shared], shared  # type: ignore[assignment]
        return low, place, " ".join(found)

    def _of(self, length: int) -> dict[Words, int]:
        if length not in self._runs:
            runs: dict[Words, int] = {}
            for place, row in enumerate(self._rows):
                for run in ngrams(row, length):
                    runs.setdefault(run, place)
            self._runs[length] = runs
        return self._runs[length]
