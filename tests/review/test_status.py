"""A reviewer's place, the files for one elsewhere, and what all of it adds up to."""

from __future__ import annotations

import contextlib
import csv
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from synthgen.errors import JobError, JournalError
from synthgen.journal import Journal
from synthgen.review.csv_sheet import read_csv_sheet, write_csv_sheet
from synthgen.review.session import ReviewSession, open_session
from synthgen.review.status import ReviewStatus, read_review_status
from synthgen.review.terminal import review_in_terminal
from synthgen.review.verdicts import Verdict
from tests.finished_run import TRAIN, Item, make_run, plain_items


def desk_of(run_dir: Path, reviewer: str = "ada", *, size: int = 100, extra: int = 20) -> ReviewSession:
    return open_session(run_dir, reviewer=reviewer, size=size, extra=extra)


def standing_of(run_dir: Path) -> ReviewStatus:
    with contextlib.closing(Journal.read(run_dir)) as journal:
        return read_review_status(journal)


def judge(session: ReviewSession, verdicts: dict[int, Verdict], *, count: int) -> None:
    for place in range(count):
        session.record(session.sample.rows[place].mark.row_id, verdicts.get(place, Verdict.KEEP))


def test_verdicts_are_in_the_journal_at_once(tmp_path: Path) -> None:
    """Another process sees each verdict as soon as it was given; 59 without an error pass, 58 do not."""
    run_dir = make_run(tmp_path, plain_items(300))
    assert standing_of(run_dir).state == "unreviewed"
    session = desk_of(run_dir)
    judge(session, {}, count=58)
    assert (standing_of(run_dir).acceptance.looked_at, standing_of(run_dir).state) == (58, "undecided")
    session.record(session.sample.rows[58].mark.row_id, Verdict.KEEP)
    assert standing_of(run_dir).state == "passed"


def test_every_kind_of_error_counts_and_skips_do_not(tmp_path: Path) -> None:
    """Wrong label, unnatural and harmful are errors; a skipped row is as if nobody had looked."""
    run_dir = make_run(tmp_path, plain_items(300))
    kinds = {0: Verdict.WRONG_LABEL, 1: Verdict.UNNATURAL, 2: Verdict.HARMFUL, 3: Verdict.SKIP}
    judge(desk_of(run_dir), kinds, count=10)
    acceptance = standing_of(run_dir).acceptance
    assert (acceptance.looked_at, acceptance.errors) == (9, 3)


def test_extra_rows_do_not_decide(tmp_path: Path) -> None:
    """Errors in the disagreement queue move the weighted estimate, not the gate, which counts what was drawn evenly."""
    items = [Item("late", f"row {i}", results={"label_probability": i / 400}) for i in range(400)]
    run_dir = make_run(tmp_path, items)
    session = desk_of(run_dir, size=60, extra=10)
    rows = session.sample.rows
    assert [row.is_extra for row in rows] == [False] * 60 + [True] * 10
    judge(session, dict.fromkeys(range(60, 70), Verdict.WRONG_LABEL), count=70)
    status = standing_of(run_dir)
    assert (status.state, status.acceptance.looked_at, status.acceptance.errors) == ("passed", 60, 0)
    queued = sum(row.is_queued for row in rows)
    assert status.weighted_error_ratio == pytest.approx(40 * (10 / queued) / 400)
    assert status.as_json()["queue"] == {"rows": 40, "extra": 10, "looked_at": 10, "errors": 10}


def test_a_sample_does_not_shrink(tmp_path: Path) -> None:
    """Asking for fewer rows later cannot take errors out of the count."""
    run_dir = make_run(tmp_path, plain_items(300))
    assert len(desk_of(run_dir, size=50).sample.rows) == 50
    assert len(desk_of(run_dir, "bob", size=10).sample.rows) == 50
    assert len(desk_of(run_dir, "bob", size=80).sample.rows) == 80


def test_two_reviewers_are_compared(tmp_path: Path) -> None:
    """Each has a pace of their own; rows that both judged are compared, and one's error is enough to count."""
    run_dir = make_run(tmp_path, plain_items(100))
    judge(desk_of(run_dir, "ada"), {0: Verdict.WRONG_LABEL}, count=10)
    bob = desk_of(run_dir, "bob")
    assert bob.next_place() == 0
    judge(bob, {0: Verdict.WRONG_LABEL, 1: Verdict.UNNATURAL}, count=8)
    facts = standing_of(run_dir).as_json()
    assert facts["reviewers"] == {
        "ada": {"wrong_label": 1, "keep": 9},
        "bob": {"wrong_label": 1, "unnatural": 1, "keep": 6},
    }
    (agreement,) = facts["agreements"]
    assert (agreement["rows"], agreement["agreed"], agreement["kappa"]) == (8, 7, pytest.approx(13 / 21))
    assert (facts["looked_at"], facts["errors"]) == (10, 2)


def test_verdicts_on_rows_that_are_gone_are_counted_apart(tmp_path: Path) -> None:
    """Rows that a replay dropped keep their verdicts, which decide nothing any more."""
    run_dir = make_run(tmp_path, plain_items(40))
    judge(desk_of(run_dir), {}, count=40)
    journal = Journal.create(run_dir)
    journal._db.execute("DELETE FROM decisions WHERE label = 'lost'")
    journal.close()
    status = standing_of(run_dir)
    assert (status.elsewhere, status.acceptance.looked_at, status.acceptance.is_census) == (20, 20, True)


def test_review_of_a_live_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a run works in the folder nothing is kept, and the message says so."""
    monkeypatch.setattr("synthgen.review.session._LOCK_PATIENCE_S", 0.05)
    run_dir = make_run(tmp_path, plain_items(10))
    session = desk_of(run_dir)
    code = (
        "import sys, time; from pathlib import Path; from synthgen.journal import RunLock\n"
        "with RunLock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code, str(run_dir)], stdout=subprocess.PIPE, text=True)
    with owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        with pytest.raises(JournalError, match=f"a run works here now .process {owner.pid}.: nothing was kept"):
            session.record(session.sample.rows[0].mark.row_id, Verdict.KEEP)
        owner.kill()
    session.record(session.sample.rows[0].mark.row_id, Verdict.KEEP)


def test_review_needs_rows_and_a_name(tmp_path: Path) -> None:
    """An empty run, a folder that is none, and a nameless reviewer are told so."""
    empty = make_run(tmp_path / "empty", [], targets={"late": 5})
    with pytest.raises(JobError, match="no accepted row"):
        desk_of(empty)
    with pytest.raises(JournalError, match="no run here"):
        desk_of(tmp_path)
    with pytest.raises(JobError, match="--reviewer"):
        desk_of(make_run(tmp_path / "full", plain_items(3)), "  ")


def test_card_shows_seeds_only_while_they_are_what_they_were(tmp_path: Path) -> None:
    """The real rows that a prompt showed stand beside the row; a training file that has changed is not quoted."""
    run_dir = make_run(tmp_path, plain_items(4))
    card = desk_of(run_dir).card(0)
    assert [seed["text"] for seed in card["seeds"]] == ["where is my parcel", "my parcel is late"]
    (tmp_path / "train.csv").write_text(TRAIN.replace("parcel", "secret"))
    card = desk_of(run_dir).card(0)
    assert card["seeds"] == []
    assert "not what it was" in card["seeds_missing"]


# --- CSV ------------------------------------------------------------------------------------------------------------


def read_csv(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))


def write_csv(path: Path, rows: list[dict[str, str]], *, delimiter: str = ",") -> Path:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(out.getvalue(), encoding="utf-8-sig")
    return path


def test_sheet_there_and_back(tmp_path: Path) -> None:
    """A sample filled in elsewhere comes back as that reviewer's verdicts; taking it over twice changes nothing."""
    run_dir = make_run(tmp_path, plain_items(30))
    path = tmp_path / "sample.csv"
    assert write_csv_sheet(desk_of(run_dir), path) == 30
    rows = read_csv(path)
    rows[0]["verdict"], rows[0]["note"] = "Wrong label", "is lost"
    rows[1]["verdict"], rows[2]["verdict"] = "keep", "k"
    bob = desk_of(run_dir, "bob")
    assert read_csv_sheet(bob, write_csv(tmp_path / "filled.csv", rows, delimiter=";")) == 3
    assert read_csv_sheet(bob, tmp_path / "filled.csv") == 0
    assert standing_of(run_dir).as_json()["reviewers"] == {"bob": {"wrong_label": 1, "keep": 2}}
    assert bob.mine().notes == {rows[0]["row_id"]: "is lost"}


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-2", "@SUM(A1)", "\t=1", "\r=1"])
def test_sheet_holds_no_formula(tmp_path: Path, text: str) -> None:
    """What a spreadsheet would run gets an apostrophe in front."""
    run_dir = make_run(tmp_path, [Item("late", text, fields={"mood": text}), Item("=late()", "x")])
    write_csv_sheet(desk_of(run_dir), tmp_path / "sample.csv")
    for row in read_csv(tmp_path / "sample.csv"):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values())


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda rows: rows[3].update(verdict="maybe"), r"filled.csv:\d+: unknown verdict 'maybe'"),
        (
            lambda rows: rows[3].update(row_id="r1:nobody"),
            r"filled.csv:\d+: row 'r1:nobody' is not in this run's sample",
        ),
        (lambda rows: rows[3].update(row_id=""), r"filled.csv:\d+: no row_id"),
        (lambda rows: rows[3].update(row_id=rows[0]["row_id"]), r"filled.csv:\d+: row .* stands at line \d+ too"),
        (lambda rows: rows[3].update(note="x" * 2001), r"filled.csv:\d+: the note has 2,001"),
        (lambda rows: [row.pop("verdict") for row in rows], r"filled.csv:1: no column 'verdict'"),
    ],
)
def test_bad_sheet_names_its_line_and_takes_nothing_over(
    tmp_path: Path, spoil: Callable[[list[dict[str, str]]], object], said: str
) -> None:
    """One bad line, and not a single verdict of the file is kept."""
    run_dir = make_run(tmp_path, plain_items(6))
    session = desk_of(run_dir)
    write_csv_sheet(session, tmp_path / "sample.csv")
    rows = [{**row, "verdict": "keep"} for row in read_csv(tmp_path / "sample.csv")]
    spoil(rows)
    with pytest.raises(JobError, match=said):
        read_csv_sheet(session, write_csv(tmp_path / "filled.csv", rows))
    assert standing_of(run_dir).state == "unreviewed"


def test_sheet_is_never_written_over_anything(tmp_path: Path) -> None:
    """A file that is there stays, a filled in sample above all; what cannot be read as one is told."""
    run_dir = make_run(tmp_path, plain_items(3))
    write_csv_sheet(desk_of(run_dir), tmp_path / "sample.csv")
    filled = (tmp_path / "sample.csv").read_bytes() + b"mine"
    (tmp_path / "sample.csv").write_bytes(filled)
    with pytest.raises(JobError, match="not written over"):
        write_csv_sheet(desk_of(run_dir), tmp_path / "sample.csv")
    assert (tmp_path / "sample.csv").read_bytes() == filled
    for content in (b"\xff\xfe\x00bad", b""):
        (tmp_path / "bad.csv").write_bytes(content)
        with pytest.raises(JobError):
            read_csv_sheet(desk_of(run_dir), tmp_path / "bad.csv")


# --- terminal ---------------------------------------------------------------------------------------------------------


def play(session: ReviewSession, keys: str, lines: str = "") -> str:
    shown = io.StringIO()
    remaining = iter(keys)
    typed = io.StringIO(lines)
    console = Console(file=shown, width=100, force_terminal=False)
    review_in_terminal(session, console, read_key=lambda: next(remaining, ""), read_line=typed.readline)
    return shown.getvalue()


def test_terminal_takes_keys(tmp_path: Path) -> None:
    """Verdicts, undo, moving about, a note, leaving in the middle, and going on there."""
    run_dir = make_run(tmp_path, plain_items(5))
    session = desk_of(run_dir)
    play(session, "kwz?unq", "a bit stiff\n")
    said = session.mine()
    first, second, third = (row.mark.row_id for row in session.sample.rows[:3])
    assert said.said == {first: Verdict.KEEP, second: Verdict.UNNATURAL}
    assert said.notes == {third: "a bit stiff"}
    shown = play(session, "kkk")
    assert "3 of 5" in shown.splitlines()[0]
    assert "done: every row of the sample has a verdict of ada" in shown
    assert standing_of(run_dir).acceptance.is_census


def test_terminal_shows_hostile_rows_safely(tmp_path: Path) -> None:
    """Escape sequences, direction marks and console markup of a row are shown, not obeyed; 100 kB are cut."""
    run_dir = make_run(tmp_path, [Item("late", "\x1b[31mred \u202egnp.exe [bold]x[/bold] " + "y" * 100_000)])
    shown = play(desk_of(run_dir), "q")
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "[bold]x[/bold]" in shown
    assert len(shown) < 20_000
