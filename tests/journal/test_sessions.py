"""Sessions and losses: what was paid for nothing is counted, once, over every crash and resume."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from synthgen.errors import JournalError
from synthgen.journal import ENCODER_KEY, FailedSlot, Journal, Lease, LimitChange, Loss, VectorEntry, vector_digests
from synthgen.journal.migrations import MIGRATIONS
from synthgen.records import Failure, FailureKind, Reason, Usage
from tests.journal.test_store import committed, completion

COST = Usage(100, 50, Decimal("0.10"))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.create(tmp_path)
    yield opened
    opened.close()


def test_session_that_ends_drops_its_lease(journal: Journal) -> None:
    """A session that drained has nothing in flight: no loss is booked for it."""
    journal.begin_session(10.0)
    journal.apply([Lease(4, COST)])
    assert journal.sessions()[0].lease == Lease(4, COST)
    journal.end_session("stopped", "a budget", 7.5, 20.0)
    journal.begin_session(30.0)
    first, second = journal.sessions()
    assert (first.status, first.reason, first.ended_at, first.elapsed_s) == ("stopped", "a budget", 20.0, 7.5)
    assert (second.id, second.status, second.ended_at, second.elapsed_s) == (2, "running", None, None)
    assert journal.losses_total() == (0, Usage())


def test_session_that_died_leaves_its_last_lease_as_a_loss_once(journal: Journal) -> None:
    """The next session books what may have been in flight, and no later one books it again."""
    journal.begin_session(10.0)
    journal.apply([Lease(4, COST), completion(), Lease(3, COST)])
    journal.begin_session(30.0)
    assert journal.losses_total() == (3, COST)
    died = journal.sessions()[0]
    assert (died.status, died.ended_at, died.lease) == ("crashed", None, Lease(0, Usage()))
    assert died.elapsed_s == 2.0, "until its last answer, which came at 12.0"
    journal.begin_session(40.0)
    assert journal.losses_total() == (3, COST)


def test_losses_add_up_exactly_and_apart_from_answers(journal: Journal) -> None:
    """Calls that may have been billed are no answers; their money adds up to the cent."""
    loss = Loss("e", "timeout", 1, COST, 5.0, label="late", ordinal=3, step=0)
    journal.apply([completion(), *([loss] * 30)])
    assert journal.losses_total() == (30, Usage(3000, 1500, Decimal("3.00")))
    assert journal.answers() == 1
    assert journal.usage() == completion().usage


def test_lease_without_a_session_is_refused(journal: Journal) -> None:
    """A bound on money is never dropped unseen."""
    with pytest.raises(RuntimeError, match="begin_session"):
        journal.apply([Lease(1, COST)])


def test_limit_history_comes_back_in_order(journal: Journal) -> None:
    """Every change with its reason; no rate is None."""
    changes = [LimitChange("e", 1.0, 8, None, 3, "start"), LimitChange("e", 2.0, 4, 1.5, 8, "429")]
    journal.apply(changes)
    assert journal.limit_history() == changes


def test_failed_slot_keeps_what_stood_behind_it(journal: Journal) -> None:
    """The raw answer and what it cost stand beside the verdict."""
    failure = Failure(FailureKind.REFUSED, "content_filter", "withheld")
    journal.apply([FailedSlot("s1:x", "late", 4, 0, failure, "e", 1, 1.0, answer="raw \ud800", usage=COST)])
    found = journal._db.execute("SELECT answer, input_tokens, output_tokens, usd FROM failures").fetchall()
    assert found == [("raw ?", 100, 50, "0.10")]


def old_journal(folder: Path) -> None:
    """A file as the first version left it: one answer, one judged slot, one failure."""
    connection = sqlite3.connect(folder / "journal.sqlite")
    connection.executescript(f"PRAGMA journal_mode=WAL; BEGIN; {MIGRATIONS[0]}; PRAGMA user_version = 1; COMMIT;")
    connection.executescript(
        "INSERT INTO meta VALUES ('fingerprint', '{}');"
        "INSERT INTO completions VALUES (1,'late',0,0,'s1:late0','hi','stop',10,5,'0.00012','m','e',1,0.5,12.0,'{}');"
        "INSERT INTO slots VALUES (1,'late',0,'s1:late0',0);"
        "INSERT INTO decisions VALUES (1,0,'r1:x','late',NULL,'row','{}',NULL,NULL,NULL,x'003c');"
        "INSERT INTO vectors VALUES ('hashing','c1:x',x'003c');"
        "INSERT INTO failures VALUES ('late',1,0,'s1:late1','refused','http_400','no','e',1,1.0);"
    )
    connection.close()


def test_old_journal_opens_and_moves_on(tmp_path: Path) -> None:
    """A version 1 file keeps its answers and decisions and gains what version 2 has; looking at it says what to do."""
    old_journal(tmp_path)
    with pytest.raises(JournalError, match="journal version 1, this synthgen reads 4"):
        Journal.read(tmp_path)
    journal = Journal.create(tmp_path)
    assert (journal.answers(), journal.accepted_counts(), journal.failed_count()) == (1, {"late": 1}, 1)
    assert journal.sessions() == []
    assert journal.losses_total() == (0, Usage())
    failure = Failure(FailureKind.REFUSED, "http_400", "no")
    journal.apply([FailedSlot("s1:y", "late", 2, 0, failure, "e", 1, 1.0, usage=COST)])
    journal.forget_decisions()
    assert journal.row_vectors("hashing", vector_digests(["row"])) == {vector_digests(["row"])[0]: b"\x00\x3c"}
    journal.close()
    reopened = Journal.read(tmp_path)
    assert reopened.failed_count() == 2
    reopened.close()


def test_forgotten_decisions_leave_their_vectors(journal: Journal) -> None:
    """Named by the texts that were encoded together, under the encoder that the decisions were made with; an item that
    was rejected before encoding is no part of the company."""
    journal.set_meta({ENCODER_KEY: "new"})
    journal.apply([VectorEntry("old", "d", b"ab"), completion(), committed(reasons=(None, Reason.NEAR_DUPLICATE))])
    journal.forget_decisions()
    digests = vector_digests(["row 0", "row 1"])
    assert journal.row_vectors("new", digests) == dict.fromkeys(digests, b"\x00\x3c")
    assert journal.row_vectors("old", digests) == {}
    assert journal.row_vectors("new", vector_digests(["row 1", "row 0"])) == {}, "another company, another vector"


def test_reopened_failures_forget_what_was_judged_after_them(journal: Journal) -> None:
    """Failures of the asked classes go, with every decision from the first of them on, of any class; answers stay."""
    failure = Failure(FailureKind.REFUSED, "http_400", "no")
    failed = [FailedSlot(f"s1:{label}1", label, 1, 0, failure, "e", 1, 1.0) for label in ("late", "lost")]
    passed = [
        committed(0),
        committed(0, label="lost"),
        committed(1, label="lost", is_failed=True),
        committed(1, is_failed=True),
        committed(2),
    ]
    journal.set_meta({ENCODER_KEY: "e"})
    journal.apply([completion(0), completion(2), completion(0, label="lost"), *failed, *passed])
    assert journal.reopen_failed(["late"]) == 1
    assert journal.committed_counts() == {"late": 1, "lost": 2}
    assert journal.undecided("late", since=1) == ([2], [])
    assert (journal.answers(), journal.failed_count()) == (3, 1)
    assert journal.row_vectors("e", vector_digests(["row 0"]))
    assert journal.reopen_failed(["late"]) == 0
    assert journal.committed_counts() == {"late": 1, "lost": 2}
