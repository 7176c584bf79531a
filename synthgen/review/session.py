"""One reviewer's place at a run's sample: what is shown next, and what was said, durable before it returns.

The run's directory is locked for the moment of a write and not between, so that several people can review one run at
the same time, and a run that is resumed meanwhile is not held up: then a verdict is refused with the reason, not lost
in silence.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from synthgen.errors import JobError, JournalError
from synthgen.journal import Journal, RunHeld, RunLock, StoredRow, StoredVerdict, WritableJournal
from synthgen.review.context import Context, read_context
from synthgen.review.sample import Sample
from synthgen.review.status import SETTINGS_KEY, ReviewStatus, Settings, add_up, read_review_status, read_settings
from synthgen.review.verdicts import NOTE, UNDO, Opinions, Verdict, read_opinions
from synthgen.text import visible

MAX_NOTE_CHARS = 2_000
MAX_NAME_CHARS = 80
_MAX_SHOWN_CHARS = 200_000
_LOCK_PATIENCE_S = 2.0
_LOCK_PAUSE_S = 0.02


class ReviewSession:
    """Open with `open_session`.

    Args:
        run_dir: The run's folder.
        reviewer: Who sits here.
        context: What is shown beside the rows.
        sample: The rows, in the order in which they are shown.
        clock: Unix time.
    """

    def __init__(
        self, run_dir: Path, reviewer: str, context: Context, sample: Sample, clock: Callable[[], float] = time.time
    ) -> None:
        self.run_dir, self.reviewer, self.context, self.sample = run_dir, reviewer, context, sample
        self._clock = clock
        self._places = {row.mark.row_id: place for place, row in enumerate(sample.rows)}

    def status(self) -> ReviewStatus:
        """Where the spot check stands, everybody's verdicts counted."""
        return add_up(self.sample, self._opinions())

    def mine(self) -> Opinions:
        """What this reviewer said."""
        return self._opinions().get(self.reviewer, Opinions())

    def next_place(self, after: int = -1) -> int | None:
        """Place of the first row without a verdict of this reviewer behind `after`, else from the front; None: done."""
        said = self.mine().said
        open_places = [p for p, row in enumerate(self.sample.rows) if row.mark.row_id not in said]
        return next((p for p in open_places if p > after), open_places[0] if open_places else None)

    def place_of(self, row_id: str) -> int:
        """Where a row of the sample stands in it."""
        return self._places[row_id]

    def card(self, place: int) -> dict[str, Any]:
        """What is shown of the row at a place of the sample.

        Raises:
            JobError: The run's rows were judged anew since the sample was drawn.
            IndexError: There is no such place.
        """
        if not 0 <= place < len(self.sample.rows):
            raise IndexError(place)
        sampled = self.sample.rows[place]
        with contextlib.closing(Journal.read(self.run_dir)) as journal:
            row = journal.row(sampled.mark.position, sampled.mark.item)
        if row is None or row.row_id != sampled.mark.row_id or row.reason is not None:
            raise JobError(f"{self.run_dir}: the run's rows changed since this review began", hint="start it again")
        mine = self.mine()
        return {
            "place": place,
            "row_id": row.row_id,
            "is_extra": sampled.is_extra,
            **self._shown(row),
            "verdict": mine.said.get(row.row_id),
            "note": mine.notes.get(row.row_id, ""),
        }

    def record(self, row_id: str, verdict: Verdict, note: str | None = None) -> None:
        """Keep a verdict; it is durable when this returns.

        Raises:
            JobError: The row is not in the sample, or the note is too long.
            JournalError: A run works in the directory, or the disk fails: nothing was kept.
        """
        self._write([(row_id, verdict, note)])

    def record_note(self, row_id: str, note: str) -> None:
        """Keep a note about a row, empty to take it away. Raises as `record`."""
        self._write([(row_id, NOTE, note)])

    def record_all(self, acts: Sequence[tuple[str, Verdict, str | None]]) -> None:
        """Keep many verdicts, all or none. Raises as `record`."""
        self._write(acts)

    def undo(self) -> int | None:
        """Take back the last verdict; the place of its row in the sample, or None where there is nothing to undo."""
        last = self.mine().last
        if last is None:
            return None
        self._append([(last, UNDO, None)])
        return self._places.get(last)

    def _shown(self, row: StoredRow) -> dict[str, Any]:
        context = self.context
        fields = {k: v for k, v in row.fields.items() if k not in (context.text_field, context.label_field)}
        seeds = row.draft.get("seeds", [])
        return {
            "label": _shown(row.label),
            "description": _shown(context.descriptions.get(row.label, "")),
            "text": _shown(row.text),
            "fields": {_shown(k): _shown(v) for k, v in fields.items()},
            "attributes": {_shown(k): _shown(v) for k, v in row.draft.get("attributes", {}).items()},
            "seeds": [{"id": i, "text": _shown(context.seeds[i])} for i in seeds if i in context.seeds],
            "seeds_missing": context.seeds_missing if seeds else "",
            "model": _shown(row.model),
        }

    def _opinions(self) -> dict[str, Opinions]:
        with contextlib.closing(Journal.read(self.run_dir)) as journal:
            return read_opinions(journal.verdicts())

    def _write(self, acts: Sequence[tuple[str, str, str | None]]) -> None:
        for row_id, _, note in acts:
            if row_id not in self._places:
                raise JobError(f"{row_id}: not a row of this sample", hint="start the review again")
            if note is not None and len(note) > MAX_NOTE_CHARS:
                raise JobError(f"{row_id}: a note may have {MAX_NOTE_CHARS:,} characters, this one has {len(note):,}")
        self._append(acts)

    def _append(self, acts: Sequence[tuple[str, str, str | None]]) -> None:
        now = self._clock()
        entries = [StoredVerdict(self.reviewer, row_id, str(act), note, now) for row_id, act, note in acts]
        with writing(self.run_dir) as journal:
            journal.add_verdicts(entries)


def open_session(run_dir: Path, *, reviewer: str, size: int, extra: int) -> ReviewSession:
    """Sit down at a run's sample, and note its size in the journal, so that every reviewer and export mean the same.

    Args:
        run_dir: The run's folder.
        reviewer: Who.
        size: Rows drawn evenly; a sample does not shrink, so the largest that was ever asked for counts.
        extra: Rows drawn besides from those that the label check was least sure of; likewise.

    Raises:
        JobError: The name is no name, or there is no accepted row to look at.
        JournalError: There is no run, a process works on it, or the disk fails.
    """
    if not reviewer.strip() or len(reviewer) > MAX_NAME_CHARS or not reviewer.isprintable():
        raise JobError(f"--reviewer: a name of 1 to {MAX_NAME_CHARS} printable characters is needed")
    Journal.require(run_dir)
    with writing(run_dir) as journal:
        meta = journal.meta()
        if not any(journal.accepted_counts().values()):
            raise JobError(f"{run_dir}: no accepted row to look at", hint="synthgen status says how far the run is")
        before = read_settings(meta) or Settings(0, 0)
        settings = Settings(max(size, before.size), max(extra, before.extra))
        if settings != before:
            stored = orjson.dumps({"size": settings.size, "extra": settings.extra}).decode()
            journal.set_meta({SETTINGS_KEY: stored})
        sample = read_review_status(journal, settings).sample
    return ReviewSession(run_dir, reviewer.strip(), read_context(meta), sample)


@contextlib.contextmanager
def writing(run_dir: Path) -> Iterator[WritableJournal]:
    """The run's journal to write to, for a moment.

    Raises:
        JournalError: A process works on the run for longer than another reviewer's write takes; or the disk fails.
    """
    with contextlib.ExitStack() as stack:
        _enter_patiently(stack, run_dir)
        yield stack.enter_context(contextlib.closing(Journal.create(run_dir)))


def _enter_patiently(stack: contextlib.ExitStack, run_dir: Path) -> None:
    deadline = time.monotonic() + _LOCK_PATIENCE_S
    while True:
        try:
            stack.enter_context(RunLock(run_dir))
            return
        except RunHeld:
            if time.monotonic() > deadline:
                owner = RunLock.owner(run_dir)
                raise JournalError(
                    f"{run_dir}: a run works here now"
                    + (f" (process {owner})" if owner else "")
                    + ": nothing was kept",
                    hint="wait until it ends, or stop it with Ctrl-C; its rows can be reviewed then",
                ) from None
        time.sleep(_LOCK_PAUSE_S)


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return visible(text, max_chars=_MAX_SHOWN_CHARS)
