"""The user's own Python objects, named `module:Name` in a job file."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from synthgen.errors import JobError


def load_object(reference: str, *, base: Path, field: str) -> Any:
    """Import `module:Name`, looking in the job file's folder first.

    Args:
        reference: `module:Name`.
        base: The job file's folder.
        field: Job field to blame.

    Raises:
        JobError: The module or the name does not exist, or importing it fails.
    """
    module_name, _, name = reference.partition(":")
    sys.path.insert(0, str(base))
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # importing runs the user's code: whatever it raises is theirs to read
        raise JobError(
            f"{field}: cannot import '{module_name}': {type(error).__name__}: {error}",
            hint=f"put {module_name}.py beside the job file, or install it",
        ) from None
    finally:
        sys.path.remove(str(base))
    if not hasattr(module, name):
        raise JobError(f"{field}: module '{module_name}' has no '{name}'")
    return getattr(module, name)


def load_check(reference: str, field: str, *, base: Path) -> Any:
    """`load_object` as `build_checks` wants it."""
    return load_object(reference, base=base, field=field)
