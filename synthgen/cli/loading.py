"""From a job file's path to a blueprint: the one way every command takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from synthgen.errors import JobError

if TYPE_CHECKING:
    from synthgen.engine.blueprint import Blueprint


def load_blueprint(path: Path) -> Blueprint:
    """Read a job file and everything it names.

    Raises:
        JobError: Any of it is wrong.
    """
    from synthgen.engine.blueprint import draw_blueprint
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
