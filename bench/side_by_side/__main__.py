"""synthgen beside its peers, each in its own environment, on the same simulator, in turns.

    python -m bench.side_by_side [--case NAME] [--peers A,B] [--rows 2000] [--turns N] [--write-docs]

Simulator on one core, client on the other. Each run has a simulator of its own, so that every peer meets the same
answers, delays and faults. A peer that fails, hangs or cannot be installed is said so in its row; the rest go on.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.side_by_side import pages
from bench.side_by_side.cases import CASES, Case, Plan
from bench.side_by_side.catalogue import PEERS, peers_named
from bench.side_by_side.environments import FOLDER, Environment, prepare
from bench.side_by_side.expected import expectations
from bench.side_by_side.measured import Run
from bench.stage import CORES, ROOT, conclude, end_on_sigterm, give_core

RAW = FOLDER / "figures.json"


def read_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    about = "\n".join(
        f"  {case.name:<9} {case.title} (about {case.minutes:g} minutes{', only where named' if case.is_long else ''})"
        for case in CASES
    )
    parser = argparse.ArgumentParser(
        prog="python -m bench.side_by_side",
        description=__doc__,
        epilog=f"cases:\n{about}\n\npeers: {', '.join(peer.name for peer in PEERS)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--case", action="append", choices=[case.name for case in CASES], help="only this; again for more"
    )
    parser.add_argument("--peers", help="only these, with commas; synthgen always takes part")
    parser.add_argument(
        "--rows", type=_positive, default=2000, help="of each run (default 2000); slow peers have a bound"
    )
    parser.add_argument("--turns", type=_positive, help="of every case, instead of its own")
    parser.add_argument("--in-flight", type=_positive, help="requests at once, instead of each case's own")
    parser.add_argument("--install-only", action="store_true", help="make the environments and stop")
    parser.add_argument("--raw", type=Path, default=RAW, help="where the raw figures go (JSON)")
    parser.add_argument(
        "--from-raw", type=Path, nargs="+", help="measure nothing: make tables and pictures of these files"
    )
    parser.add_argument(
        "--write-docs",
        action="store_true",
        help="write docs/benchmarks.md (between markers) and the pictures",
    )
    return parser.parse_args(words)


def _positive(word: str) -> int:
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def describe(given: argparse.Namespace) -> dict[str, Any]:
    """What was run, when and where."""
    words = [w for name in given.case or () for w in ("--case", name)]
    words += ["--peers", given.peers] if given.peers else []
    words += ["--rows", str(given.rows)]
    words += ["--turns", str(given.turns)] if given.turns else []
    words += ["--in-flight", str(given.in_flight)] if given.in_flight else []
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    cores = "client on one core, simulator on another" if len(CORES) > 1 else "client and simulator on one core"
    return {
        "command": shlex.join(["python", "-m", "bench.side_by_side", *words]),
        "made": datetime.date.today().isoformat(),
        "machine": f"{_processor()}, {len(CORES)} cores, {memory_gib:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} at the start; {cores}",
        "rows": given.rows,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def measure(
    given: argparse.Namespace, cases: Sequence[Case]
) -> tuple[list[Run], dict[str, Environment], dict[str, Any]]:
    """Install, run, and keep the raw figures after every run."""
    about = describe(given)
    peers = peers_named(given.peers)
    homes = {peer.name: prepare(peer) for peer in peers}
    for name, home in homes.items():
        if home.python is None:
            print(f"{name}: not installed: {home.why}", file=sys.stderr, flush=True)
    if given.install_only:
        return [], homes, about
    give_core(0, 0)
    runs: list[Run] = []
    for run in Plan(cases, peers, given.rows, given.turns, given.in_flight, homes).measure():
        runs.append(run)
        pages.write_whole(given.raw, pages.as_json(runs, homes, about))
    return runs, homes, about


def main(words: Sequence[str] | None = None) -> int:
    given = read_arguments(words)
    end_on_sigterm()
    cases = [case for case in CASES if (case.name in given.case if given.case else given.from_raw or not case.is_long)]
    try:
        if given.write_docs:
            pages.write_docs("")  # a page without markers is said now, not in half an hour
        if given.from_raw:
            runs, homes, about = pages.read_raw(given.from_raw)
        else:
            runs, homes, about = measure(given, cases)
        if given.install_only:
            return int(any(home.python is None for home in homes.values()))
        return finish(given, cases, runs, homes, about)
    except (ValueError, OSError) as error:
        print(f"bench.side_by_side: {error}", file=sys.stderr)
        return 2


def finish(
    given: argparse.Namespace,
    cases: Sequence[Case],
    runs: Sequence[Run],
    homes: dict[str, Environment],
    about: dict[str, Any],
) -> int:
    """Print the tables, write what was asked for, and judge."""
    tables = pages.spell_tables(cases, runs, homes, about)
    print(f"\n{tables}\n", flush=True)
    if given.write_docs:
        pages.write_docs(pages.with_expectations(tables, cases, runs))
        for name, picture in pages.draw_pictures(cases, runs, about).items():
            pages.write_whole(ROOT / "docs" / name, picture)
    return conclude("Beside its peers", expectations(cases, runs))


if __name__ == "__main__":
    sys.exit(main())
