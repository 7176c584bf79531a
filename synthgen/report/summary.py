"""How a run stands, in a few lines of text: at its end, and for `synthgen status`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from synthgen.engine.running.run import RunResult
from synthgen.journal import Journal, StoredRow, StoredSession
from synthgen.records import Usage
from synthgen.report.progress import duration, printable

SAMPLE_ROWS = 5


def result_lines(result: RunResult) -> Iterator[str]:
    """What a session came to: rows, rejections, cost, a sample, and the next command."""
    yield from status_lines(result.accepted, result.targets, result.rejected, result.failed)
    cost = _cost(result.usage)
    yield f"answers   {result.requests:,} paid for in all, {cost}; this session {duration(result.elapsed_s)}"
    outlook = result.outlook
    if outlook is not None and outlook.requests:
        yield f"to come   about {outlook.requests:,} requests for {outlook.missing:,} rows, {outlook.cost}"
    journal = Journal.read(result.run_dir)
    try:
        yield from sample_lines(journal, list(result.targets))
    finally:
        journal.close()
    yield ""
    yield f"journal   {result.run_dir}"
    if result.status == "complete":
        yield f"next      synthgen export {result.run_dir} --format csv --output {Path(result.run_dir) / 'rows.csv'}"


def status_lines(
    accepted: Mapping[str, int], targets: Mapping[str, int], rejected: Mapping[str, int], failed: int
) -> Iterator[str]:
    """Accepted of target for each class, and rejections by reason."""
    width = max((len(label) for label in targets), default=4)
    for label, target in targets.items():
        count = accepted.get(label, 0)
        state = "  met" if count >= target else ""
        yield f"{printable(label or 'rows'):<{width}}  {count:>7,} of {target:,} rows{state}"
    if rejected:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(rejected.items(), key=lambda x: -x[1]))
        yield f"rejected  {sum(rejected.values()):,} ({reasons})"
    if failed:
        yield f"failed    {failed:,} requests failed permanently"


def seen_sessions(
    sessions: Sequence[StoredSession], *, is_live: bool, last_answer_at: float | None, now: float
) -> list[StoredSession]:
    """The sessions with a duration each, the last one as it is now: at work, or dead without having said so.

    Args:
        sessions: As the journal has them.
        is_live: Whether a process holds the run.
        last_answer_at: Unix time of the last answer, which is when a dead session was last seen alive.
        now: Unix time.
    """
    return [_seen(s, is_live=is_live, alive_at=now if is_live else last_answer_at) for s in sessions]


def _seen(session: StoredSession, *, is_live: bool, alive_at: float | None) -> StoredSession:
    if session.status != "running":
        return session
    elapsed_s = max(0.0, (alive_at or 0.0) - session.started_at)
    return replace(session, status="running" if is_live else "crashed", elapsed_s=elapsed_s)


def session_lines(sessions: Sequence[StoredSession], losses: tuple[int, Usage]) -> Iterator[str]:
    """How often and how long the run was worked on, and what may have been paid for nothing."""
    if sessions:
        worked_s = sum(s.elapsed_s or 0.0 for s in sessions)
        crashed = sum(s.status == "crashed" for s in sessions)
        died = f", {crashed} of them died" if crashed else ""
        yield f"sessions  {len(sessions):,}{died}, {duration(worked_s)} in all"
    requests, usage = losses
    if requests:
        cost = f"{usage.total_tokens:,} tokens" + (f", ${usage.usd:.4f}" if usage.usd else "")
        yield f"losses    possibly billed without an answer: {requests:,} requests, {cost}"


def sample_lines(journal: Journal, labels: Sequence[str]) -> Iterator[str]:
    """A few accepted rows of each class, evenly over the run."""
    for label in labels:
        rows = journal.sample(label, count=SAMPLE_ROWS)
        if rows:
            yield ""
            yield f"{label or 'rows'}:"
            yield from (f"  {printable(row)[:160]}" for row in rows)


def rejection_lines(rows: Iterator[StoredRow], *, count: int) -> Iterator[str]:
    """The last rejected items with their reasons and evidence."""
    for row in islice(rows, count):
        evidence = ", ".join(f"{k}: {printable(str(v))[:60]}" for k, v in row.evidence.items())
        yield f"  {row.reason}: {printable(row.text)[:100]}  ({evidence})"


def _cost(usage: Usage) -> str:
    tokens = f"{usage.input_tokens:,} + {usage.output_tokens:,} tokens"
    return f"{tokens}, ${usage.usd:.4f}" if usage.usd else tokens
