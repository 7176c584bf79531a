"""When a run was worked on, what may have been billed without an answer, and how its limits changed: the SQL of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from synthgen.journal.entries import Lease, LimitChange, Loss, StoredSession
from synthgen.journal.reader import Reader
from synthgen.records import Usage

CRASH_CODE = "crash"


class SessionsReader(Reader):
    """Reads sessions, losses and the history of limits."""

    def sessions(self) -> list[StoredSession]:
        """Every process that worked on the run, the first one first."""
        rows = self._all(
            "SELECT id, started_at, ended_at, status, reason, elapsed_s, lease_requests, lease_input_tokens,"
            " lease_output_tokens, lease_usd FROM sessions ORDER BY id"
        )
        return [
            StoredSession(number, started_at, ended_at, status, reason, elapsed_s, Lease(requests, _usage(*usage)))
            for number, started_at, ended_at, status, reason, elapsed_s, requests, *usage in rows
        ]

    def losses_total(self) -> tuple[int, Usage]:
        """Requests that may have been billed and brought no answer, and their cost at most, over all resumes."""
        rows = self._all(
            "SELECT sum(requests), sum(input_tokens), sum(output_tokens), usd, count(*) FROM losses GROUP BY usd"
        )
        return sum(row[0] for row in rows), sum_usage(row[1:] for row in rows)

    def limit_history(self) -> list[LimitChange]:
        """Every change of an endpoint's limits, in order."""
        query = "SELECT endpoint, at, max_concurrency, requests_per_s, in_flight, why FROM limit_history ORDER BY id"
        return [LimitChange(*row) for row in self._all(query)]


def begin(db: sqlite3.Connection, *, now: float) -> None:
    """Book the leases of sessions that died as losses, and open a new session. Needs an open transaction."""
    dead = db.execute(
        "SELECT id, lease_requests, lease_input_tokens, lease_output_tokens, lease_usd FROM sessions"
        " WHERE status = 'running'"
    ).fetchall()
    for number, requests, *usage in dead:
        lease = Lease(requests, _usage(*usage))
        if lease != Lease(0, Usage()):
            insert_loss(db, Loss("", CRASH_CODE, lease.requests, lease.usage, now))
        db.execute(
            "UPDATE sessions SET status = 'crashed', reason = 'ended without saying why', elapsed_s = max(0, coalesce("
            " (SELECT answered_at FROM completions ORDER BY id DESC LIMIT 1), 0) - started_at),"
            " lease_requests = 0, lease_input_tokens = 0, lease_output_tokens = 0, lease_usd = '0' WHERE id = ?",
            (number,),
        )
    db.execute("INSERT INTO sessions (started_at, status, reason) VALUES (?, 'running', '')", (now,))


def end(db: sqlite3.Connection, *, status: str, reason: str, elapsed_s: float, now: float) -> None:
    """Close the running session: nothing of it is in flight any more."""
    db.execute(
        "UPDATE sessions SET ended_at = ?, status = ?, reason = ?, elapsed_s = ?, lease_requests = 0,"
        " lease_input_tokens = 0, lease_output_tokens = 0, lease_usd = '0' WHERE status = 'running'",
        (now, status, reason, elapsed_s),
    )


def set_lease(db: sqlite3.Connection, lease: Lease) -> None:
    """Replace the running session's lease.

    Raises:
        RuntimeError: No session runs. A bound on money that is dropped unseen would be no bound.
    """
    usage = lease.usage
    cursor = db.execute(
        "UPDATE sessions SET lease_requests = ?, lease_input_tokens = ?, lease_output_tokens = ?, lease_usd = ?"
        " WHERE status = 'running'",
        (lease.requests, usage.input_tokens, usage.output_tokens, str(usage.usd)),
    )
    if cursor.rowcount != 1:
        raise RuntimeError("a lease needs a session: call Journal.begin_session first")


def insert_loss(db: sqlite3.Connection, loss: Loss) -> None:
    usage = loss.usage
    db.execute(
        "INSERT INTO losses (label, ordinal, step, endpoint, code, requests, input_tokens, output_tokens, usd, at)"
        " VALUES (?,?,?,?,?,?,?,?,?,?)",
        (loss.label, loss.ordinal, loss.step, loss.endpoint, loss.code, loss.requests, usage.input_tokens,
         usage.output_tokens, str(usage.usd), loss.at),
    )  # fmt: skip


def insert_limit_change(db: sqlite3.Connection, change: LimitChange) -> None:
    db.execute(
        "INSERT INTO limit_history (endpoint, at, max_concurrency, requests_per_s, in_flight, why)"
        " VALUES (?,?,?,?,?,?)",
        (change.endpoint, change.at, change.max_concurrency, change.requests_per_s, change.in_flight, change.why),
    )


def sum_usage(rows: Iterable[tuple[int, int, str, int]]) -> Usage:
    """The total of groups of equal price: summed tokens, one price, how often. Money stays exact."""
    return sum((Usage(i, o, Decimal(usd) * count) for i, o, usd, count in rows), Usage())


def _usage(input_tokens: int, output_tokens: int, usd: Any) -> Usage:
    return Usage(input_tokens, output_tokens, Decimal(usd))
