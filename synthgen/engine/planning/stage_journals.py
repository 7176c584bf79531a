"""Where a run's stages keep their journals, and what the others hear of a stage.

The last stage's journal is the run's own; each stage before it has one under `stages/`, of the same shape, so whatever
looks at a run can look at a stage.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from synthgen.engine.events import Event, Observer, Preparing, SlotCommitted, StageProgress
from synthgen.engine.planning.prepared import PreparedJob
from synthgen.journal import JOURNAL_NAME, Journal, WritableJournal
from synthgen.records import Usage

STAGES_DIR = "stages"


def stage_dirs(run_dir: Path, prepared: PreparedJob) -> list[Path]:
    """Folders of the stages' journals, the run's own last."""
    *before, _ = prepared.stages
    return [*(run_dir / STAGES_DIR / f"{b.number + 1}-{b.stage.name}" for b in before), run_dir]


def found_stage_dirs(run_dir: Path) -> list[Path]:
    """Folders of the journals that a run has, its own last, whatever its job says today."""
    before = sorted((run_dir / STAGES_DIR).glob(f"*/{JOURNAL_NAME}"), key=_number)
    return [*(path.parent for path in before), run_dir]


def _number(path: Path) -> int:
    number = path.parent.name.partition("-")[0]
    return int(number) if number.isdecimal() else 0


@contextlib.contextmanager
def open_journals(dirs: Sequence[Path]) -> Iterator[list[WritableJournal]]:
    """The journals of a run's stages, for writing; folders are made where they are not there.

    Raises:
        JournalError: One of them cannot be opened.
    """
    with contextlib.ExitStack() as stack:
        journals = []
        for folder in dirs:
            folder.mkdir(parents=True, exist_ok=True)
            journal = Journal.create(folder)
            stack.callback(journal.close)
            journals.append(journal)
        yield journals


@contextlib.contextmanager
def open_snapshots(dirs: Sequence[Path]) -> Iterator[list[Journal]]:
    """The journals of a run's stages, to look only, each as it stands now.

    Raises:
        JournalError: One of them cannot be opened.
    """
    with contextlib.ExitStack() as stack:
        journals = [stack.enter_context(contextlib.closing(Journal.read(folder))) for folder in dirs]
        for journal in journals:
            stack.enter_context(journal.snapshot())
        yield journals


def rejected_in_all(journals: Sequence[Journal]) -> dict[str, int]:
    """Rejected items of all stages, by reason, the most frequent first."""
    counts: Counter[str] = Counter()
    for journal in journals:
        counts.update(journal.rejected_counts())
    return dict(counts.most_common())


def losses_in_all(journals: Sequence[Journal]) -> tuple[int, Usage]:
    """Calls of all stages that brought no answer and may have been billed, and what they may have cost."""
    found = [journal.losses_total() for journal in journals]
    return sum(requests for requests, _ in found), sum((usage for _, usage in found), Usage())


def stage_observer(prepared: PreparedJob, observe: Observer) -> Observer:
    """What a run's observer hears of a stage whose rows are not the run's: how far it is."""

    def report(event: Event) -> None:
        match event:
            case Preparing():
                observe(event)
            case SlotCommitted():
                observe(StageProgress(prepared.stage.name, event.label, event.ordinal + 1, event.accepted))
            case _:
                pass

    return report
