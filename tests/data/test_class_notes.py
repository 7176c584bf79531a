"""What a person should know of the rows is said before anything is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from synthgen.data.class_notes import row_notes
from synthgen.data.tables import RealRows, load_rows
from synthgen.records import Row


def notes(*rows: tuple[str, str], skipped: int = 0, taken: str = "") -> list[str]:
    made = tuple(Row(f"train:{i}", text, label) for i, (text, label) in enumerate(rows, 1))
    return row_notes(RealRows(Path("t.csv"), made, skipped, taken))


def test_rows_as_they_should_be_need_no_word() -> None:
    """Several rows a class, each text in one."""
    assert notes(("a", "x"), ("b", "x"), ("c", "y"), ("d", "y")) == []


@pytest.mark.parametrize(
    ("one", "other"), [("spam", "Spam "), ("HAM", "ham"), ("oubli\u00e9", "oublie\u0301"), ("a b", "a  b")]
)
def test_classes_that_look_like_one_are_named(one: str, other: str) -> None:
    """By case, spaces, or how a letter is composed."""
    (note,) = notes(("a", one), ("b", one), ("c", other), ("d", other))
    assert "look like one class" in note
    assert ("composed" in note) == ("\u0301" in other)


def test_texts_with_two_classes_and_lonely_classes_and_missing_labels_are_counted() -> None:
    """With the rows' numbers, so that they can be found."""
    found = notes(("card", "x"), ("b", "x"), ("card", "y"), ("d", "y"), ("e", "z"), skipped=2, taken="encoding cp1252")
    assert found == [
        "t.csv was read as: encoding cp1252",
        "2 rows of t.csv have an empty text or label and are not used",
        "texts with more than one class: 1: 'card' as x (train:1) and y (train:3)",
        "classes with one real row only: 1: z",
    ]


def test_a_file_says_how_it_was_read(tmp_path: Path) -> None:
    """From the reader to the note."""
    path = tmp_path / "t.csv"
    path.write_text("text;label\na;x\nb;x\n")
    (note,) = row_notes(load_rows(path, pool="train", text="text", label="label"))
    assert note.endswith("was read as: separated by semicolons")
