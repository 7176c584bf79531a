"""The run's file: what it was given it gives back, all of a commit or none."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.errors import JournalError
from synthgen.journal import CommittedSlot, FailedSlot, Journal, RunLock, VectorEntry, pages
from synthgen.records import (
    Candidate,
    Completion,
    Decision,
    Failure,
    FailureKind,
    Nearest,
    Reason,
    Rejection,
    Usage,
)


def completion(ordinal: int = 0, *, label: str = "late", step: int = 0, text: str = "hi") -> Completion:
    usage = Usage(10, 5, Decimal("0.00012"))
    draft = {"seeds": ["train:1"], "attributes": {"tone": "calm"}}
    return Completion(f"s1:{label}{ordinal}", label, ordinal, step, text, "stop", usage, "m", "e", 1, 0.5, 12.0, draft)


def committed(
    ordinal: int = 0, *, label: str = "late", reasons: tuple[Reason | None, ...] = (None,), is_failed: bool = False
) -> CommittedSlot:
    decisions = tuple(
        Decision(
            Candidate(
                f"r1:{label}{ordinal}.{i}", f"s1:{label}{ordinal}", label, ordinal, i, f"row {i}", {"text": f"row {i}"}
            ),
            Rejection(reason, {"chars": 3}) if reason else None,
            Nearest("train:1", 0.5, "train"),
            b"\x00\x3c",
            {"label_probability": 0.9},
        )
        for i, reason in enumerate(() if is_failed else reasons)
    )
    return CommittedSlot(f"s1:{label}{ordinal}", label, ordinal, is_failed, decisions)


@pytest.fixture
def journal(tmp_path: Path):  # type: ignore[no-untyped-def]
    opened = Journal.create(tmp_path)
    yield opened
    opened.close()


def test_journal_gives_back_what_it_was_given(journal: Journal) -> None:
    """Completions, rows, vectors and totals come back as the values that went in."""
    journal.apply(
        [completion(), completion(step=1), committed(reasons=(None, Reason.TOO_SHORT)), VectorEntry("e", "d", b"ab")]
    )
    assert journal.completions("late", 0) == [completion(), completion(step=1)]
    accepted, rejected = list(journal.rows(accepted=True)), list(journal.rows(accepted=False))
    assert [(r.row_id, r.fields, r.vector, r.draft["seeds"], r.model) for r in accepted] == [
        ("r1:late0.0", {"text": "row 0"}, b"\x00\x3c", ["train:1"], "m")
    ]
    assert [(r.reason, r.evidence) for r in rejected] == [("too_short", {"chars": 3})]
    assert journal.vectors("e") == {"d": b"ab"}
    assert journal.vectors("other") == {}
    assert journal.usage() == Usage(20, 10, Decimal("0.00024"))
    assert (journal.answers(), journal.accepted_counts(), journal.committed_counts()) == (2, {"late": 1}, {"late": 1})


def test_journal_adds_money_exactly(journal: Journal) -> None:
    """Ten thousand small prices add up to the cent: money is never a float."""
    journal.apply([completion(i) for i in range(1000)])
    assert journal.usage().usd == Decimal("0.12")


@given(st.text())
def test_journal_keeps_any_text(text: str) -> None:
    """Whatever a model says can be stored; only lone surrogates, which UTF-8 cannot hold, are replaced."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        journal = Journal.create(Path(folder))
        journal.apply([completion(text=text)])
        (found,) = journal.completions("late", 0)
        journal.close()
    assert found.text == text.encode("utf-8", "replace").decode()


def test_journal_commit_is_all_or_nothing(journal: Journal) -> None:
    """A batch with an impossible write leaves nothing of itself behind."""
    with pytest.raises(JournalError):
        journal.apply([completion(0), completion(1), completion(0)])
    assert journal.answers() == 0
    journal.apply([completion(0)])
    assert journal.answers() == 1


def test_journal_refuses_to_buy_a_slot_twice(journal: Journal) -> None:
    """A second answer to the same step of the same slot is refused by the file itself."""
    journal.apply([completion(0)])
    with pytest.raises(JournalError, match="UNIQUE"):
        journal.apply([completion(0)])


def test_journal_knows_what_is_undecided(journal: Journal) -> None:
    """Answers and failures from an ordinal on, gaps included, each class by itself."""
    failure = Failure(FailureKind.REFUSED, "http_400", "no")
    journal.apply([completion(i) for i in (0, 1, 3, 7)])
    journal.apply([completion(5, label="lost"), FailedSlot("s1:x", "late", 4, 0, failure, "e", 1, 1.0)])
    assert journal.undecided("late", since=1) == ([1, 3, 7], [4])
    assert journal.undecided("lost", since=0) == ([5], [])
    assert journal.failed_count() == 1


def test_journal_remembers_recent_yields(journal: Journal) -> None:
    """Rows accepted from each of the last answers, oldest first."""
    journal.apply([committed(0), committed(1, reasons=()), committed(2, reasons=(None, None, Reason.PATTERN))])
    assert journal.recent_yields("late", last=10) == [1, 0, 2]
    assert journal.recent_yields("late", last=2) == [0, 2]


def test_journal_gives_accepted_rows_by_pages(journal: Journal) -> None:
    """Texts and vectors apart, in commit order, each row once, whatever the size of a page."""
    journal.apply([completion(0), committed(0, reasons=(None, Reason.TOO_SHORT, None))])
    journal.apply([completion(0, label="lost"), committed(0, label="lost", reasons=(None,))])
    for limit in (1, 2, 3, 10):
        texts, vectors, after = list[str](), b"", (0, -1)
        while (page := journal.accepted_page(after=after, limit=limit)) is not None:
            beside = journal.accepted_vectors(after=after, limit=limit)
            assert beside is not None
            assert (beside.last, list(beside.labels)) == (page.last, list(page.labels))
            texts += [f"{row_id} {label} {text}" for row_id, label, text in zip(*page[1:], strict=True)]
            vectors += beside.vectors
            after = page.last
        assert texts == ["r1:late0.0 late row 0", "r1:late0.2 late row 2", "r1:lost0.0 lost row 0"]
        assert vectors == b"\x00\x3c" * 3
    assert journal.accepted_vectors(after=after, limit=1) is None


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 3)), unique=True, max_size=9))
def test_a_page_that_comes_out_of_order_is_put_in_order(places: list[tuple[int, int]]) -> None:
    """By slot and item; one that is in order is left alone."""
    last, order = pages._in_order([position for position, _ in places], [item for _, item in places])
    found = places if order is None else [places[place] for place in order]
    assert found == sorted(places)
    assert last == (max(places) if places else None)
    assert (order is None) == (places == sorted(places))


def test_vectors_of_different_lengths_are_refused_and_missing_ones_left_out(journal: Journal) -> None:
    """Put one after the other, one of another length would shift all that follow. Who compares them counts them."""
    slots = [committed(0), committed(1), committed(2)]
    decisions = [
        slot.decisions[0]._replace(vector=vector) for slot, vector in zip(slots, (b"ab", None, b"cd"), strict=True)
    ]
    journal.apply([slot._replace(decisions=(own,)) for slot, own in zip(slots, decisions, strict=True)])
    page = journal.accepted_vectors(after=(0, -1), limit=10)
    assert page is not None
    assert (page.labels, page.vectors) == (["late", "late"], b"abcd")
    journal.apply([committed(3)._replace(decisions=(decisions[0]._replace(vector=b"four"),))])
    with pytest.raises(JournalError, match="different lengths"):
        journal.accepted_vectors(after=(0, -1), limit=10)


def test_journal_forgets_decisions_but_never_answers(journal: Journal) -> None:
    """A replay starts from the answers alone."""
    journal.apply([completion(), committed(), VectorEntry("e", "d", b"ab")])
    journal.forget_decisions()
    assert journal.accepted_counts() == {}
    assert journal.committed_counts() == {}
    assert journal.answers() == 1
    assert journal.vectors("e")


def test_journal_samples_evenly(journal: Journal) -> None:
    """Five of a hundred rows, from the whole run."""
    journal.apply([committed(i, reasons=(None, None)) for i in range(50)])
    assert len(journal.sample("late", count=5)) == 5
    assert len(journal.sample("late", count=500)) == 100
    assert journal.sample("none", count=5) == []


def test_journal_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    """`status` looks at a live run."""
    writer = Journal.create(tmp_path)
    with pytest.raises(JournalError, match="never began"):
        Journal.read(tmp_path)
    writer.set_meta({"fingerprint": "{}"})
    writer.apply([completion(0)])
    reader = Journal.read(tmp_path)
    assert reader.answers() == 1
    writer.apply([completion(1)])
    assert reader.answers() == 2
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._db.execute("DELETE FROM completions")
    reader.close()
    writer.close()


def test_journal_of_a_newer_synthgen_is_refused(tmp_path: Path) -> None:
    """A file from the future is not guessed at, neither to write nor to read."""
    journal = Journal.create(tmp_path)
    journal.set_meta({"fingerprint": "{}"})
    journal.close()
    connection = sqlite3.connect(tmp_path / "journal.sqlite")
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(JournalError, match="newer synthgen"):
        Journal.create(tmp_path)
    with pytest.raises(JournalError, match="version 999"):
        Journal.read(tmp_path)


@pytest.mark.parametrize("damage", ["truncate", "garbage"])
def test_damaged_journal_is_told_and_left_alone(tmp_path: Path, damage: str) -> None:
    """A broken file is named with what to do, and not changed."""
    journal = Journal.create(tmp_path)
    journal.apply([completion(i, text="x" * 500) for i in range(200)])
    journal.close()
    path = tmp_path / "journal.sqlite"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] if damage == "truncate" else b"not a database " * 500)
    before = path.read_bytes()
    with pytest.raises(JournalError) as caught:
        Journal.create(tmp_path)
    assert "damaged" in str(caught.value)
    assert caught.value.exit_code == 4
    assert path.read_bytes() == before


def test_full_disk_keeps_what_was_committed(tmp_path: Path) -> None:
    """A commit that does not fit fails with a clear message; everything before it is there."""
    journal = Journal.create(tmp_path)
    journal.apply([completion(0)])
    pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
    journal._db.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(JournalError) as caught:
        journal.apply([completion(i, text="x" * 4000) for i in range(1, 50)])
    assert "free some space" in str(caught.value)
    journal.close()
    reopened = Journal.create(tmp_path)
    assert reopened.answers() == 1
    reopened.close()


def test_lock_has_one_owner_and_dies_with_it(tmp_path: Path) -> None:
    """While one process holds the directory another is refused and told who; a killed owner leaves no lock."""
    code = (
        "import sys, time; from pathlib import Path; from synthgen.journal import RunLock\n"
        "with RunLock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "held\n"
        assert RunLock.owner(tmp_path) == str(owner.pid)
        with pytest.raises(JournalError, match=f"process {owner.pid}"), RunLock(tmp_path):
            pass
        owner.kill()
    with RunLock(tmp_path):
        assert RunLock.owner(tmp_path) == str(os.getpid())
    assert RunLock.owner(tmp_path) is None


def test_a_large_journal_is_counted_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was scanned on two connections is what one alone would have found, and a write makes it old."""
    monkeypatch.setattr("synthgen.journal.store.LARGE_BYTES", 0)
    journal = Journal.create(tmp_path)
    journal.set_meta({"fingerprint": "any"})
    journal.apply([completion(), completion(1), committed(reasons=(None, Reason.TOO_SHORT))])
    journal.count_large()
    with closing(sqlite3.connect(journal.path)) as other, other:  # whoever counts again from now on finds nothing
        other.execute("DELETE FROM completions")
    assert (journal.answers(), journal.usage().input_tokens) == (2, 20)
    assert (journal.accepted_counts(), journal.rejected_counts()) == ({"late": 1}, {"too_short": 1})
    journal.apply([completion(2)])
    assert (journal.answers(), journal.usage().input_tokens) == (1, 10)
    journal.close()
