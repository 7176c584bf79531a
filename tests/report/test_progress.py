"""What a person sees while a run works."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO

import pytest
from rich.console import Console

from synthgen.engine import events
from synthgen.records import Usage
from synthgen.report.progress import LineProgress, QuietProgress, draw, duration, printable, speed
from synthgen.report.tally import Tally


class Clock:
    """Time that moves when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def play(tally: Tally, clock: Clock) -> None:
    """A run of ten seconds: 40 answers, 80 rows of 'late' accepted, 40 rejected, a starved class, some errors."""
    usage = Usage(5, 5, Decimal("0.01"))
    tally.observe(events.RunStarted("demo", {"late": 200, "lost": 50}, {"late": 20}, {"too_long": 2}, 5, usage, True))
    for i in range(40):
        clock.now += 0.25
        tally.observe(events.RequestSettled("late", i, "e", "ok", 0.1, Usage(100, 50, Decimal("0.001")), 8))
        for j in range(2):
            tally.observe(events.RowAccepted("late", f"r{i}.{j}", f"row {i}.{j}"))
        tally.observe(events.RowRejected("late", f"x{i}", "near_duplicate", "again"))
        tally.observe(events.SlotCommitted("late", i, False, 20 + 2 * (i + 1), 200))
    tally.observe(events.RequestSettled("late", 41, "e", "http_500", 0.1, Usage(), 8))
    tally.observe(events.ClassStarved("lost", 0, 50, 100, 0))


def test_tally_adds_up() -> None:
    """Rows, yield, rejections, rates, spend and time to go, worked out by hand."""
    clock = Clock()
    tally = Tally(clock)
    play(tally, clock)
    assert (tally.accepted, tally.target) == (100, 250)
    assert tally.classes["late"].yield_ratio == pytest.approx(80 / 120)
    assert tally.rejected == {"near_duplicate": 40, "too_long": 2}
    assert tally.failures == {"http_500": 1}
    assert tally.answers == 45
    assert tally.usage == Usage(4005, 2005, Decimal("0.05"))
    requests, tokens, rows = tally.rates()
    assert (requests, tokens, rows) == pytest.approx((4.0, 600.0, 8.0))
    assert tally.eta_s() == pytest.approx(100 / 8.0)
    assert tally.projected_usd() == pytest.approx(0.05 * 2)


def test_panel_shows_what_matters() -> None:
    """Class, counts, yield, reasons, errors, speed, spend and the last row, in eighty columns."""
    clock = Clock()
    tally = Tally(clock)
    play(tally, clock)
    console = Console(file=StringIO(), width=100, force_terminal=False)
    console.print(draw(tally))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    for part in (
        "late",
        "100/200",
        "yield 67%",
        "starved",
        "near_duplicate 40",
        "http_500 1",
        "4.0/s",
        "$0.0500",
        "row 39.1",
    ):
        assert part in shown, part


def test_hostile_text_cannot_move_the_cursor() -> None:
    """Escape sequences of model text reach no terminal, and markup in it is only text."""
    assert "\x1b" not in printable("\x1b[2Jgone\x07\r")
    clock = Clock()
    tally = Tally(clock)
    play(tally, clock)
    tally.observe(events.RowAccepted("late", "r", "\x1b[31m[bold]red[/bold]"))
    console = Console(file=StringIO(), width=100, force_terminal=True)
    console.print(draw(tally))
    assert "\x1b[31m[bold]" not in console.file.getvalue()  # type: ignore[attr-defined]
    assert "[bold]red[/bold]" in console.file.getvalue()  # type: ignore[attr-defined]


def test_lines_come_at_start_every_ten_seconds_and_when_a_class_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal: a few plain lines on stderr, nothing on stdout."""
    progress = LineProgress()
    clock = Clock()
    progress._tally.clock = clock
    with progress:
        progress.observe(events.RunStarted("demo", {"late": 10}, {}, {}, 0, Usage(), False))
        for i in range(25):
            clock.now += 1.0
            progress.observe(events.SlotCommitted("late", i, False, i % 10, 10))
        progress.observe(events.ClassMet("late", 10))
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("synthgen: starting demo: 0 of 10 rows")
    assert lines[-1] == "synthgen: class 'late' has its 10 rows"


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """`--quiet` means quiet."""
    with QuietProgress() as progress:
        progress.observe(events.ClassMet("late", 10))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("seconds", "said"), [(3.9, "3 s"), (190, "3 min 10 s"), (3720, "1 h 02 min")])
def test_duration_reads_like_a_person_says_it(seconds: float, said: str) -> None:
    """Hours, minutes, seconds."""
    assert duration(seconds) == said


def test_pause_is_shown() -> None:
    """A server that asked for a pause is named while it lasts."""
    clock = Clock()
    tally = Tally(clock)
    play(tally, clock)
    tally.observe(events.EndpointPaused("e", "http_429", 30.0))
    assert "waiting 30 s" in speed(tally)
    clock.now += 31
    assert "waiting" not in speed(tally)


def test_encoder_is_shown_where_one_works() -> None:
    """How many texts a second while it works, and how much of the time that is."""
    tally = Tally(Clock())
    play(tally, Clock())
    assert "encoder" not in speed(tally)
    tally.observe(events.EncoderState(texts=1200, spared=30, busy_s=4.0, busy_ratio=0.25))
    assert "encoder 300 texts/s, busy 25%" in speed(tally)
