"""The real rows of a job: which column is the text and which the class, and what counts as a usable row.

Files are read by `reading`. Every value is read as text: a label `007` stays `007`.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from synthgen.data.reading import Content, Reading, read_content
from synthgen.errors import JobError
from synthgen.records import Row

AS_READ = Reading()


@dataclass(frozen=True, slots=True)
class RealRows:
    """What one data file held.

    Attributes:
        path: The file; None where a job names none.
        rows: Usable rows in file order.
        skipped: Rows left out because their text or label was empty.
        taken: What was found by looking at the file, in words; empty where nothing was.
    """

    path: Path | None
    rows: tuple[Row, ...]
    skipped: int
    taken: str = ""

    def by_label(self) -> dict[str, list[Row]]:
        """Rows of each class, in file order."""
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            found.setdefault(row.label, []).append(row)
        return found


def load_rows(path: Path, *, pool: str, text: str, label: str | None, reading: Reading = AS_READ) -> RealRows:
    """Read the rows of one file.

    Args:
        path: csv, tsv, jsonl, json or parquet, told by its ending.
        pool: `train` or `test`; prefixes the row ids.
        text: Column that holds the text.
        label: Column that holds the class, or None.
        reading: How a csv file is to be read.

    Raises:
        JobError: No such file, unreadable, a column missing, several classes in one row, or no usable row.
    """
    content = read_content(path, reading)
    for column in (text,) if label is None else (text, label):
        require_column(column, content.columns, path)
    texts = content.texts(text)
    labels = [""] * len(texts) if label is None else read_labels(content, label)
    rows = tuple(
        Row(id=f"{pool}:{number}", text=clean_text, label=clean_label)
        for number, (clean_text, clean_label) in enumerate(zip(texts, labels, strict=True), 1)
        if clean_text and (clean_label or label is None)
    )
    if not rows:
        raise JobError(
            f"{path}: no usable row: {len(texts)} rows, all with an empty '{text}'"
            + (f" or '{label}'" if label else ""),
            hint="put at least a few real rows of every class you want more of into this file",
        )
    return RealRows(path, rows, len(texts) - len(rows), content.taken)


def read_labels(content: Content, column: str) -> list[str]:
    """The column of classes as text.

    Raises:
        JobError: A row has several classes.
    """
    for number, row in enumerate(content.rows):
        if isinstance(row.get(column), list | tuple | dict):
            raise JobError(
                f"{content.where(number)}: '{column}' holds several classes: {content.texts(column)[number]}",
                hint="a row has one class here: make a column with one class a row, or one row for each class",
            )
    return content.texts(column)


def require_column(column: str, columns: Sequence[str], path: Path, *, hint: str = "") -> None:
    """See that a file has a column.

    Raises:
        JobError: It has not, with the nearest name that it has.
    """
    if column in columns:
        return
    near = difflib.get_close_matches(column, columns, n=1, cutoff=0.5)
    guess = f"; did you mean '{near[0]}'?" if near else ""
    raise JobError(
        f"{path}: no column '{column}'{guess} (columns: {', '.join(columns)})",
        hint=hint or "set data.text and data.label in the job file to this file's column names",
    )
