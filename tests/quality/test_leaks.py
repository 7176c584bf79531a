"""A test on synthetic rows proves nothing: they are found by mark, id, equal and near text, and chance is no leak."""

from __future__ import annotations

from pathlib import Path

import pytest

from synthgen.errors import JobError
from synthgen.quality.leaks import find_matches, refuse_matches, refuse_synthetic_test
from synthgen.quality.tables import Table, read_table
from synthgen.records import Row
from tests.quality.conftest import MakeRows


def table(tmp_path: Path, text: str, name: str = "test.csv") -> Table:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_table(path)


@pytest.mark.parametrize("line", ["a,b,true,1", "a,b,1,1", "a,b,,r1:0123"])
def test_marked_rows_are_refused(tmp_path: Path, line: str) -> None:
    """One marked row is enough, with its place."""
    with pytest.raises(JobError, match=r"test\.csv: 1 of 2 rows .* row 2: a test on synthetic rows proves nothing"):
        refuse_synthetic_test(table(tmp_path, f"text,label,synthetic,id\nx,y,false,7\n{line}\n"))


def test_unmarked_rows_are_not_refused(tmp_path: Path) -> None:
    """Neither numbers for ids nor `synthetic: false`."""
    refuse_synthetic_test(table(tmp_path, "text,label,synthetic,id\nx,y,false,7\nz,y,0,8\n"))


def test_equal_and_near_rows_are_found(make_rows: MakeRows) -> None:
    """Equal in normal form, and a letter apart in a long text; not another row of the class."""
    test, made = make_rows("lost", 20, 1), make_rows("lost", 20, 2)
    made[3] = Row("s", test[5].text.upper() + "!", "lost")
    made[4] = Row("s", test[7].text + " s", "lost")
    found = find_matches(test, made, make_rows("lost", 20, 3))
    assert (set(found.exact), set(found.near)) == ({3}, {3, 4})
    assert (found.exact_tests, found.near_tests) == ((5,), (5, 7))
    assert found.near_real_tests == 0


def test_equal_rows_are_refused_and_chance_is_not(tmp_path: Path, make_rows: MakeRows) -> None:
    """One equal row refuses; as many near ones as real training rows have do not, more do."""
    rows = make_rows("lost", 40, 1)
    held = table(tmp_path, "text,label\n" + "".join(f"{r.text},lost\n" for r in rows))
    near = [Row("s", r.text + " s", "lost") for r in rows[:8]]
    real = make_rows("lost", 40, 3)
    with pytest.raises(JobError, match="1 of 40 test rows equal rows of made"):
        refuse_matches(find_matches(held.rows, [rows[0]], real), held, named="made.csv", rows=(1, 40))
    with pytest.raises(JobError, match="8 of 40 test rows nearly equal"):
        refuse_matches(find_matches(held.rows, near, real), held, named="made.csv", rows=(8, 40))
    refuse_matches(find_matches(held.rows, near[:2], real), held, named="made.csv", rows=(2, 40))
    refuse_matches(find_matches(held.rows, near, near), held, named="made.csv", rows=(8, 8))
