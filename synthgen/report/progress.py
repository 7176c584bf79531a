"""The progress display: a live panel on a terminal, plain lines elsewhere, nothing when quiet. Always on stderr."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from synthgen.engine.events import ClassMet, ClassStarved, Draining, Event, RunStarted
from synthgen.report.tally import ClassTally, Tally

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

REFRESH_PER_S = 4
SECONDS_A_LINE = 10.0
MAX_CLASSES_SHOWN = 12


class Progress(Protocol):
    """Shows a run while it works."""

    def observe(self, event: Event) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_progress(*, is_quiet: bool) -> Progress:
    """The display that fits where stderr goes."""
    if is_quiet:
        return QuietProgress()
    from rich.console import Console

    console = Console(stderr=True)
    return LiveProgress(console) if console.is_terminal else LineProgress()


class QuietProgress:
    """Shows nothing."""

    def observe(self, event: Event) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class LineProgress:
    """A line every ten seconds, and one for each class that is done."""

    def __init__(self) -> None:
        self._tally = Tally()
        self._last_line_at = float("-inf")

    def observe(self, event: Event) -> None:
        tally = self._tally
        tally.observe(event)
        match event:
            case RunStarted():
                self._say(f"{'resuming' if event.is_resumed else 'starting'} {event.name}: " + summary(tally))
            case ClassMet(label, accepted):
                self._say(f"class '{label}' has its {accepted:,} rows")
            case ClassStarved(label, accepted, target, answers, rows):
                said = f"the last {answers} answers brought {rows}"
                self._say(f"class '{label}' stalled at {accepted:,} of {target:,} rows: {said}")
            case Draining():
                self._say(tally.note)
            case _ if tally.clock() - self._last_line_at >= SECONDS_A_LINE:
                self._say(summary(tally))

    def _say(self, text: str) -> None:
        self._last_line_at = self._tally.clock()
        sys.stderr.write(f"synthgen: {printable(text)}\n")
        sys.stderr.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class LiveProgress:
    """A panel that redraws itself four times a second, from the first event on: before it, a person may be asked."""

    def __init__(self, console: Console) -> None:
        from rich.live import Live

        self._tally = Tally()
        self._live = Live(get_renderable=self._draw, console=console, refresh_per_second=REFRESH_PER_S, transient=True)

    def observe(self, event: Event) -> None:
        self._tally.observe(event)
        if not self._live.is_started:
            self._live.start()

    def _draw(self) -> RenderableType:
        return draw(self._tally)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()


def draw(tally: Tally) -> RenderableType:
    """The panel: classes, rejections, speed and money, the last accepted row."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for _ in range(5):
        table.add_column()
    for label, found in list(tally.classes.items())[:MAX_CLASSES_SHOWN]:
        table.add_row(*_class_cells(label, found))
    hidden = len(tally.classes) - MAX_CLASSES_SHOWN
    lines: list[RenderableType] = [table]
    if hidden > 0:
        lines.append(Text(f"... and {hidden} more classes", style="dim"))
    if tally.stages:
        lines.append(Text(stages(tally), style="dim"))
    if tally.rejected:
        counts = "  ".join(f"{reason} {count:,}" for reason, count in tally.rejected.most_common(7))
        lines.append(Text(f"rejected  {counts}", style="yellow"))
    if tally.failures:
        counts = "  ".join(f"{code} {count:,}" for code, count in tally.failures.most_common(5))
        lines.append(Text(f"errors    {counts}", style="red"))
    lines.append(Text(speed(tally), style="cyan"))
    if tally.note:
        lines.append(Text(tally.note, style="magenta"))
    if tally.last_row:
        label, text = tally.last_row
        lines.append(Text(f"last row  [{label}] {printable(text)}", overflow="ellipsis", no_wrap=True))
    return Panel(Group(*lines), title=f"synthgen  {tally.name}", title_align="left")


def _class_cells(label: str, found: ClassTally) -> list[RenderableType]:
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    style = {"met": "green", "starved": "red"}.get(found.state, "")
    ratio = found.yield_ratio
    return [
        Text(printable(label or "rows")[:40], style=style or "bold"),
        ProgressBar(total=found.target, completed=min(found.accepted, found.target), width=24),
        Text(f"{found.accepted:,}/{found.target:,}", justify="right"),
        Text("" if ratio is None else f"yield {ratio:.0%}", style="dim"),
        Text(found.state, style=style),
    ]


def stages(tally: Tally) -> str:
    """Rows that the stages before the last have accepted so far this session."""
    counts = "  ".join(f"{name} {sum(rows.values()):,}" for name, rows in tally.stages.items())
    return f"stages    {counts}"


def speed(tally: Tally) -> str:
    """Answers, rates, spend and time to go, in one line."""
    requests_per_s, tokens_per_s, _ = tally.rates()
    parts = [f"answers {tally.answers:,}", f"{requests_per_s:,.1f}/s", f"{tokens_per_s:,.0f} tokens/s"]
    parts.append(f"{tally.in_flight} in flight")
    if tally.max_per_s is not None:
        parts.append(f"limit {tally.max_per_s:,.1f}/s")
    if tally.budget_used_ratio is not None:
        parts.append(f"budget {tally.budget_used_ratio:.0%}")
    if tally.usage.usd:
        projected = tally.projected_usd()
        parts.append(f"${tally.usage.usd:.4f}" + (f" of about ${projected:.4f}" if projected else ""))
    if (encoder := tally.encoder) is not None and encoder.texts:
        per_s = encoder.texts / encoder.busy_s if encoder.busy_s else 0.0
        parts.append(f"encoder {per_s:,.0f} texts/s, busy {encoder.busy_ratio:.0%}")
    eta = tally.eta_s()
    parts.append(f"elapsed {duration(tally.elapsed_s)}" + (f", about {duration(eta)} to go" if eta else ""))
    if tally.paused and tally.paused[1] > tally.clock():
        parts.append(f"waiting {tally.paused[1] - tally.clock():.0f} s for the server")
    return "  ".join(parts)


def summary(tally: Tally) -> str:
    """The state in one line, for a log."""
    rejected = sum(tally.rejected.values())
    said = f"{tally.accepted:,} of {tally.target:,} rows, {rejected:,} rejected  {speed(tally)}"
    return f"{said}  {tally.note}" if tally.note else said


def duration(seconds: float) -> str:
    """`1 h 02 min`, `3 min 10 s`, `12 s`."""
    whole = int(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{whole} s"


def printable(text: str) -> str:
    """Text that cannot move the cursor or change colours: control characters become spaces."""
    return "".join(c if c.isprintable() else " " for c in text)
