"""Makes what rows are judged against: encoder, real rows' vectors, label classifier, accepted rows of earlier sessions.

Runs while the first requests are already out. Vectors of real rows are kept in the journal, so a resumed run encodes
nothing again.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import orjson

from synthgen.checks import LabelJudge, needs_vectors
from synthgen.checks.change import ChangeCheck
from synthgen.checks.label import LabelCheck
from synthgen.data.label_models import load_label_model
from synthgen.encoders import Encoder, open_encoder
from synthgen.encoders.metered import Metered
from synthgen.engine.events import Observer, Preparing
from synthgen.engine.judging.deduplicators import Deduplicators, make_deduplicators
from synthgen.engine.judging.evaluate import PoolJudge
from synthgen.engine.judging.likeness import SourceLikeness
from synthgen.engine.judging.stored import accept_stored, stored_dimensions
from synthgen.engine.planning.prepared import PreparedJob
from synthgen.engine.writer import JournalWriter
from synthgen.errors import JobError
from synthgen.identity import content_id
from synthgen.journal import ENCODER_KEY, StoredRow, VectorEntry
from synthgen.records import Candidate, Row

ENCODE_BATCH = 64
LABEL_CHECK_KEY = "label_check"
T = TypeVar("T")
Vectors = npt.NDArray[np.float16]


class EncoderRoom:
    """Where encoding happens: one thread, so that vectors do not depend on timing, and one encoder for all stages.

    Attributes:
        thread: The thread.
        known: Vectors of real rows that some stage has encoded or found stored, by text digest.
    """

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="encoder")
        self.known: dict[str, bytes] = {}
        self._encoder: Encoder | None = None

    def open(self, name: str) -> Encoder:
        """The job's encoder, opened once. Blocking: to be called on the thread."""
        if self._encoder is None:
            self._encoder = Metered(open_encoder(name))
            self._encoder.encode(["warm up"])
        return self._encoder

    def close(self) -> None:
        self.thread.shutdown(wait=False, cancel_futures=True)


class PoolBuilder:
    """Builds the judge of one stage for one session.

    Args:
        prepared: The stage.
        writer: Gives stored vectors and accepted rows, keeps new vectors.
        room: Where encoding happens.
        observe: Receives how far the encoding is.
    """

    def __init__(self, prepared: PreparedJob, writer: JournalWriter, room: EncoderRoom, observe: Observer) -> None:
        self._prepared, self._writer, self._room, self._observe = prepared, writer, room, observe
        self.train_vectors: Vectors | None = None
        self._stored: dict[str, bytes] = {}

    async def build(self) -> PoolJudge:
        """Everything needed to judge rows.

        Raises:
            JobError: The encoder cannot be loaded, or is not the one that judged the run so far.
            JournalError: The journal cannot be read.
        """
        dedups = await self._blocking(partial(make_deduplicators, self._prepared, await self._dimensions()))
        is_over, run_dir = threading.Event(), self._writer.journal.path.parent
        accepted = asyncio.get_running_loop().run_in_executor(None, accept_stored, dedups, run_dir, is_over.is_set)
        try:
            pools = await self._assembled(dedups)
            await accepted
        finally:
            is_over.set()
            accepted.cancel()
        return pools

    async def _dimensions(self) -> int | None:
        """Length of the vectors, from what is stored if possible: that can be taken in while the encoder is loaded."""
        if not self._prepared.needs_encoder:
            return None
        stored = await self._writer.call(partial(stored_dimensions, self._writer.journal))
        return stored or (await self._blocking(self._open_encoder)).dimensions

    async def _assembled(self, dedups: Deduplicators) -> PoolJudge:
        """The judge, as far as it follows from the job and the real rows."""
        prepared = self._prepared
        train, test = prepared.train.rows, prepared.test.rows if prepared.test else ()
        encoder = await self._blocking(self._open_encoder) if prepared.needs_encoder else None
        test_vectors: Vectors | None = None
        if encoder is not None:
            await self._writer.call(lambda: self._admit_encoder(encoder.identity))
            self.train_vectors, test_vectors = await self._real_vectors(encoder, train, test)
        pools = await self._blocking(
            lambda: assemble(prepared, dedups, encoder, self.train_vectors, test_vectors, self._stored)
        )
        if (judge := pools.label_judge) is not None:
            stated = orjson.dumps(judge.error.as_json()).decode()
            await self._writer.call(lambda: self._writer.journal.set_meta({LABEL_CHECK_KEY: stated}))
        return pools

    def _open_encoder(self) -> Encoder:
        return self._room.open(self._prepared.job.encoder)

    def _admit_encoder(self, identity: str) -> None:
        """Note whose vectors the decisions hold: those of two encoders must not meet."""
        journal = self._writer.journal
        before = journal.meta().get(ENCODER_KEY)
        if before == identity:
            return
        if before is not None and journal.committed_counts():
            raise JobError(
                f"encoder: '{self._prepared.job.encoder}' is not the model that judged this run's rows so far: "
                f"{before} then, {identity} now",
                hint="`synthgen replay` of the run's folder judges them all with the new one, without a request",
            )
        journal.set_meta({ENCODER_KEY: identity})

    async def _real_vectors(
        self, encoder: Encoder, train: Sequence[Row], test: Sequence[Row]
    ) -> tuple[Vectors, Vectors]:
        stored = await self._writer.call(lambda: self._writer.journal.vectors(encoder.identity))
        texts = {content_id(row.text): row.text for row in (*train, *test)}
        for text_digest in [d for d in texts if d not in stored and d in self._room.known]:
            stored[text_digest] = self._room.known[text_digest]
            self._writer.queue(VectorEntry(encoder.identity, text_digest, stored[text_digest]))
        missing = sorted((d for d in texts if d not in stored), key=lambda d: (len(texts[d]), texts[d]))
        for start in range(0, len(missing), ENCODE_BATCH):
            self._observe(Preparing("encoding real rows", start, len(missing)))
            batch = missing[start : start + ENCODE_BATCH]
            vectors = await self._blocking(lambda batch=batch: encoder.encode([texts[d] for d in batch]))  # type: ignore[misc]
            for text_digest, vector in zip(batch, vectors.astype(np.float16), strict=True):
                stored[text_digest] = vector.tobytes()
                self._writer.queue(VectorEntry(encoder.identity, text_digest, stored[text_digest]))
        if missing:
            self._observe(Preparing("encoding real rows", len(missing), len(missing)))
        self._room.known.update(stored)
        self._stored = stored
        return stack(train, stored, encoder.dimensions), stack(test, stored, encoder.dimensions)

    async def _blocking(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._room.thread, work)


def assemble(
    prepared: PreparedJob,
    dedups: Deduplicators,
    encoder: Encoder | None,
    train_vectors: Vectors | None,
    test_vectors: Vectors | None,
    stored: Mapping[str, bytes],
) -> PoolJudge:
    """The pool judge of a job. Blocking: the label classifier is trained here.

    Args:
        prepared: The job.
        dedups: Learn the real rows.
        encoder: Makes the rows' vectors, or None where the job needs none; the others are None with it.
        train_vectors: One for each real training row.
        test_vectors: One for each real test row.
        stored: What the journal holds of real rows and of texts that rows were made from, by text digest.
    """
    dedups.real.add_real(prepared.train.rows, train_vectors)
    dedups.real.add_test(prepared.test.rows if prepared.test else (), test_vectors)
    changes = [c for c in prepared.checks_of(ChangeCheck) if needs_vectors(c)]
    likeness = SourceLikeness(changes, encoder, stored) if changes and encoder is not None else None
    check = prepared.check(LabelCheck)
    if check is None or train_vectors is None:
        return PoolJudge(dedups, encoder, None, likeness)
    label_judge = make_label_judge(
        check, prepared.train.rows, train_vectors.astype(np.float32), seed=prepared.job.seed, base=prepared.base
    )
    return PoolJudge(dedups, encoder, label_judge, likeness)


def make_label_judge(
    check: LabelCheck, rows: Sequence[Row], vectors: npt.NDArray[np.float32], *, seed: int, base: Path
) -> LabelJudge:
    """The judge of a label check: trained on the real rows, or the user's model measured on them.

    Args:
        check: As the job says it.
        rows: Real training rows.
        vectors: A unit vector of each.
        seed: For the folds.
        base: The folder that the check's model is relative to.

    Raises:
        JobError: The user's model cannot be loaded or used.
    """
    labels = [row.label for row in rows]
    if check.model is None:
        return LabelJudge.train(vectors, labels, seed=seed, config=check)
    model, names = load_label_model(check.model, base=base, text=rows[0].text)
    return LabelJudge.of_model(model, names, [row.text for row in rows], labels, config=check)


def vectors_by_label(prepared: PreparedJob, train_vectors: Vectors) -> dict[str, npt.NDArray[np.float32]]:
    """Vectors of each class's training rows, in file order: what diverse seeds are picked by."""
    places: dict[str, list[int]] = {}
    for i, row in enumerate(prepared.train.rows):
        places.setdefault(row.label, []).append(i)
    return {label: train_vectors[found].astype(np.float32) for label, found in places.items()}


def stack(rows: Sequence[Row], stored: Mapping[str, bytes], dimensions: int) -> Vectors:
    """Stored vectors of real rows, one for each.

    Raises:
        KeyError: A row has none.
    """
    found = [np.frombuffer(stored[content_id(row.text)], dtype=np.float16) for row in rows]
    return np.stack(found) if found else np.empty((0, dimensions), dtype=np.float16)


def as_candidate(row: StoredRow) -> Candidate:
    return Candidate(row.row_id, row.slot_id, row.label, row.ordinal, row.item, row.text, dict(row.fields))


def as_vector(stored: bytes | None) -> npt.NDArray[np.float16] | None:
    return None if stored is None else np.frombuffer(stored, dtype=np.float16)
