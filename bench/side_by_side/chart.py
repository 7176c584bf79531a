"""Bars beside each other as one SVG: light ground, plain shapes, nothing fetched. The engine's bar has a colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

NAMES_WIDTH = 225
BAR_WIDTH = 190
VALUE_WIDTH = 80
ROW = 24
HEAD = 64
FOOT = 34
ACCENT, PLAIN, INK, QUIET = "#2a78b5", "#b9bdc3", "#222222", "#666666"


@dataclass(frozen=True, slots=True)
class Panel:
    """One measure.

    Attributes:
        title: Above the bars.
        better: `more` or `less`, said beside the title.
        values: By peer's title; None where there is no figure.
        form: How a value is spelt.
    """

    title: str
    better: str
    values: dict[str, float | None]
    form: str = "{:,.0f}"


def draw(heading: str, note: str, names: Sequence[str], panels: Sequence[Panel], *, accent: str) -> str:
    """A picture with a row for each name and a panel for each measure.

    Args:
        heading: The title; also what is read aloud.
        note: Below, in small letters.
        names: Rows, from top to bottom.
        panels: From left to right.
        accent: The name whose bars stand out.
    """
    width = NAMES_WIDTH + len(panels) * (BAR_WIDTH + VALUE_WIDTH)
    height = HEAD + len(names) * ROW + FOOT
    parts = [
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        _text(12, 24, heading, size=16, weight="bold"),
        _text(12, height - 12, note, size=11, colour=QUIET),
    ]
    for i, name in enumerate(names):
        weight = "bold" if name == accent else "normal"
        parts.append(_text(NAMES_WIDTH - 10, HEAD + i * ROW + 16, name, anchor="end", weight=weight))
    for i, panel in enumerate(panels):
        parts += _bars(NAMES_WIDTH + i * (BAR_WIDTH + VALUE_WIDTH), panel, names, accent)
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    about = f'role="img" aria-label="{escape(heading)}" font-family="sans-serif"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {about}>\n' + "\n".join(parts) + "\n</svg>\n"


def _bars(left: int, panel: Panel, names: Sequence[str], accent: str) -> list[str]:
    parts = [_text(left, HEAD - 12, f"{panel.title} ({panel.better} is better)", size=12, weight="bold")]
    highest = max((value for value in panel.values.values() if value is not None), default=0) or 1
    for i, name in enumerate(names):
        value = panel.values.get(name)
        top = HEAD + i * ROW
        if value is None:
            parts.append(_text(left, top + 16, "no figure", colour=QUIET, size=11))
            continue
        width = max(1.0, BAR_WIDTH * value / highest)
        colour = ACCENT if name == accent else PLAIN
        parts.append(f'<rect x="{left}" y="{top + 4}" width="{width:.1f}" height="{ROW - 8}" fill="{colour}"/>')
        parts.append(_text(left + width + 6, top + 16, panel.form.format(value)))
    return parts


def _text(
    x: float, y: float, words: str, *, size: int = 13, anchor: str = "start", weight: str = "normal", colour: str = INK
) -> str:
    how = f'font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" fill="{colour}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {how}>{escape(words)}</text>'
