"""The spot check in a terminal: one row, one key."""

from __future__ import annotations

import sys
from collections.abc import Callable

from rich.console import Console, Group
from rich.panel import Panel
from rich.text import Text

from synthgen.review.session import MAX_NOTE_CHARS, ReviewSession
from synthgen.review.verdicts import Verdict

KEYS = {
    "k": Verdict.KEEP,
    "w": Verdict.WRONG_LABEL,
    "u": Verdict.UNNATURAL,
    "h": Verdict.HARMFUL,
    "s": Verdict.SKIP,
}
_HELP = "k keep   w wrong label   u unnatural   h harmful   s skip   z undo   n note   b back   f forward   q quit"
_MAX_TEXT_CHARS = 4_000
_MAX_SEEDS = 8


def review_in_terminal(
    session: ReviewSession,
    console: Console,
    *,
    read_key: Callable[[], str] | None = None,
    read_line: Callable[[], str] | None = None,
) -> None:
    """Show rows until all are judged, the reviewer quits, or the input ends.

    Args:
        session: The reviewer's place.
        console: Where rows are shown.
        read_key: One key; the empty string is the end of the input. None reads the terminal.
        read_line: One line, for notes. None reads stdin.
    """
    read_key, read_line = read_key or _read_key, read_line or sys.stdin.readline
    place = session.next_place()
    while place is not None:
        console.print(_draw(session, place))
        key = read_key()
        if key in ("", "q", "\x03", "\x04"):
            return
        place = _act(session, place, key, console, read_line)
    console.print(f"done: every row of the sample has a verdict of {session.reviewer}", markup=False)


def _act(session: ReviewSession, place: int, key: str, console: Console, read_line: Callable[[], str]) -> int | None:
    """Do what a key says; where to go on."""
    row_id = session.sample.rows[place].mark.row_id
    key = key.lower()
    if key in KEYS:
        session.record(row_id, KEYS[key])
        return session.next_place(place)
    if key in ("z", "\x7f", "\x08"):
        undone = session.undo()
        return place if undone is None else undone
    if key == "n":
        console.print("note (an empty line takes it away): ", end="")
        session.record_note(row_id, read_line().strip()[:MAX_NOTE_CHARS])
    elif key in ("b", "f"):
        return max(0, min(len(session.sample.rows) - 1, place + (1 if key == "f" else -1)))
    else:
        console.print(_HELP, style="yellow")
    return place


def _draw(session: ReviewSession, place: int) -> Panel:
    card, acceptance = session.card(place), session.status().acceptance
    parts = [Text(card["label"] or "row", style="bold cyan")]
    if card["description"]:
        parts.append(Text(card["description"], style="dim"))
    parts += [Text(""), Text(_cut(card["text"]), style="bold")]
    parts += [Text(f"{name}: {_cut(value)}") for name, value in card["fields"].items()]
    if card["seeds"]:
        parts += [Text(""), Text("written from these real rows:", style="dim")]
        parts += [Text(f"  · {_cut(seed['text'])}", style="dim") for seed in card["seeds"][:_MAX_SEEDS]]
    if card["note"]:
        parts.append(Text(f"note: {card['note']}", style="yellow"))
    said = f"   (you said: {Verdict(card['verdict']).words})" if card["verdict"] else ""
    parts += [Text(""), Text(_HELP, style="green")]
    title = f"{place + 1} of {len(session.sample.rows)}{' · extra' if card['is_extra'] else ''}{said}"
    return Panel(
        Group(*parts),
        title=Text(title),
        title_align="left",
        subtitle=Text(acceptance.sentence()),
        subtitle_align="left",
    )


def _cut(text: str) -> str:
    more = len(text) - _MAX_TEXT_CHARS
    return text if more <= 0 else f"{text[:_MAX_TEXT_CHARS]} … ({more:,} more characters)"


def _read_key() -> str:
    """One key of a terminal; where stdin is none, the first letter of each line."""
    if not sys.stdin.isatty():
        line = sys.stdin.readline()
        return line.strip()[:1] or ("?" if line else "")
    import click

    try:
        return click.getchar()
    except (EOFError, KeyboardInterrupt):
        return ""
