"""What the encoder did for the rows of a run, and how many the cheap stages kept away from it.

Figures, not facts that anything is decided by: after a crash those of the last second may be missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

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
    """Adds up one stage's share of the encoder's work, reports it, and keeps the run's total in the journal.

    Args:
        writer: Of the stage's journal.
        observe: Receives an event at most once a second.
    """

    def __init__(self, writer: JournalWriter, observe: Observer) -> None:
        self._encoder: Metered | None = None
        self._writer, self._observe = writer, observe
        self._texts, self._spared, self._busy_s = 0, 0, 0.0
        self._began = self._reported_at = loop_time()
        self._before = orjson.loads(writer.journal.meta().get(ENCODING_KEY, "{}"))

    def begin(self, encoder: Encoder | None) -> None:
        """Measure from now on; there is nothing to report where there is no encoder."""
        self._encoder = encoder if isinstance(encoder, Metered) else None
        self._began = self._reported_at = loop_time()

    async def judge(
        self,
        pools: PoolJudge,
        slots: Sequence[EvaluatedSlot],
        kept: Mapping[str, bytes],
        thread: ThreadPoolExecutor,
    ) -> list[EvaluatedSlot]:
        """Judge slots by the real rows, on the encoder's thread where there is an encoder, and note what it took."""
        if pools.encoder is None:  # quick, and others have their turn in between
            judged = self._judge_all(pools, slots, kept)
            await asyncio.sleep(0)
        else:
            judged = await asyncio.get_running_loop().run_in_executor(thread, self._judge_all, pools, slots, kept)
            await self.report()
        return judged

    def _judge_all(
        self, pools: PoolJudge, slots: Sequence[EvaluatedSlot], kept: Mapping[str, bytes]
    ) -> list[EvaluatedSlot]:
        encoder = self._encoder
        texts, busy_s = (encoder.texts, encoder.busy_s) if encoder is not None else (0, 0.0)
        judged = [pools.judge(evaluated, kept) for evaluated in pools.judge_texts(slots)]
        if encoder is not None:
            self._texts += encoder.texts - texts
            self._busy_s += encoder.busy_s - busy_s
            has_vector = sum(item.vector is not None for evaluated in judged for item in evaluated.items)
            self._spared += sum(evaluated.survivors for evaluated in slots) - has_vector
        return judged

    async def report(self, *, at_last: bool = False) -> None:
        """Report how it stands, if the last time is a second ago."""
        now = loop_time()
        if self._encoder is None or not (at_last or now - self._reported_at >= SECONDS_A_STATE):
            return
        self._reported_at, elapsed_s = now, max(now - self._began, 1e-9)
        self._observe(EncoderState(self._texts, self._spared, self._busy_s, min(1.0, self._busy_s / elapsed_s)))
        own = {"texts": self._texts, "spared": self._spared, "busy_s": self._busy_s, "elapsed_s": elapsed_s}
        stated = orjson.dumps({name: self._before.get(name, 0) + value for name, value in own.items()}).decode()
        await self._writer.call(lambda: self._writer.journal.set_meta({ENCODING_KEY: stated}))
