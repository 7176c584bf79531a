"""Tables as people have them: any dialect and encoding is read whole, or the line and the next step are named."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.data.reading import Reading, read_content
from synthgen.data.tables import load_rows
from synthgen.data.whole import open_whole
from synthgen.errors import JobError

ROWS = [
    ["text", "label"],
    ["Où est ma carte?", "perdue"],
    ["Sie ist weg, wirklich", "verloren"],
    ["7 £ fehlen", "geld"],
]


def written(separator: str) -> str:
    made = io.StringIO(newline="")
    csv.writer(made, delimiter=separator).writerows(ROWS)
    return made.getvalue()


@pytest.mark.parametrize("name", ["rows.csv", "ROWS.CSV", "rows.tsv", "rows.csv.gz"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"])
def test_a_table_is_read_by_looking(tmp_path: Path, name: str, separator: str, encoding: str) -> None:
    """Any separator in any encoding, packed or not; what was taken is said where it is not what the ending says."""
    data = written(separator).encode(encoding)
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    content = read_content(path)
    assert [list(row.values()) for row in content.rows] == ROWS[1:]
    assert content.columns == ROWS[0]
    usual = "\t" if ".tsv" in name else ","
    assert ("separated by" in content.taken) == (separator != usual)
    assert ("encoding" in content.taken) == (not encoding.startswith("utf-8"))


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ('text,label\nThe 5" cable is gone,lost\n', [['The 5" cable is gone', "lost"]]),
        ('label, text\nlost, "On the bus, please"\n', [["lost", "On the bus, please"]]),
        ('text,label\n"He said \\"hi\\", then left",a\n', [['He said "hi", then left', "a"]]),
        ("text,label\rone,a\rtwo,b\r", [["one", "a"], ["two", "b"]]),
        ('text,label\r\n"two\r\nlines",a\r\n', [["two\r\nlines", "a"]]),
        ("text\none row; here\n", [["one row; here"]]),
        ("\ufefftext,label\none,a\n\ntwo,b\n", [["one", "a"], [None, None], ["two", "b"]]),
        ("text,label\none\ntwo,b\n", [["one", None], ["two", "b"]]),
        ("text;label\n1,5;a\n2,5;b\n", [["1,5", "a"], ["2,5", "b"]]),
    ],
)
def test_csv_as_programs_write_it(tmp_path: Path, content: str, rows: list[list[str | None]]) -> None:
    """Inch marks, blanks after commas, backslashes, old line ends, a mark at the start, empty and short lines."""
    path = tmp_path / "t.csv"
    path.write_bytes(content.encode())
    assert [list(row.values()) for row in read_content(path).rows] == rows


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", "text,label\na,b\nc,d,e\n", "t.csv:3: 3 values, and the header has 2 columns: 'c,d,e'"),
        ("t.csv", 'text,label\na,b\n"open,c\nd,e\n', "t.csv:3: a quote is opened and never closed: '\"open,c'"),
        ("t.csv", "a;b,c;d\n1;2,3;4\n", "can be read as separated by commas or by semicolons"),
        ("t.csv", "text,text\na,b\n", "two columns are called 'text'"),
        ("t.csv", "I left my umbrella on the bus,lost\nand my hat,lost\n", "the first line reads like a row"),
        ("t.csv", "  \n\n", "the file is empty"),
        ("t.jsonl", '{"a": 1}\n{"a": \n', "t.jsonl:2: not a JSON line"),
        ("t.json", '{"a": [1, 2]', "not JSON"),
        ("t.json", "[1, 2]", "expected a list of objects"),
        ("t.csv.gz", "text,label\n", "cannot be read"),
        ("t.xlsx", "x", "cannot read '.xlsx' files"),
        ("t.csv.xz", "x", "cannot read '.xz' files"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_line(tmp_path: Path, name: str, content: str, said: str) -> None:
    """Never a traceback; the line's beginning is shown."""
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(JobError) as caught:
        read_content(path)
    assert said in str(caught.value)


def test_what_the_user_says_of_a_file_counts(tmp_path: Path) -> None:
    """A separator or an encoding that is named is taken without looking; one that does not fit is refused."""
    path = tmp_path / "t.csv"
    path.write_bytes("a;b,c;d\n1;2,3;4\n".encode("cp1250"))
    assert read_content(path, Reading(separator=";")).columns == ["a", "b,c", "d"]
    with pytest.raises(JobError, match="is not one character"):
        read_content(path, Reading(separator="--"))
    with pytest.raises(JobError, match="'utf-7777' is not known"):
        read_content(path, Reading(encoding="utf-7777"))
    path.write_bytes("text,label\nže,a\n".encode("cp1250"))
    assert read_content(path, Reading(encoding="cp1250")).rows[0]["text"] == "že"
    with pytest.raises(JobError, match=r"t\.csv:2: is not ascii"):
        read_content(path, Reading(encoding="ascii"))


def test_json_lists_and_large_numbers(tmp_path: Path) -> None:
    """A list of objects, or an object around one; a number beyond 64 bits stays what it is."""
    path = tmp_path / "t.json"
    path.write_text(json.dumps({"meta": 1, "data": [{"id": 2**70, "text": "a"}]}))
    assert read_content(path).rows[0] == {"id": 2**70, "text": "a"}
    table = open_whole(path)
    table.write(tmp_path / "out.json", [0], {})
    assert json.loads((tmp_path / "out.json").read_text()) == [{"id": 2**70, "text": "a"}]


def test_several_classes_a_row_are_refused_by_name(tmp_path: Path) -> None:
    """A list of classes is not a class with a strange name."""
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "a", "label": "x"}\n{"text": "b", "label": ["x", "y"]}\n')
    with pytest.raises(JobError, match=r"t\.jsonl:2: 'label' holds several classes"):
        load_rows(path, pool="train", text="text", label="label")


def test_missing_labels_of_a_parquet_file_are_no_class(tmp_path: Path) -> None:
    """Neither null nor NaN becomes a name; they are counted."""
    path = tmp_path / "t.parquet"
    pl.DataFrame({"text": ["a", "b", "c"], "label": [1.0, None, float("nan")]}).write_parquet(path)
    found = load_rows(path, pool="train", text="text", label="label")
    assert [(row.label, row.id) for row in found.rows] == [("1.0", "train:1")]
    assert found.skipped == 2


def test_a_path_is_a_path_and_no_pattern(tmp_path: Path) -> None:
    """Brackets and stars in a name are characters."""
    for name in ("part[12].csv", "part1.csv", "part2.csv"):
        (tmp_path / name).write_text(f"text,label\n{name},a\n")
    assert [row["text"] for row in read_content(tmp_path / "part[12].csv").rows] == ["part[12].csv"]


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), max_size=12)


@settings(max_examples=200)
@given(
    rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8),
    separator=st.sampled_from([",", ";", "\t", "|"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_every_cell_comes_back(tmp_path_factory: pytest.TempPathFactory, rows, separator, end) -> None:  # type: ignore[no-untyped-def]
    """What a csv writer wrote is read as it was, and rows are written as they stood."""
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    made = io.StringIO(newline="")
    writer = csv.writer(made, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(["first name", "second"])
    writer.writerows(rows)
    path.write_bytes(made.getvalue().encode())
    content = read_content(path, Reading(separator=separator))
    assert [tuple(row.values()) for row in content.rows] == rows
    table = open_whole(path, Reading(separator=separator))
    table.write(path.with_name("out.csv"), range(len(rows)), {})
    again = read_content(path.with_name("out.csv"), Reading(separator=separator))
    assert [tuple(row.values()) for row in again.rows] == rows
