"""What `journal verify` found, in lines of text."""

from __future__ import annotations

from collections.abc import Iterator

from synthgen.engine.audit.findings import Findings


def finding_lines(findings: Findings) -> Iterator[str]:
    """For a person."""
    for what, count in findings.checked.items():
        yield f"checked   {count:,} {what}"
    yield from (f"skipped   {what}" for what in findings.skipped)
    yield from (f"note      {note}" for note in findings.notes)
    if findings.is_clean:
        yield "clean     everything that was checked is as it should be"
        return
    yield f"WRONG     {findings.difference_count:,} differences, the first {len(findings.differences)}:"
    yield from (f"  {difference}" for difference in findings.differences)
