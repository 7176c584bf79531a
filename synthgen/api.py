"""The engine from Python: the same job files, the same runs, the same guarantees as the command line."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from synthgen.engine.blueprint import Blueprint
    from synthgen.engine.events import Event, Observer
    from synthgen.engine.run import RunResult
    from synthgen.journal import StoredRow

OnChange = Literal["refuse", "keep"]


def run(
    job: str | Path, *, out: str | Path | None = None, on_change: OnChange = "refuse", observe: Observer | None = None
) -> RunResult:
    """Run a job until its targets are met, or go on with it where `out` holds its run.

    Args:
        job: Path of the job file.
        out: Run directory; `runs/NAME` by default.
        on_change: Where the run there has another prompt, model or data: stop, or keep its answers and go on.
        observe: Called with every event of the run.

    Returns:
        How the run stands; `exit_code` 0 means every target is met.

    Raises:
        JobError: The job or what it names is wrong.
        JournalError: The run directory cannot be used.
        ProviderError: An endpoint cannot be opened. (One that fails later ends the run with a reason instead.)
    """
    import anyio

    has_uvloop = importlib.util.find_spec("uvloop") is not None
    work = functools.partial(run_async, job, out=out, on_change=on_change, observe=observe)
    return anyio.run(work, backend="asyncio", backend_options={"use_uvloop": has_uvloop})


async def run_async(
    job: str | Path, *, out: str | Path | None = None, on_change: OnChange = "refuse", observe: Observer | None = None
) -> RunResult:
    """As `run`, inside an asyncio event loop that is already there.

    Cancellation: leaves at once; what is durable stays, the same call resumes.
    """
    from synthgen.engine.run import run_job
    from synthgen.providers.opening import open_provider

    blueprint = load_blueprint(Path(job))
    run_dir = Path(out) if out is not None else Path("runs") / blueprint.job.name
    return await run_job(
        blueprint, run_dir, open_provider=open_provider, observe=observe or _ignore, on_change=on_change
    )


def rows(run_dir: str | Path) -> Iterator[dict[str, Any]]:
    """Accepted rows of a run in commit order, as `synthgen export --format jsonl` writes them.

    Raises:
        JournalError: There is no run, or it cannot be read.
    """
    from synthgen.journal import Journal

    journal = Journal.read(Path(run_dir))
    try:
        meta = journal.meta()
        for row in journal.rows(accepted=True):
            yield as_exported(row, meta)
    finally:
        journal.close()


def as_exported(row: StoredRow, meta: Mapping[str, str]) -> dict[str, Any]:
    """One accepted row: the job's own fields, its id, the mark, and where it came from."""
    label_field = meta["label_field"]
    return {
        **row.fields,
        **({label_field: row.label} if label_field else {}),
        "id": row.row_id,
        "synthetic": True,
        "provenance": {
            "slot": row.slot_id,
            "template": meta["template_id"],
            "model": row.model,
            "seeds": row.draft.get("seeds", []),
            "attributes": row.draft.get("attributes", {}),
            "nearest": {name: row.nearest.get(name) for name in ("id", "similarity", "pool")},
            "checks": row.results,
        },
    }


def load_blueprint(path: Path) -> Blueprint:
    """Read a job file and everything it names.

    Raises:
        JobError: Any of it is wrong.
    """
    from synthgen.engine.blueprint import draw_blueprint
    from synthgen.errors import JobError
    from synthgen.job import parse_job
    from synthgen.recipes import resolve

    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise JobError(f"{path}: no such job file", hint="examples/minority/job.yaml is one to start from") from None
    except IsADirectoryError:
        raise JobError(f"{path}: a folder, not a job file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise JobError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    job, _ = resolve(parse_job(text, name=str(path)), name=str(path))
    return draw_blueprint(job, base=path.parent, name=str(path))


def _ignore(event: Event) -> None:
    pass
