"""Rows of a user's file are written as they were: all columns, their order, their types."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from synthgen.data.whole import open_whole, refuse_overwriting
from synthgen.errors import JobError


def test_whole_csv_keeps_columns_order_and_values(tmp_path: Path) -> None:
    """Numbers stay as they are written, line breaks inside a cell stay, columns are not sorted."""
    source = tmp_path / "rows.csv"
    source.write_text('z,text,code\n1.50,"a\nb",007\n,c,008\nx,"d, e",009\n')
    table = open_whole(source)
    assert table.columns == ["z", "text", "code"]
    assert table.texts("text") == ["a\nb", "c", "d, e"]
    table.write(tmp_path / "out.csv", [0, 2], {})
    assert (tmp_path / "out.csv").read_text() == 'z,text,code\n1.50,"a\nb",007\nx,"d, e",009\n'


def test_whole_jsonl_lines_stay_byte_for_byte(tmp_path: Path) -> None:
    """Spaces, key order, escapes and nested values are the user's own; blank lines are none."""
    source = tmp_path / "rows.jsonl"
    lines = [b'{ "b": {"x": [1]}, "text": "\\u00e9" }', b"", b'{"text": null, "c": 1e3}', b'{"n": 2}']
    source.write_bytes(b"\r\n".join(lines))
    table = open_whole(source)
    assert table.columns == ["b", "text", "c", "n"]
    assert table.texts("text") == ["é", "", ""]
    table.write(tmp_path / "out.jsonl", [0, 2], {})
    assert (tmp_path / "out.jsonl").read_bytes() == lines[0] + b"\n" + lines[3] + b"\n"
    table.write(tmp_path / "more.jsonl", [1], {"n": [7], "stage": ["exact"]})
    assert (tmp_path / "more.jsonl").read_bytes() == b'{"text":null,"c":1000.0,"dedup_n":7,"stage":"exact"}\n'


def test_whole_parquet_keeps_types(tmp_path: Path) -> None:
    """A number stays a number and a list a list; a text column of numbers can be compared too."""
    frame = pl.DataFrame({"n": [1, 2, None], "tags": [["a"], [], None], "text": ["x", None, "y"]})
    frame.write_parquet(tmp_path / "rows.parquet")
    table = open_whole(tmp_path / "rows.parquet")
    assert table.texts("text") == ["x", "", "y"]
    assert table.texts("n") == ["1", "2", ""]
    table.write(tmp_path / "out.parquet", [2], {"similarity": [0.5]})
    written = pl.read_parquet(tmp_path / "out.parquet")
    assert written.schema == {**frame.schema, "similarity": pl.Float64}
    assert written["text"].to_list() == ["y"]
    table.write(tmp_path / "none.parquet", [], {})
    assert pl.read_parquet(tmp_path / "none.parquet").schema == frame.schema


class Unwritable:
    def __str__(self) -> str:
        raise ZeroDivisionError


def test_whole_leaves_nothing_half_written(tmp_path: Path) -> None:
    """A failed write leaves the file that was there, and no part of the new one."""
    (tmp_path / "rows.jsonl").write_text('{"text": "a"}\n')
    table = open_whole(tmp_path / "rows.jsonl")
    (tmp_path / "out.jsonl").write_text("before")
    with pytest.raises(ZeroDivisionError):
        table.write(tmp_path / "out.jsonl", [0], {"stage": [Unwritable()]})
    assert (tmp_path / "out.jsonl").read_text() == "before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.jsonl", "rows.jsonl"]
    (tmp_path / "file").write_text("")
    with pytest.raises(JobError, match="cannot be written"):
        table.write(tmp_path / "file" / "out.jsonl", [0], {})


@pytest.mark.parametrize(
    ("outputs", "why"),
    [
        (["in.csv"], "read"),
        (["./x/../in.csv"], "read"),
        (["a.csv", "a.csv"], "twice"),
        (["a.jsonl"], "format"),
        (["d.csv"], "folder"),
    ],
)
def test_whole_inputs_are_never_written_over(tmp_path: Path, outputs: list[str], why: str) -> None:
    """However the path is spelled."""
    (tmp_path / "x").mkdir()
    (tmp_path / "d.csv").mkdir()
    with pytest.raises(JobError, match=why):
        refuse_overwriting([tmp_path / name for name in outputs], [tmp_path / "in.csv"], suffix=".csv")


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("no.csv", None, "no such"),
        ("e.jsonl", b"", "empty"),
        ("a.txt", b"a", "txt"),
        ("b.jsonl", b'{"a":1}\n[]\n', ":2:"),
    ],
)
def test_whole_says_what_is_wrong_with_a_file(tmp_path: Path, name: str, content: bytes | None, why: str) -> None:
    """One line that names the file, or the line in it."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(JobError, match=why):
        open_whole(tmp_path / name)
