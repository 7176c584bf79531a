"""`synthgen status`: how far a run is, from any process, while it works or after."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from synthgen.journal import Journal
    from synthgen.review import ReviewStatus


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

    from synthgen.engine.planning.stage_journals import found_stage_dirs, losses_in_all, open_snapshots, rejected_in_all
    from synthgen.journal import Journal, RunLock
    from synthgen.records import Usage
    from synthgen.report.summary import rejection_lines, sample_lines, seen_sessions, session_lines, status_lines

    owner = RunLock.owner(run_dir)
    Journal.require(run_dir)
    with open_snapshots(found_stage_dirs(run_dir)) as journals:
        journal = journals[-1]
        meta = journal.meta()
        targets = orjson.loads(meta.get("targets", "{}"))
        accepted, rejections = journal.accepted_counts(), rejected_in_all(journals)
        usage = sum((j.usage() for j in journals), Usage())
        failed, answers = sum(j.failed_count() for j in journals), sum(j.answers() for j in journals)
        is_complete = all(accepted.get(label, 0) >= target for label, target in targets.items())
        losses = losses_in_all(journals)
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
                **({"stages": [_stage(j) for j in journals]} if len(journals) > 1 else {}),
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
        for line in status_lines(accepted, targets, rejections, failed):
            click.echo(line)
        click.echo(f"answers   {answers:,} bought, {usage.input_tokens:,} + {usage.output_tokens:,} tokens")
        for stage in map(_stage, journals) if len(journals) > 1 else ():
            told = f"{stage['requests']:,} answers, {sum(stage['accepted'].values()):,} rows accepted"
            click.echo(f"stage     {stage['name']}: {told}, {sum(stage['rejected'].values()):,} rejected")
        for line in session_lines(sessions, losses):
            click.echo(line)
        if review:
            click.echo(f"review    {review.acceptance.sentence()}")
        for line in sample_lines(journal, list(targets)):
            click.echo(line)
        if rejected:
            click.echo("\nrejected:")
            for line in rejection_lines(chain(*(j.rows(accepted=False) for j in reversed(journals))), count=rejected):
                click.echo(line)


def _stage(journal: Journal) -> dict[str, Any]:
    """One stage, for `--json`."""
    return {
        "name": journal.meta().get("stage", ""),
        "requests": journal.answers(),
        "accepted": journal.accepted_counts(),
        "rejected": journal.rejected_counts(),
        "failed": journal.failed_count(),
    }


def _review(journal: Journal, meta: Mapping[str, str]) -> ReviewStatus | None:
    """Where the spot check stands; None where nobody has begun one."""
    from synthgen.review.status import SETTINGS_KEY, read_review_status

    return read_review_status(journal) if SETTINGS_KEY in meta else None
