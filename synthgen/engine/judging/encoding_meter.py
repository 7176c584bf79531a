"""What the encoder did for the rows of a run, and how many the cheap stages kept away from it.

Figures, not facts that anything is decided by: after a crash those of the last second may be missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import orjson

from synthgen.encoders import Encoder
from synthgen.encoders.metered import Metered
from synthgen.engine.clock import loop_time
from synthgen.engine.events import EncoderState, Observer
from synthgen.engine.judging.evaluate import EvaluatedSlot, PoolJudge
from synthgen.engine.writer import JournalWriter

ENCODING_KEY = "encoding"
SECONDS_A_STATE = 1.0


class EncodingMeter:
    """Adds up one stage runner's share of the encoder's work, tells it, and keeps the run's total in the journal.

    Args:
        encoder: The one that works, or None: then there is nothing to tell.
        writer: Of the stage runner's journal.
        observe: Told at most once a second.
        clock: Seconds.
    """

    def __init__(
        self, encoder: Encoder | None, writer: JournalWriter, observe: Observer, clock: Callable[[], float] = loop_time
    ) -> None:
        self._encoder = encoder if isinstance(encoder, Metered) else None
        self._writer, self._observe, self._clock = writer, observe, clock
        self._texts, self._spared, self._busy_s = 0, 0, 0.0
        self._began, self._reported_at = clock(), clock()
        self._before = orjson.loads(writer.journal.meta().get(ENCODING_KEY, "{}"))

    def judge_all(
        self, pools: PoolJudge, alive: Sequence[EvaluatedSlot], kept: Mapping[str, bytes]
    ) -> list[EvaluatedSlot]:
        """Judge slots by the real rows, and note what it took. Blocking; on the encoder's thread."""
        encoder = self._encoder
        texts, busy_s = (encoder.texts, encoder.busy_s) if encoder is not None else (0, 0.0)
        judged = [pools.judge(evaluated, kept) for evaluated in pools.judge_texts_each(alive)]
        if encoder is not None:
            self._texts += encoder.texts - texts
            self._busy_s += encoder.busy_s - busy_s
            has_vector = sum(item.vector is not None for evaluated in judged for item in evaluated.items)
            self._spared += sum(evaluated.survivors for evaluated in alive) - has_vector
        return judged

    async def tell(self, *, at_last: bool = False) -> None:
        """Say how it stands, if the last time is a second ago."""
        now = self._clock()
        if self._encoder is None or not (at_last or now - self._reported_at >= SECONDS_A_STATE):
            return
        self._reported_at, elapsed_s = now, max(now - self._began, 1e-9)
        self._observe(EncoderState(self._texts, self._spared, self._busy_s, min(1.0, self._busy_s / elapsed_s)))
        total = {
            "texts": self._before.get("texts", 0) + self._texts,
            "spared": self._before.get("spared", 0) + self._spared,
            "busy_s": self._before.get("busy_s", 0.0) + self._busy_s,
            "elapsed_s": self._before.get("elapsed_s", 0.0) + elapsed_s,
        }
        stated = orjson.dumps(total).decode()
        await self._writer.call(lambda: self._writer.journal.set_meta({ENCODING_KEY: stated}))
