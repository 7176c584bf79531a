"""What the package promises to the outside: names, quick help, documented exit codes."""

from __future__ import annotations

import subprocess
import sys

import pytest

import synthgen
from synthgen import errors

HEAVY = (
    "torch", "sentence_transformers", "transformers", "sklearn", "scipy", "numpy", "polars", "pydantic", "aiohttp",
    "openai", "anyio", "rich", "jinja2", "yaml", "xllamacpp", "genai_prices", "sqlite3", "uvloop", "orjson",
)  # fmt: skip


def test_public_names_are_exactly_these() -> None:
    """A new public name is a decision, not an accident; each one can be had."""
    assert synthgen.__all__ == [
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
    assert all(getattr(synthgen, name) is not None for name in synthgen.__all__)
    with pytest.raises(AttributeError):
        synthgen.nonsense  # noqa: B018


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["export", "--help"],
        ["simulate", "--help"],
        ["review", "--help"],
        ["report", "--help"],
        ["dedup", "--help"],
    ],
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    """Help loads click and our own light modules: what makes it quick, without timing it."""
    code = f"""
import sys
from synthgen.cli import cli
try:
    cli.main({arguments!r}, standalone_mode=False)
finally:
    loaded = [m for m in {HEAVY!r} if m in sys.modules]
    print("LOADED", loaded, len([m for m in sys.modules if m.startswith("synthgen")]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage:" in done.stdout
    assert "LOADED []" in done.stdout, done.stdout.splitlines()[-1]


def test_start_of_a_run_leaves_out_what_the_first_request_does_not_need() -> None:
    """Prices and back-off come with the first answer and the first failure; peers' packages never."""
    code = """
import sys
import synthgen.cli.run, synthgen.engine.running.run, synthgen.providers.openai
late = ("tenacity", "genai_prices", "httpx2", "openai", "polars", "torch", "sentence_transformers", "sklearn", "rich")
print("LOADED", [name for name in late if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "LOADED []" in done.stdout, done.stdout


def test_exit_codes_are_the_documented_ones() -> None:
    """2 the user's file, 3 the provider, 4 the disk, 5 a budget."""
    codes = {e.__name__: e.exit_code for e in (errors.JobError, errors.ProviderError, errors.JournalError)}
    assert codes == {"JobError": 2, "ProviderError": 3, "JournalError": 4}
    assert errors.BudgetExhausted.exit_code == 5
    assert {e.exit_code for e in errors.ProviderError.__subclasses__()} == {3}
