"""SIGKILL when half of the answers are bought, then the same command again: what was bought twice, what was lost."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from bench.side_by_side import tree
from bench.side_by_side.catalogue import Peer
from bench.side_by_side.environments import Environment
from bench.side_by_side.measured import Rows, Run
from bench.side_by_side.running import Entrant, Order, Watcher, outcome_of, stage
from bench.stage import Server

SETTLES_WITHIN_S = 30.0


def kill_at_half(peer: Peer, home: Environment, order: Order, settings: Mapping[str, Any]) -> Run:
    """One run that is killed with all it started, and started again.

    Returns:
        The second run, with the server's counts over both; `more` says what the first had bought when it was killed.
    """
    with stage(peer, home, order, settings) as (entrant, server):
        process = entrant.start()
        try:
            how = Watcher(process, server).watch(order.limit_s, until=lambda told: told["granted"] >= order.rows / 2)
        finally:
            tree.kill(process.pid)
            process.wait()
        at_kill = settled(server)
        if how != "reached":
            why = entrant.last_words() if how == "ended" else "never came to half"
            return _run(entrant, server, order, "failed" if how == "ended" else how, 0.0, at_kill, why)
        began = time.perf_counter()
        again = entrant.start()
        try:
            how = Watcher(again, server).watch(order.limit_s)
        finally:
            tree.kill(again.pid)
            again.wait()
        outcome = outcome_of(how, again)
        why = entrant.last_words() if outcome == "failed" else ""
        return _run(entrant, server, order, outcome, time.perf_counter() - began, at_kill, why)


def settled(server: Server) -> dict[str, Any]:
    """The server's counts once it has noticed that its client is gone."""
    until = time.monotonic() + SETTLES_WITHIN_S
    told = server.stats()
    while told["in_flight"] and time.monotonic() < until:
        time.sleep(0.02)
        told = server.stats()
    return told


def _run(
    entrant: Entrant, server: Server, order: Order, outcome: str, wall_s: float, at_kill: Mapping[str, Any], why: str
) -> Run:
    served = settled(server)
    if outcome == "late" and served["received"] == at_kill["received"]:
        outcome = "hung"
    return Run(
        peer=entrant.peer.name,
        case=order.case,
        turn=order.turn,
        asked=order.rows,
        in_flight=order.in_flight,
        outcome=outcome,
        why=why,
        wall_s=wall_s,
        rows=entrant.read_rows() if outcome == "done" else Rows(0, 0, 0),
        served=served,
        more={"bought_at_kill": at_kill["granted"], "asked_again": served["received"] - at_kill["received"]},
    )
