"""synthgen: exactly N accepted rows of synthetic training data, from a language model, without losing a paid answer.

    import synthgen

    result = synthgen.run("job.yaml", out="runs/mine")
    for row in synthgen.rows("runs/mine"):
        ...

What this page names is the public interface; everything else may move. Names load when first used, so importing the
package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synthgen.api import dedup_rows, rows, run, run_async
    from synthgen.engine.running.run import RunResult
    from synthgen.errors import BudgetExhausted, JobError, JournalError, ProviderError, SynthgenError
    from synthgen.quality.dedup import DedupResult

__version__ = "0.1.0"
__all__ = [
    "BudgetExhausted",
    "DedupResult",
    "JobError",
    "JournalError",
    "ProviderError",
    "RunResult",
    "SynthgenError",
    "dedup_rows",
    "rows",
    "run",
    "run_async",
]

_HOMES = {
    "DedupResult": "synthgen.quality.dedup",
    "RunResult": "synthgen.engine.running.run",
    "dedup_rows": "synthgen.api",
    "rows": "synthgen.api",
    "run": "synthgen.api",
    "run_async": "synthgen.api",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'synthgen' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES.get(name, "synthgen.errors")), name)
