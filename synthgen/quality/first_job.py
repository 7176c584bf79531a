"""A first job file for a table of real rows: columns, classes and targets read from it, every choice with its reason.

Writes text only: whoever calls it writes the file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import yaml

from synthgen.data.class_notes import row_notes
from synthgen.data.tables import RealRows
from synthgen.privacy import describe, redact_rows
from synthgen.privacy.patterns import PatternDetector
from synthgen.quality.mixing import MUCH_TIMES, synthetic_share
from synthgen.quality.tables import Table

MIN_SEEDS = 3
MAX_CLASSES_WRITTEN = 200
_LENGTH_MARGIN = 1.5


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a table asks for.

    Attributes:
        counts: Real rows by class.
        targets: Synthetic rows by class, those above 0 only.
        notes: What to mind, in whole sentences.
    """

    counts: Mapping[str, int]
    targets: Mapping[str, int]
    notes: tuple[str, ...]


def propose(table: Table) -> Proposal:
    """Targets by the mixing table: each class read as if all had as many rows, never above ten times its real rows."""
    counts = Counter(table.labels)
    targets = {
        label: _target(count, len(counts)) for label, count in sorted(counts.items(), key=lambda c: (c[1], c[0]))
    }
    targets = {label: count for label, count in targets.items() if count and counts[label] >= MIN_SEEDS}
    return Proposal(counts, targets or _smallest(counts), tuple(_notes(table, counts, targets)))


def _target(real: int, classes: int) -> int:
    share = synthetic_share(real * classes)
    return min(MUCH_TIMES * real, ceil(real * share / (1 - share)))


def _smallest(counts: Mapping[str, int]) -> dict[str, int]:
    """Where the table asks for nothing: a tenth more of the smallest class, to start with something."""
    label = min(counts, key=lambda name: (counts[name], name))
    return {label: max(1, counts[label] // 10)}


def _notes(table: Table, counts: Mapping[str, int], targets: Mapping[str, int]) -> list[str]:
    notes = []
    if not targets:
        notes.append(
            f"With {len(table.rows):,} rows the real ones are enough: the mixing table asks for no synthetic row. "
            "The target below is only to try it."
        )
    few = [label for label, count in counts.items() if count < MIN_SEEDS]
    if few:
        notes.append(
            f"Left out, having fewer than {MIN_SEEDS} rows to write after: {_some(few)}. Write some by hand first."
        )
    if len(counts) > 1 and max(counts.values()) >= 5 * min(counts.values()):
        low, high = min(counts, key=lambda c: counts[c]), max(counts, key=lambda c: counts[c])
        notes.append(f"Unbalanced: {counts[low]:,} rows of '{low}', {counts[high]:,} of '{high}'.")
    if table.skipped:
        notes.append(f"Rows with an empty text or label, which are not used: {table.skipped:,}.")
    notes += [f"{note[0].upper()}{note[1:]}." for note in row_notes(RealRows(table.path, table.rows, 0, table.taken))]
    personal = redact_rows(table.rows, PatternDetector())
    if personal:
        notes.append(
            f"Rows with personal data ({describe(personal.counts)}): {len(personal.rows):,}. Prompts show surrogate "
            "values for it; names and postal addresses are not looked for."
        )
    repeats = len(table.rows) - len({(row.text.casefold(), row.label) for row in table.rows})
    if repeats:
        notes.append(f"Rows that repeat another one word for word: {repeats:,}.")
    return notes


def render_job(table: Table, proposal: Proposal, *, train: str, test: str | None, name: str) -> str:
    """The job file as text.

    Args:
        table: The real rows.
        proposal: What was proposed for them.
        train: The table's path as the job file will say it.
        test: The test file's likewise; None where there is none.
        name: Of the job.
    """
    has_labels = table.label is not None
    low, high = _lengths(table)
    lines = [
        "# Written by `synthgen init`. Look it over, then:  synthgen plan THIS_FILE   (sends nothing, costs nothing)",
        f"# {len(table.rows):,} real rows" + (f", {len(proposal.counts)} classes." if has_labels else "."),
        *(f"# {note}" for note in proposal.notes),
        f"name: {_scalar(name)}",
        "data:",
        f"  train: {_scalar(train)}",
        f"  test: {_scalar(test)}"
        if test
        else "  # test: test.csv       # real rows kept apart: never shown, and nothing like them is accepted",
        f"  text: {_scalar(table.text)}",
        *([f"  label: {_scalar(table.label or '')}"] if has_labels else []),
        "",
        *_target_lines(proposal, has_labels),
        "",
        "models:",
        "  # Any OpenAI-compatible server. Prices of known models are built in.",
        "  - provider: openai",
        "    model: gpt-4o-mini",
        "    api_key_env: OPENAI_API_KEY       # the one environment variable that is read",
        "    # base_url: http://127.0.0.1:8000/v1     # vLLM, Ollama, llama.cpp, ...",
        "    params: {temperature: 0.9, max_tokens: 1000}",
        "  # Or the small embedded model, without key or network (then also: template: balance/continue.j2 below,",
        "  # and no `items`):",
        "  # - {provider: local, params: {temperature: 0.8, min_p: 0.15, max_tokens: 64}}",
        "",
        f"prompt: {{seeds: {_seeds(proposal)}, items: 5}}     # real rows shown, and rows asked for, in each request",
        "",
        "# What each class means, in a sentence: the best single thing to add.",
        *_description_lines(proposal, has_labels),
        "",
        "checks:                     # added to the recipe's own (refusals, chatter, placeholders, copies, ...)",
        f"  - {{check: length, min_chars: {low}, max_chars: {high}}}      # real rows: 99 of 100 are within, with room",
        *(
            ["  - {check: label}          # a classifier trained on your real rows must not read another class"]
            if has_labels and len(proposal.counts) > 1
            else []
        ),
        "  - {check: duplicate, threshold: 0.95}",
        "",
        "budget: {max_usd: 5, deadline: 8h}    # reserved before sending, never exceeded",
        "seed: 0",
    ]
    return "\n".join(lines) + "\n"


def _target_lines(proposal: Proposal, has_labels: bool) -> list[str]:
    if not has_labels:
        return [f"targets: {sum(proposal.targets.values())}       # accepted rows wanted"]
    shown = list(proposal.targets.items())[:MAX_CLASSES_WRITTEN]
    lines = ["targets:                              # accepted rows wanted, by class; real rows there are"]
    lines += [f"  {_scalar(label) + f': {count}':<34}  # {proposal.counts[label]:,}" for label, count in shown]
    left = len(proposal.targets) - len(shown)
    return [*lines, f"  # and {left} more classes that could do with some"] if left > 0 else lines


def _description_lines(proposal: Proposal, has_labels: bool) -> list[str]:
    if not has_labels:
        return []
    label = next(iter(proposal.targets))
    return ["# descriptions:", f'#   {_scalar(label)}: "..."']


def _seeds(proposal: Proposal) -> int:
    return min(5, min(proposal.counts[label] for label in proposal.targets))


def _lengths(table: Table) -> tuple[int, int]:
    """Bounds in characters that leave room around what 99 of 100 real rows have."""
    lengths = sorted(len(row.text) for row in table.rows)
    cut = len(lengths) // 200
    return max(1, int(lengths[cut] / _LENGTH_MARGIN)), max(10, ceil(lengths[-1 - cut] * _LENGTH_MARGIN))


def job_name(path: Path) -> str:
    """A job's name from its data file's."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-._") or "job"


def _scalar(text: str) -> str:
    """A string as YAML takes it: plain where that reads back as the same string, else quoted."""
    dumped = yaml.safe_dump(text, allow_unicode=True, width=10_000).removesuffix("\n...\n").rstrip("\n")
    is_plain = re.fullmatch(r"[A-Za-z_][\w ./-]*", text) is not None and text.casefold() not in (
        "true",
        "false",
        "null",
    )
    return dumped if is_plain and "\n" not in dumped else _quoted(text)


def _quoted(text: str) -> str:
    import orjson

    return orjson.dumps(text).decode()


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
