"""Raw runs become tables and expectations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bench.side_by_side.cases import CASES, Plan, beside_engine, runs_of
from bench.side_by_side.catalogue import PEERS, peers_named
from bench.side_by_side.environments import Environment
from bench.side_by_side.expected import expectations
from bench.side_by_side.measured import Rows, Run
from bench.side_by_side.tables import per_s_ratio, spread, table_of

BY_NAME = {case.name: case for case in CASES}


def run(peer: str, per_s: float, *, case: str = "100ms", turn: int = 0, outcome: str = "done", **more: Any) -> Run:
    """A run that asked 1,000 rows at this rate."""
    served = {"granted": 1000, "max_in_flight": 9, "by_status": {"200": 1000, "429": 7}, "repeats": 3, "received": 1010}
    given: dict[str, Any] = {
        "asked": 1000,
        "in_flight": 256,
        "wall_s": 1000 / per_s + 1,
        "rows": Rows(1000, 0, 0),
        "served": served,
        "start_up_s": 1.0,
        "asking_s": 1000 / per_s,
        "cpu_s": 1.0,
        "peak_mib": 50.0,
    }
    return Run(peer=peer, case=case, turn=turn, outcome=outcome, **{**given, **more})


def row_of(table: str, title: str) -> str:
    (found,) = [line for line in table.splitlines() if line.startswith(f"| {title} |")]
    return found


def test_ratios_are_taken_within_a_turn_and_shown_with_their_spread() -> None:
    """Turn by turn, the engine to the peer; a turn in which one of the two was not done has no ratio."""
    runs = [
        run("synthgen", 400, turn=0), run("distilabel", 100, turn=0),
        run("synthgen", 600, turn=1), run("distilabel", 100, turn=1),
        run("synthgen", 900, turn=2), run("distilabel", 100, turn=2, outcome="late"),
        run("synthgen", 900, turn=3, outcome="failed"), run("distilabel", 100, turn=3),
    ]  # fmt: skip
    assert beside_engine("distilabel", runs, per_s_ratio) == pytest.approx([4, 6])
    assert "5.00 (4.00 to 6.00)" in row_of(table_of(BY_NAME["100ms"], runs, {}), "distilabel")
    assert spread([]) == ""


def test_peers_that_are_not_there_or_fail_keep_their_row_with_the_reason() -> None:
    """Not installed, failed, late and bounded: each says so in its own row, and every row has the table's columns."""
    runs = [
        run("synthgen", 400),
        run("litellm", 100, outcome="failed", why="ImportError: no such thing", start_up_s=None, asking_s=None),
        run("sdg-hub", 100, outcome="late"),
        run("curator", 100, asked=500, rows=Rows(498, 0, 0)),
    ]
    homes = {"distilabel": Environment(None, "no such version"), "litellm": Environment("python")}
    table = table_of(BY_NAME["100ms"], runs, homes)
    assert "not installed: no such version" in row_of(table, "distilabel")
    assert "failed: ImportError: no such thing" in row_of(table, "LiteLLM, gather and semaphore")
    assert "not done at 11 s" in row_of(table, "sdg-hub")
    bounded = row_of(table, "Bespoke Curator")
    assert "500 (its bound)" in bounded
    assert bounded.endswith("| 2 |")
    assert len({line.count("|") for line in table.splitlines()}) == 1


def test_expectations_are_missed_where_the_engine_is_slow_and_silent_where_nothing_was_measured() -> None:
    """0.7 of a bare client, 3 times the fastest framework, 10 times distilabel; rows that are missing are missed too."""
    runs = [run("synthgen", 600), run("bare", 1000), run("curator", 150), run("distilabel", 100)]
    told = {figure.what: figure.is_met for figure in expectations(CASES, runs)}
    assert told["100ms: requests/s, synthgen to bare aiohttp"] is False
    assert told["100ms: requests/s, synthgen to the fastest framework, Bespoke Curator"] is True
    assert told["100ms: requests/s, synthgen to distilabel"] is False
    assert told["100ms: synthgen's runs with every row"] is True
    assert not [what for what in told if what.startswith(("tail", "kill", "faults", "0ms"))]
    lacking = [run("synthgen", 600, rows=Rows(999, 0, 0))]
    assert [f.is_met for f in expectations([BY_NAME["0ms"]], [*lacking])] == []
    assert expectations([BY_NAME["100ms"]], lacking)[0].is_met is False


def test_memory_and_start_up_read_the_runs_of_the_first_case_where_they_were_measured() -> None:
    """Nothing is run twice in one go; alone, each has runs of its own."""
    runs = [run("synthgen", 400, peak_mib=61.0, start_up_s=0.42), run("bare", 900, peak_mib=33.0)]
    assert runs_of(BY_NAME["memory"], runs) == runs
    assert "| 61 |" in row_of(table_of(BY_NAME["memory"], runs, {}), "synthgen, whole engine")
    assert "0.42" in row_of(table_of(BY_NAME["start-up"], runs, {}), "synthgen, whole engine")
    own = [run("synthgen", 400, case="memory")]
    assert runs_of(BY_NAME["memory"], [*runs, *own]) == own


def test_faults_and_kills_tell_how_each_ended() -> None:
    """Malformed rows kept, a time limit, rows lost, answers bought, a hang without one request."""
    faults = [
        run("synthgen", 100, case="faults"),
        run("cookbook", 100, case="faults", outcome="late"),
        run("distilabel", 100, case="faults", rows=Rows(1000, 0, 51)),
    ]
    table = table_of(BY_NAME["faults"], faults, {})
    assert "| 51 |" in row_of(table, "distilabel")
    assert "not done at 11 s" in row_of(table, "script in the cookbook's manner")
    kills = [
        run("synthgen", 100, case="kill", more={"asked_again": 500}),
        run("distilabel", 100, case="kill", outcome="hung", more={"asked_again": 0}),
    ]
    table = table_of(BY_NAME["kill"], kills, {})
    assert "hung without one request" in row_of(table, "distilabel")
    assert "1,000 for 1,000 | 3 | 0 | 500" in row_of(table, "synthgen, whole engine")
    met = {figure.what: figure.is_met for figure in expectations(CASES, [*faults, *kills])}
    assert met["kill: answers paid for twice"] is True
    assert met["faults: malformed rows synthgen kept"] is True


def test_peers_are_chosen_by_name_and_the_engine_always_takes_part() -> None:
    """An unknown name is refused with those that are known."""
    assert [peer.name for peer in peers_named("bare, curator")] == ["synthgen", "bare", "curator"]
    assert len(peers_named(None)) == len(PEERS)
    with pytest.raises(ValueError, match=r"no such peer: nobody .*cookbook"):
        peers_named("nobody,bare")


def test_slow_peers_stop_at_their_bound_and_turns_begin_with_another_peer() -> None:
    """Each run's order: rows up to the peer's bound, fewer in flight where the rows are few."""
    seen: list[tuple[int, str, int, int]] = []

    def carry(peer: Any, home: Any, order: Any, settings: Any) -> Run:
        seen.append((order.turn, peer.name, order.rows, order.in_flight))
        return run(peer.name, 100)

    case = replace(BY_NAME["100ms"], carry=carry)
    peers = peers_named("bare,distilabel")
    homes = {peer.name: Environment("python") for peer in peers}
    homes["bare"] = Environment(None, "gone")
    list(Plan([case], peers, 100_000, 2, None, homes).measure())
    assert seen == [
        (0, "synthgen", 100_000, 256),
        (0, "distilabel", 10_000, 256),
        (1, "distilabel", 10_000, 256),
        (1, "synthgen", 100_000, 256),
    ]
    seen.clear()
    list(Plan([case, BY_NAME["memory"]], peers, 200, 1, None, homes).measure())
    assert [order[2:] for order in seen] == [(200, 50), (200, 50)]


def test_a_run_that_breaks_the_bench_is_a_failed_run_and_the_rest_go_on() -> None:
    """The simulator's end, or files that are gone: a row that says why."""

    def carry(peer: Any, home: Any, order: Any, settings: Any) -> Run:
        if peer.name == "bare":
            raise ConnectionRefusedError("nobody | there")
        return run(peer.name, 100)

    peers = peers_named("bare,distilabel")
    homes = {peer.name: Environment("python") for peer in peers}
    found = list(Plan([replace(BY_NAME["0ms"], carry=carry)], peers, 100, None, None, homes).measure())
    assert [(r.peer, r.outcome) for r in found] == [("synthgen", "done"), ("bare", "failed"), ("distilabel", "done")]
    table = table_of(BY_NAME["0ms"], [replace(r, case="0ms") for r in found], {})
    assert "failed: nobody / there" in row_of(table, "bare aiohttp")


def test_long_cases_leave_out_or_bound_the_slow_peers() -> None:
    """A hundred thousand rows of a tool that is bounded to ten thousand would be another case."""
    seen: list[tuple[str, int]] = []

    def carry(peer: Any, home: Any, order: Any, settings: Any) -> Run:
        seen.append((peer.name, order.rows))
        return run(peer.name, 100)

    peers = peers_named("bare,curator,distilabel")
    homes = {peer.name: Environment("python") for peer in peers}
    for name in ("10k", "100k"):
        assert BY_NAME[name].is_long
        list(Plan([replace(BY_NAME[name], carry=carry)], peers, 2000, 1, None, homes).measure())
    assert seen[:4] == [(peer.name, 10_000) for peer in peers]
    assert seen[4:] == [("synthgen", 100_000), ("bare", 100_000), ("curator", 100_000)]
