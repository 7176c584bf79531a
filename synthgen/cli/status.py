"""`synthgen status`: how far a run is, from any process, while it works or after."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from synthgen.journal import Journal
    from synthgen.review import Standing


@click.command("status")
@click.argument("run_dir", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line of stdout.")
@click.option(
    "--rejected", default=0, type=click.IntRange(0), help="Show this many rejected items with their evidence."
)
def command(run_dir: Path, as_json: bool, rejected: int) -> None:
    """Show how the run in DIR stands. Only reads."""
    import time

    import orjson

    from synthgen.journal import Journal, RunLock
    from synthgen.report.summary import rejection_lines, sample_lines, seen_sessions, session_lines, standing_lines

    owner = RunLock.owner(run_dir)
    journal = Journal.read(run_dir)
    with contextlib.closing(journal), journal.snapshot():
        meta = journal.meta()
        targets = orjson.loads(meta.get("targets", "{}"))
        accepted, rejections = journal.accepted_counts(), journal.rejected_counts()
        usage, failed, answers = journal.usage(), journal.failed_count(), journal.answers()
        is_complete = all(accepted.get(label, 0) >= target for label, target in targets.items())
        losses = journal.losses_total()
        last_answer_at = journal.last_answered_at()
        sessions = seen_sessions(
            journal.sessions(), is_live=owner is not None, last_answer_at=last_answer_at, now=time.time()
        )
        review = _review(journal, meta)
        status = "running" if owner else "complete" if is_complete else "stopped"
        if as_json:
            facts = {
                "run_dir": str(run_dir),
                "status": status,
                "accepted": {label: accepted.get(label, 0) for label in targets},
                "targets": targets,
                "requests": answers,
                "rejected": rejections,
                "failed": failed,
                "usage": {
                    "input_tokens": usage.input_tokens,
                    "output_tokens": usage.output_tokens,
                    "usd": float(usage.usd),
                },
                "losses": {
                    "requests": losses[0],
                    "input_tokens": losses[1].input_tokens,
                    "output_tokens": losses[1].output_tokens,
                    "usd": float(losses[1].usd),
                },
                "label_check": orjson.loads(meta["label_check"]) if "label_check" in meta else None,
                "sessions": [
                    {
                        "started_at": s.started_at,
                        "status": s.status,
                        "reason": s.reason,
                        "elapsed_s": round(s.elapsed_s or 0.0, 3),
                    }
                    for s in sessions
                ],
                **({"review": review.as_json()} if review else {}),
            }
            click.echo(orjson.dumps(facts).decode())
            return
        click.echo(f"{meta.get('name', run_dir.name)}: {status}" + (f" (process {owner})" if owner else ""))
        for line in standing_lines(accepted, targets, rejections, failed):
            click.echo(line)
        click.echo(f"answers   {answers:,} bought, {usage.input_tokens:,} + {usage.output_tokens:,} tokens")
        for line in session_lines(sessions, losses):
            click.echo(line)
        if review:
            click.echo(f"review    {review.gate.sentence()}")
        for line in sample_lines(journal, list(targets)):
            click.echo(line)
        if rejected:
            click.echo("\nrejected:")
            for line in rejection_lines(journal.rows(accepted=False), count=rejected):
                click.echo(line)


def _review(journal: Journal, meta: Mapping[str, str]) -> Standing | None:
    """Where the spot check stands; None where nobody has begun one."""
    from synthgen.review.standing import SETTINGS_KEY, read_standing

    return read_standing(journal) if SETTINGS_KEY in meta else None
