"""Tables land between their markers, pictures are whole, raw figures come back as they were."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.side_by_side import __main__ as suite
from bench.side_by_side import pages
from bench.side_by_side.cases import CASES
from bench.side_by_side.chart import Panel, draw
from bench.side_by_side.environments import Environment
from bench.side_by_side.measured import Rows, Run

ABOUT = {"command": "python -m bench.side_by_side", "made": "2026-11-21", "machine": "a machine", "rows": 100}
PAGE = "# Peers\n<!-- peers:begin -->\nold\n<!-- peers:end -->\nafter\n"


def runs() -> list[Run]:
    served = {"granted": 100, "max_in_flight": 9, "by_status": {"200": 100}, "repeats": 0, "received": 100}
    more = {"start_up_s": 0.5, "asking_s": 2.0, "cpu_s": 0.1, "peak_mib": 40.0}
    return [
        Run(peer, "100ms", turn, 100, 25, "done", 3.0, Rows(100, 0, 0), served, **more)  # type: ignore[arg-type]
        for turn in range(2)
        for peer in ("synthgen", "bare", "distilabel")
    ]


def test_words_between_markers_are_replaced_and_nothing_else() -> None:
    """Again and again with the same outcome."""
    once = pages.replace_between(PAGE, "peers", "new")
    assert once == "# Peers\n<!-- peers:begin -->\nnew\n<!-- peers:end -->\nafter\n"
    assert pages.replace_between(once, "peers", "new\n") == once


@pytest.mark.parametrize("page", ["no markers", PAGE + PAGE, "<!-- peers:end --> <!-- peers:begin -->"])
def test_a_page_without_its_markers_is_refused(page: str) -> None:
    """Missing, twice, or the wrong way round."""
    with pytest.raises(ValueError, match="peers:begin"):
        pages.replace_between(page, "peers", "new")


def test_a_page_is_written_only_where_it_has_its_markers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is left as it is otherwise, before anything is measured; the message names it."""
    tables = tmp_path / "benchmarks.md"
    tables.write_text("no markers\n")
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    monkeypatch.setattr(pages, "TABLES_PAGE", tables)
    with pytest.raises(ValueError, match=r"benchmarks\.md needs one line"):
        pages.write_docs("new")
    assert suite.main(["--write-docs", "--peers", "bare"]) == 2
    assert tables.read_text() == "no markers\n"
    tables.write_text(PAGE)
    pages.write_docs("")
    assert tables.read_text() == PAGE
    pages.write_docs("new")
    assert "new" in tables.read_text()


def test_raw_figures_come_back_as_they_were_and_give_the_same_tables() -> None:
    """A table can be made again from the file alone."""
    homes = {"distilabel": Environment(None, "no such version"), "bare": Environment("python", versions={"a": "1"})}
    text = pages.as_json(runs(), homes, ABOUT)
    back, their_homes, about = pages.from_json(text)
    assert back == runs()
    assert about == ABOUT
    assert pages.spell_tables(CASES, back, their_homes, about) == pages.spell_tables(CASES, runs(), homes, ABOUT)
    assert "**Memory" not in pages.spell_tables(CASES, back, their_homes, about)  # a column of the first table
    assert "**Memory" in pages.spell_tables([case for case in CASES if case.name == "memory"], back, their_homes, about)
    with pytest.raises(ValueError, match="not a file of raw figures"):
        pages.from_json(json.dumps({"runs": []}))


def test_cases_measured_one_at_a_time_make_one_page(tmp_path: Path) -> None:
    """Runs and environments of all files, each command named; the same case twice is refused."""
    tail = [replace(run, case="tail") for run in runs()]
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    first.write_text(pages.as_json(runs(), {"bare": Environment("python")}, ABOUT))
    second.write_text(pages.as_json(tail, {"curator": Environment(None, "gone")}, {**ABOUT, "command": "other"}))
    found, homes, about = pages.read_raw([first, second])
    assert found == [*runs(), *tail]
    assert set(homes) == {"bare", "curator"}
    assert about["command"] == "python -m bench.side_by_side`, `other"
    with pytest.raises(ValueError, match=r"a\.json holds a case .* 100ms"):
        pages.read_raw([first, first])


def test_pictures_are_whole_and_show_every_peer_that_was_measured() -> None:
    """SVG that parses, fetches nothing, and has a bar for each; what was not measured has no picture."""
    pictures = pages.draw_pictures(CASES, runs(), ABOUT)
    assert set(pictures) == {"peers-speed.svg", "peers-cost.svg"}
    for picture in pictures.values():
        words = "".join(ElementTree.fromstring(picture).itertext())
        assert all(name in words for name in ("synthgen, whole engine", "bare aiohttp", "distilabel"))
        assert "href" not in picture
    assert pages.draw_pictures(CASES, [], ABOUT) == {}


def test_a_missing_figure_is_said_and_hostile_words_are_escaped() -> None:
    """No bar of no length, no markup out of a name."""
    picture = draw("a <b>", "n & m", ["x<y", "z"], [Panel("p", "less", {"x<y": 3.0, "z": None})], accent="z")
    words = "".join(ElementTree.fromstring(picture).itertext())
    assert "no figure" in words
    assert "x<y" in words


def test_tables_are_made_again_from_raw_figures_by_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--from-raw` measures nothing; a file that is none is one line and exit 2."""
    raw = tmp_path / "raw.json"
    raw.write_text(pages.as_json(runs(), {}, ABOUT))
    assert suite.main(["--from-raw", str(raw), "--case", "100ms"]) == 1  # as fast as distilabel: missed
    assert "| distilabel | 100 | 50 | 1.00 (1.00 to 1.00)" in capsys.readouterr().out
    assert suite.main(["--from-raw", str(raw), str(raw)]) == 2
    raw.write_text("{")
    assert suite.main(["--from-raw", str(raw)]) == 2
    assert suite.main(["--from-raw", str(tmp_path / "none.json")]) == 2
    assert suite.main(["--peers", "nobody"]) == 2
    assert capsys.readouterr().err.count("bench.side_by_side: ") == 4


def test_what_was_run_is_described_so_that_it_can_be_run_again() -> None:
    """The command with what was given, and the machine without its name."""
    given = suite.read_arguments(["--case", "kill", "--rows", "300", "--peers", "bare,curator"])
    assert isinstance(given, argparse.Namespace)
    about = suite.describe(given)
    assert about["command"] == "python -m bench.side_by_side --case kill --peers bare,curator --rows 300"
    assert "Python" in about["machine"]
