"""What is written for readers: the markdown between markers, the pictures, the JSON file.

A page without its markers is refused and left as it is; nothing is guessed about where a table belongs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.side_by_side.cases import Case, runs_of
from bench.side_by_side.catalogue import ENGINE, PEERS
from bench.side_by_side.chart import Panel, draw
from bench.side_by_side.environments import Environment
from bench.side_by_side.expected import expectations
from bench.side_by_side.measured import Rows, Run
from bench.side_by_side.tables import TITLES, median, table_of
from bench.stage import ROOT, table

TABLES_PAGE, TABLES_MARK = ROOT / "docs" / "benchmarks.md", "peers"


def replace_between(text: str, mark: str, words: str) -> str:
    """The text with what stands between `<!-- mark:begin -->` and `<!-- mark:end -->` replaced.

    Raises:
        ValueError: A marker is missing, there twice, or before its beginning.
    """
    begin, end = f"<!-- {mark}:begin -->", f"<!-- {mark}:end -->"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise ValueError(f"needs one line '{begin}' and below it one line '{end}'")
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{words.strip()}\n{end}{after}"


def write_docs(tables: str) -> None:
    """Put the tables into their page; empty words ask only whether it could be done.

    Raises:
        ValueError: The page lacks its markers.
    """
    try:
        page = replace_between(TABLES_PAGE.read_text(), TABLES_MARK, tables)
    except ValueError as error:
        raise ValueError(f"{TABLES_PAGE.relative_to(ROOT)} {error}") from None
    if tables:
        write_whole(TABLES_PAGE, page)


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.part")
    draft.write_text(text)
    os.replace(draft, path)


def spell_tables(
    cases: Sequence[Case], runs: Sequence[Run], homes: Mapping[str, Environment], about: Mapping[str, Any]
) -> str:
    """All tables, with machine, versions and how to read them."""
    sections = [_spell_about(about)]
    shown = {run.case for run in runs} & {case.name for case in cases}
    for case in cases:
        found = runs_of(case, runs)
        is_shown_already = case.name not in shown and case.same_runs_as in shown
        if found and not is_shown_already:
            turns = len({run.turn for run in found})
            how = f"up to {found[0].in_flight:,} in flight, {turns} turn{'s' if turns > 1 else ''}"
            sections.append(f"**{case.title[0].upper()}{case.title[1:]}** ({how}):\n\n{table_of(case, runs, homes)}")
    sections.append(_spell_versions(homes))
    return "\n\n".join(sections)


def with_expectations(tables: str, cases: Sequence[Case], runs: Sequence[Run]) -> str:
    """The tables as a page shows them: what was expected of synthgen comes last, missed or not."""
    figures = expectations(cases, runs)
    return f"{tables}\n\n**Expected of synthgen:**\n\n{table(figures)}" if figures else tables


def _spell_about(about: Mapping[str, Any]) -> str:
    return f"`{about['command']}`, {about['made']}; {about['machine']}."


def _spell_versions(homes: Mapping[str, Environment]) -> str:
    notes = {peer.title: peer.note for peer in PEERS if peer.note and peer.name in homes}
    versions = [
        f"{peer.title}: {homes[peer.name].spell_versions(peer) or homes[peer.name].why}"
        for peer in PEERS
        if peer.name in homes and (peer.is_installed_apart or peer is ENGINE)
    ]
    said = "; ".join(f"{title} {note}" for title, note in notes.items())
    return "\n\n".join(
        part for part in (f"Versions: {'; '.join(versions)}." if versions else "", said and f"{said}.") if part
    )


def draw_pictures(cases: Sequence[Case], runs: Sequence[Run], about: Mapping[str, Any]) -> dict[str, str]:
    """Pictures by file name: speed where speed was measured, cost where it was at 100 ms."""
    by_name = {case.name: case for case in cases}
    pictures = {}
    speed = {n: runs_of(by_name[n], runs) for n in ("100ms", "tail") if n in by_name}
    if any(speed.values()):
        panels = [Panel(_panel_title(name), "more", _values(found, "per_s")) for name, found in speed.items() if found]
        pictures["peers-speed.svg"] = _draw("Requests a second, one core for the client", panels, about)
    if found := speed.get("100ms"):
        panels = [
            Panel("CPU ms a request", "less", _values(found, "cpu_ms"), "{:.2f}"),
            Panel("start-up, seconds", "less", _values(found, "start_up_s"), "{:.1f}"),
            Panel("peak memory, MiB", "less", _values(found, "peak_mib")),
        ]
        pictures["peers-cost.svg"] = _draw("What a request costs, at 100 ms an answer", panels, about)
    return pictures


def _panel_title(name: str) -> str:
    return {"100ms": "100 ms", "tail": "heavy tail"}[name]


def _values(found: Sequence[Run], figure: str) -> dict[str, float | None]:
    names = dict.fromkeys(run.peer for run in found)
    return {TITLES[name]: median([r for r in found if r.peer == name], lambda r: getattr(r, figure)) for name in names}


def _draw(heading: str, panels: Sequence[Panel], about: Mapping[str, Any]) -> str:
    known = set().union(*(panel.values for panel in panels))
    names = [peer.title for peer in PEERS if peer.title in known]
    return draw(
        heading,
        f"python -m bench.side_by_side, {about['rows']:,} rows, {about['made']}",
        names,
        panels,
        accent=ENGINE.title,
    )


def as_json(runs: Sequence[Run], homes: Mapping[str, Environment], about: Mapping[str, Any]) -> str:
    """Everything measured, as it was."""
    peers = {name: {"why": home.why, "versions": home.versions} for name, home in homes.items()}
    return json.dumps({"about": about, "peers": peers, "runs": [run.as_json() for run in runs]}, indent=1)


def from_json(text: str) -> tuple[list[Run], dict[str, Environment], dict[str, Any]]:
    """What `as_json` wrote.

    Raises:
        ValueError: It is not such a file.
    """
    try:
        told = json.loads(text)
        homes = {
            name: Environment(None if peer["why"] else "there", peer["why"], peer["versions"])
            for name, peer in told["peers"].items()
        }
        return [_run(run) for run in told["runs"]], homes, told["about"]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a file of raw figures: {error}") from None


def read_raw(paths: Sequence[Path]) -> tuple[list[Run], dict[str, Environment], dict[str, Any]]:
    """Several files as one: cases that were measured one at a time; machine and date are the first file's.

    Raises:
        OSError: One cannot be read.
        ValueError: One is no such file, or two hold the same case.
    """
    runs: list[Run] = []
    homes: dict[str, Environment] = {}
    abouts = []
    for path in paths:
        found, theirs, about = from_json(path.read_text())
        if twice := {run.case for run in runs} & {run.case for run in found}:
            raise ValueError(f"{path} holds a case that a file before it holds: {', '.join(sorted(twice))}")
        runs += found
        homes |= theirs
        abouts.append(about)
    return runs, homes, {**abouts[0], "command": "`, `".join(about["command"] for about in abouts)}


def _run(told: dict[str, Any]) -> Run:
    known = {name: value for name, value in told.items() if name not in ("per_s", "cpu_ms")}
    return Run(**{**known, "rows": Rows(**known["rows"])})
