"""The engine from Python: the same job files, the same runs, the same guarantees as the command line."""

from __future__ import annotations

import functools
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from synthgen.engine.changes.admit import Admission
    from synthgen.engine.changes.preview import Preview
    from synthgen.engine.events import Event, Observer
    from synthgen.engine.planning.prepared import PreparedJob
    from synthgen.engine.running.run import RunResult
    from synthgen.journal import StoredRow
    from synthgen.quality.dedup import DedupResult
    from synthgen.recipes import Recipe

OnChange = Literal["refuse", "keep", "ask"]
Confirm: TypeAlias = "Callable[[Preview], bool | None]"


def run(
    job: str | Path,
    *,
    out: str | Path | None = None,
    on_change: OnChange = "refuse",
    confirm: Confirm | None = None,
    pilot: int | None = None,
    observe: Observer | None = None,
) -> RunResult:
    """Run a job until its targets are met, or go on with it where `out` holds its run.

    Args:
        job: Path of the job file.
        out: Run directory; `runs/NAME` by default.
        on_change: Where the run there has another prompt, model or data: stop, keep its answers and go on, or ask
            first, which also asks before decisions are recomputed.
        confirm: Who is asked: handed what the change means and costs, it says whether to go on (None: nobody is there
            to say, so as `refuse`). By default it asks on the terminal.
        pilot: Answers to ask for before it stops, with what the rest will take as `outlook`; None runs to the end.
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
    work = functools.partial(_run, *_settled(job, out, on_change, confirm), pilot=pilot, observe=observe)
    return anyio.run(work, backend="asyncio", backend_options={"use_uvloop": has_uvloop})


async def run_async(
    job: str | Path,
    *,
    out: str | Path | None = None,
    on_change: OnChange = "refuse",
    confirm: Confirm | None = None,
    pilot: int | None = None,
    observe: Observer | None = None,
) -> RunResult:
    """As `run`, inside an asyncio event loop that is already there. `confirm` is called before anything is awaited.

    Cancellation: leaves at once; what is durable stays, the same call resumes.
    """
    return await _run(*_settled(job, out, on_change, confirm), pilot=pilot, observe=observe)


def _settled(
    job: str | Path, out: str | Path | None, on_change: OnChange, confirm: Confirm | None
) -> tuple[PreparedJob, Path, Admission]:
    """The job read, and whoever has to be asked asked: a person at a prompt must not hold up an event loop."""
    prepared = load_prepared(Path(job))
    run_dir = Path(out) if out is not None else Path("runs") / prepared.job.name
    if on_change != "ask":
        return prepared, run_dir, on_change
    from synthgen.engine.changes.admit import settle_by_asking

    return prepared, run_dir, settle_by_asking(prepared, run_dir, confirm or _confirm_on_terminal)


def _confirm_on_terminal(preview: Preview) -> bool | None:
    """Ask on stderr, so that stdout stays a program's; None where nobody is there to answer."""
    if not sys.stdin.isatty() or not sys.stderr.isatty():
        sys.stderr.write("synthgen: no terminal to ask on, so a changed job is treated as by `refuse`\n")
        return None
    from synthgen.report.progress import printable

    sys.stderr.writelines(f"{printable(line)}\n" for line in preview.lines())
    sys.stderr.write("go on? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


async def _run(
    prepared: PreparedJob, run_dir: Path, on_change: Admission, *, pilot: int | None, observe: Observer | None
) -> RunResult:
    from synthgen.engine.running.run import run_job
    from synthgen.providers.opening import open_provider

    return await run_job(
        prepared,
        run_dir,
        open_provider=open_provider,
        observe=observe or _ignore,
        on_change=on_change,
        pilot=pilot,
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


def dedup_rows(
    rows: Iterable[str | Mapping[str, Any]],
    *,
    text: str = "text",
    against: Iterable[str | Mapping[str, Any]] = (),
    threshold: float = 0.95,
    lexical: float | None = 0.7,
    encoder: str = "all-MiniLM-L6-v2",
    has_borderline: bool = False,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> DedupResult:
    """Which rows to keep so that none is near another, as `synthgen dedup` decides.

    Args:
        rows: Texts, or mappings that hold one.
        text: Where a mapping holds it.
        against: Other rows that no kept one may be near.
        threshold: Cosine at or above which two rows are the same.
        lexical: Jaccard overlap of character 3-grams at or above which they are; None looks at no character n-grams.
        encoder: As a job file names it; `none` looks at no embeddings.
        has_borderline: Whether to name the nearest row of kept ones where it is just below a threshold.
        on_progress: Called with what is done, how many rows of how many.

    Returns:
        Numbers of the kept rows, and each removed row with the one it repeats.

    Raises:
        JobError: A setting is out of bounds, a row has no such text, or the encoder cannot be loaded.
    """
    from synthgen.quality.dedup import DedupSettings, dedup_texts

    settings = DedupSettings(threshold, lexical, encoder, has_borderline)
    texts, others = _texts(rows, text, "rows"), _texts(against, text, "against")
    return dedup_texts(texts, against=others, settings=settings, on_progress=on_progress)


def _texts(rows: Iterable[str | Mapping[str, Any]], text: str, name: str) -> list[str]:
    found: list[str] = []
    for number, row in enumerate(rows):
        value = row if isinstance(row, str) else row.get(text, "") if text in row else row
        if value is not None and not isinstance(value, str):
            from synthgen.errors import JobError

            raise JobError(f"{name}[{number}]: no text under '{text}'", hint="say where it stands: text='...'")
        found.append(value or "")
    return found


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
            **({"source": row.draft["source"]} if "source" in row.draft else {}),
            "attributes": row.draft.get("attributes", {}),
            "nearest": {name: row.nearest.get(name) for name in ("id", "similarity", "pool")},
            "checks": row.results,
        },
    }


def load_prepared(path: Path) -> PreparedJob:
    """Read a job file and everything it names.

    Raises:
        JobError: Any of it is wrong.
    """
    return load_job(path)[0]


def load_job(path: Path) -> tuple[PreparedJob, Recipe]:
    """As `load_prepared`, with the recipe that the job follows.

    Raises:
        JobError: Any of it is wrong.
    """
    from synthgen.engine.planning.prepare import prepare_job
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
    job, recipe = resolve(parse_job(text, name=str(path)), name=str(path), base=path.parent)
    return prepare_job(job, base=path.parent, name=str(path)), recipe


def _ignore(event: Event) -> None:
    pass
