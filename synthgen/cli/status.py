"""`synthgen status`: how far a run is, from any process, while it works or after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from synthgen.journal import Journal, StoredSession
    from synthgen.records import Usage
    from synthgen.review import ReviewStatus


@click.command("status")
@click.argument("run_dir", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line of stdout.")
@click.option(
    "--rejected", default=0, type=click.IntRange(0), help="Show this many rejected items with their evidence."
)
def command(run_dir: Path, as_json: bool, rejected: int) -> None:
    """Show how the run in DIR stands. Only reads."""
    import orjson

    from synthgen.engine.planning.stage_journals import found_stage_dirs, open_snapshots
    from synthgen.journal import Journal, RunLock

    owner = RunLock.owner(run_dir)
    Journal.require(run_dir)
    with open_snapshots(found_stage_dirs(run_dir)) as journals:
        status = _read(journals, owner)
        if as_json:
            click.echo(orjson.dumps({"run_dir": str(run_dir), **_facts(status, journals)}).decode())
            return
        for line in _lines(status, journals, run_dir.name, rejected):
            click.echo(line)


@dataclass(frozen=True, slots=True)
class _Status:
    """What a run's journals say, over all stages; `accepted` and `targets` are of the last one."""

    meta: Mapping[str, str]
    owner: str | None
    targets: dict[str, int]
    accepted: dict[str, int]
    rejections: dict[str, int]
    failed: int
    answers: int
    usage: Usage
    losses: tuple[int, Usage]
    sessions: Sequence[StoredSession]
    review: ReviewStatus | None

    @property
    def word(self) -> str:
        if self.owner:
            return "running"
        is_complete = all(self.accepted.get(label, 0) >= target for label, target in self.targets.items())
        return "complete" if is_complete else "stopped"


def _read(journals: Sequence[Journal], owner: str | None) -> _Status:
    import time

    import orjson

    from synthgen.engine.planning.stage_journals import losses_in_all, rejected_in_all
    from synthgen.records import Usage
    from synthgen.report.summary import seen_sessions
    from synthgen.review.status import SETTINGS_KEY, read_review_status

    last = journals[-1]
    meta = last.meta()
    return _Status(
        meta=meta,
        owner=owner,
        targets=orjson.loads(meta.get("targets", "{}")),
        accepted=last.accepted_counts(),
        rejections=rejected_in_all(journals),
        failed=sum(journal.failed_count() for journal in journals),
        answers=sum(journal.answers() for journal in journals),
        usage=sum((journal.usage() for journal in journals), Usage()),
        losses=losses_in_all(journals),
        sessions=seen_sessions(
            last.sessions(), is_live=owner is not None, last_answer_at=last.last_answered_at(), now=time.time()
        ),
        review=read_review_status(last) if SETTINGS_KEY in meta else None,
    )


def _facts(status: _Status, journals: Sequence[Journal]) -> dict[str, Any]:
    """The contract of `--json`."""
    import orjson

    meta, (lost, lost_usage) = status.meta, status.losses
    return {
        "status": status.word,
        "accepted": {label: status.accepted.get(label, 0) for label in status.targets},
        "targets": status.targets,
        "requests": status.answers,
        "rejected": status.rejections,
        "failed": status.failed,
        "usage": status.usage.as_json(),
        "losses": {"requests": lost, **lost_usage.as_json()},
        **({"stages": [_stage(journal) for journal in journals]} if len(journals) > 1 else {}),
        "label_check": orjson.loads(meta["label_check"]) if "label_check" in meta else None,
        "sessions": [
            {
                "started_at": s.started_at,
                "status": s.status,
                "reason": s.reason,
                "elapsed_s": round(s.elapsed_s or 0.0, 3),
            }
            for s in status.sessions
        ],
        **({"review": status.review.as_json()} if status.review else {}),
    }


def _lines(status: _Status, journals: Sequence[Journal], folder: str, rejected: int) -> Iterator[str]:
    """For a person."""
    from synthgen.report.summary import rejection_lines, sample_lines, session_lines, status_lines

    process = f" (process {status.owner})" if status.owner else ""
    yield f"{status.meta.get('name', folder)}: {status.word}{process}"
    yield from status_lines(status.accepted, status.targets, status.rejections, status.failed)
    usage = status.usage
    yield f"answers   {status.answers:,} paid for, {usage.input_tokens:,} + {usage.output_tokens:,} tokens"
    for stage in map(_stage, journals) if len(journals) > 1 else ():
        rows = f"{stage['requests']:,} answers, {sum(stage['accepted'].values()):,} rows accepted"
        yield f"stage     {stage['name']}: {rows}, {sum(stage['rejected'].values()):,} rejected"
    yield from session_lines(status.sessions, status.losses)
    if status.review:
        yield f"review    {status.review.acceptance.sentence()}"
    yield from sample_lines(journals[-1], list(status.targets))
    if rejected:
        yield "\nrejected:"
        items = chain.from_iterable(journal.rows(accepted=False) for journal in reversed(journals))
        yield from rejection_lines(items, count=rejected)


def _stage(journal: Journal) -> dict[str, Any]:
    """One stage, for `--json`."""
    return {
        "name": journal.meta().get("stage", ""),
        "requests": journal.answers(),
        "accepted": journal.accepted_counts(),
        "rejected": journal.rejected_counts(),
        "failed": journal.failed_count(),
    }
