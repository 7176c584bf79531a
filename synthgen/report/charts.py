"""Charts as SVG text: histogram, lines over time, scatter. Colours come from the page's style, so dark mode is free.

Everything that came from outside is escaped here. Each chart names its axes and units, and carries a description for
who cannot see it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import Any

from markupsafe import Markup, escape

WIDTH = 760
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 14, 44
COLOURS = 8


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a chart draws, and what its axes span."""

    height: int
    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def x(self, value: float) -> float:
        span = (self.x_high - self.x_low) or 1.0
        return _LEFT + (value - self.x_low) / span * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        span = (self.y_high - self.y_low) or 1.0
        return self.height - _BOTTOM - (min(value, self.y_high) - self.y_low) / span * (self.height - _TOP - _BOTTOM)


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart over time.

    Attributes:
        name: For the legend.
        places: Seconds and values; a None breaks the line.
        style: A class of the page's style.
        is_stepped: Whether a value holds until the next one.
    """

    name: str
    places: Sequence[tuple[float, float | None]]
    style: str
    is_stepped: bool = False


def histogram(
    low: float, bin_width: float, stacks: Mapping[str, Sequence[int]], *, x_name: str, y_name: str,
    mark: tuple[float, str] | None, about: str,
) -> Markup:  # fmt: skip
    """Stacked bars over equal bins.

    Args:
        low: Left edge of the first bin.
        bin_width: Of each.
        stacks: Counts by name of a style; the first stands at the bottom.
        x_name: What the axis counts, with its unit.
        y_name: Likewise.
        mark: A value to draw a line at, and what it is.
        about: What the chart shows, in a sentence.
    """
    length = max(map(len, stacks.values()))
    totals = [sum(counts[i] for counts in stacks.values()) for i in range(length)]
    top = max(1, *totals)
    y_step = max(1.0, nice_ceiling(top / 4))
    frame = Frame(250, low, low + bin_width * length, 0, y_step * -(-top // y_step))
    parts = [*_grid(frame, x_name, y_name, x_step=nice_ceiling(bin_width * length / 10), y_step=y_step)]
    base = [0] * length
    for style, counts in stacks.items():
        for i, count in enumerate(counts):
            if count:
                parts.append(_bar(frame, low + i * bin_width, bin_width, base[i], count, style))
                base[i] += count
    if mark is not None:
        parts += _mark(frame, *mark)
    return _svg(frame.height, about, parts)


def lines(
    series: Sequence[Series],
    *,
    end_s: float,
    y_name: str,
    about: str,
    sessions_at_s: Sequence[float] = (),
    height: int = 190,
    most: float | None = None,
) -> Markup:
    """Values over working time; those above `most` run along the upper edge."""
    values = [y for one in series for _, y in one.places if y is not None]
    top = min(max(values, default=0), most or float("inf")) or 1
    y_step = nice_ceiling(top / 4)
    frame = Frame(height, 0, end_s, 0, y_step * -(-top // y_step))
    parts = [*_grid(frame, "time worked", y_name, x_step=_time_step(end_s), y_step=y_step, x_text=clock)]
    for at in sessions_at_s[1:]:
        x = frame.x(at)
        parts.append(f'<line class="session" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{height - _BOTTOM}"/>')
    for one in series:
        parts += [f'<path class="line {escape(one.style)}" d="{d}"/>' for d in _paths(frame, one, end_s)]
    return _svg(height, about, parts)


def scatter(
    points: Sequence[Mapping[str, Any]], styles: Mapping[str, int], *, x_name: str, y_name: str, about: str
) -> Markup:
    """Rows on a map: rings are real, discs synthetic; a class has a colour where there are few.

    Args:
        points: Each with `x`, `y`, `kind`, `label`, `text`.
        styles: Number of the colour of each class; a class that is missing has none of its own.
    """
    xs, ys = [p["x"] for p in points], [p["y"] for p in points]
    pad_x, pad_y = 0.03 * ((max(xs) - min(xs)) or 1), 0.05 * ((max(ys) - min(ys)) or 1)
    frame = Frame(520, min(xs) - pad_x, max(xs) + pad_x, min(ys) - pad_y, max(ys) + pad_y)
    box = f'x="{_LEFT}" y="{_TOP}" width="{WIDTH - _LEFT - _RIGHT}" height="{frame.height - _BOTTOM - _TOP}"'
    parts = [f'<rect class="frame" {box}/>', *_names(frame, x_name, y_name)]
    for point in sorted(points, key=lambda p: p["kind"] != "real"):  # synthetic rows on top
        colour = styles.get(point["label"])
        style = f"{point['kind']} c{colour}" if colour is not None else point["kind"]
        title = (
            f"{point['kind']} · {point['label']}\n{point['text']}"
            if point["label"]
            else f"{point['kind']}\n{point['text']}"
        )
        parts.append(
            f'<circle class="{escape(style)}" cx="{frame.x(point["x"]):.1f}" cy="{frame.y(point["y"]):.1f}" r="3.2">'
            f"<title>{escape(title)}</title></circle>"
        )
    return _svg(frame.height, about, parts)


def clock(seconds: float) -> str:
    """`0`, `40 s`, `3 min`, `2.5 h`: one unit, as an axis wants it."""
    for unit_s, name in ((3600, "h"), (60, "min")):
        if seconds >= unit_s and not seconds % (unit_s / 2):
            return f"{seconds / unit_s:g} {name}"
    return f"{number(seconds)} s" if seconds else "0"


def number(value: float) -> str:
    """As few digits as tell it."""
    if value >= 10 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2g}"


def nice_ceiling(value: float) -> float:
    """The next round number: 1, 2, 2.5, 5 or 10 times a power of ten."""
    power = 10.0 ** floor(log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if value <= step * power * (1 + 1e-9))


def _ticks(low: float, high: float, step: float) -> Iterator[float]:
    first = -(-low // step)
    last = (high * (1 + 1e-9) + 1e-12) // step
    for count in range(int(first), int(last) + 1):
        yield count * step


def _time_step(span_s: float) -> float:
    """Between marks of a time axis: whole seconds, minutes or hours, as clocks have them."""
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 4 * 3600, 12 * 3600, 24 * 3600)
    return next((step for step in steps if span_s / step <= 9), nice_ceiling(span_s / 8))


def _grid(frame: Frame, x_name: str, y_name: str, *, x_step: float, y_step: float, x_text: Any = None) -> Iterator[str]:
    """Marks of both axes with their values, and their names."""
    floor_y, right = frame.height - _BOTTOM, WIDTH - _RIGHT
    for value in _ticks(frame.y_low, frame.y_high, y_step):
        y = frame.y(value)
        yield f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="tick" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{number(value)}</text>'
    for value in _ticks(frame.x_low, frame.x_high, x_step):
        at = f'x="{frame.x(value):.1f}" y="{floor_y + 16}"'
        yield f'<text class="tick" {at} text-anchor="middle">{(x_text or number)(value)}</text>'
    yield f'<line class="axis" x1="{_LEFT}" x2="{right}" y1="{floor_y}" y2="{floor_y}"/>'
    yield from _names(frame, x_name, y_name)


def _names(frame: Frame, x_name: str, y_name: str) -> Iterator[str]:
    floor_y, right = frame.height - _BOTTOM, WIDTH - _RIGHT
    middle = (_LEFT + right) / 2
    yield f'<text class="name" x="{middle}" y="{frame.height - 8}" text-anchor="middle">{escape(x_name)}</text>'
    up = (_TOP + floor_y) / 2
    yield f'<text class="name" transform="translate(12 {up}) rotate(-90)" text-anchor="middle">{escape(y_name)}</text>'


def _bar(frame: Frame, left: float, width: float, base: float, count: float, style: str) -> str:
    x, right = frame.x(left), frame.x(left + width)
    top, bottom = frame.y(base + count), frame.y(base)
    size = f'width="{max(0.5, right - x - 1):.1f}" height="{bottom - top:.1f}"'
    title = f"{left:.2f} to {left + width:.2f}: {count:,} {style}"
    return f'<rect class="{escape(style)}" x="{x:.1f}" y="{top:.1f}" {size}><title>{escape(title)}</title></rect>'


def _mark(frame: Frame, value: float, name: str) -> Iterable[str]:
    x = frame.x(value)
    anchor, shift = ("end", -5) if x > WIDTH / 2 else ("start", 5)
    return (
        f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{frame.height - _BOTTOM}"/>',
        f'<text class="mark-name" x="{x + shift:.1f}" y="{_TOP + 10}" text-anchor="{anchor}">{escape(name)}</text>',
    )


def _paths(frame: Frame, series: Series, end_s: float) -> Iterator[str]:
    """SVG path data, a piece for each run of known values."""
    piece: list[str] = []
    last: float | None = None
    for at, value in series.places:
        if value is None:
            if piece:
                yield _closed(piece)
            piece, last = [], None
            continue
        if series.is_stepped and last is not None:
            piece.append(f"L{frame.x(at):.1f} {frame.y(last):.1f}")
        piece.append(f"{'L' if piece else 'M'}{frame.x(at):.1f} {frame.y(value):.1f}")
        last = value
    if series.is_stepped and last is not None:
        piece.append(f"L{frame.x(end_s):.1f} {frame.y(last):.1f}")
    if piece:
        yield _closed(piece)


def _closed(piece: Sequence[str]) -> str:
    """A lone point gets a length, or it would not be drawn."""
    return "".join(piece) + ("h0.1" if len(piece) == 1 else "")


def _svg(height: int, about: str, parts: Iterable[str]) -> Markup:
    body = "\n".join(parts)
    return Markup(f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(about)}">\n{body}\n</svg>')
