"""What the machine leaves in a row goes, what the real rows hold stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.checks.leftovers import Leftovers

REAL = ["I left my umbrella on the night bus", "My wallet fell out near gate 7. Can you help?", "Where is line 12?"]
CLEAN = "I lost my hat, £10 and C:/x on bus 7."


@pytest.mark.parametrize(
    "text",
    [
        f"1. {CLEAN}",
        f"12) {CLEAN}",
        f"(3) {CLEAN}",
        f"- {CLEAN}",
        f"• {CLEAN}",
        f"lost_item: {CLEAN}",
        f"Lost item - {CLEAN}",
        f"**lost-item**: {CLEAN}",
        f"[lost_item] : {CLEAN}",
        f"2. lost_item: {CLEAN}",
        CLEAN.replace("£", "&pound;"),
        CLEAN.replace("£", "&#163;"),
        CLEAN.replace("£", "\\u00a3"),
        CLEAN.replace("hat", "h\u200bat"),
        f"\ufeff{CLEAN}",
    ],
)
def test_what_no_real_row_has_is_taken_away(text: str) -> None:
    """List marks, the class's name, entities, doubled escapes, characters that cannot be seen."""
    assert Leftovers(REAL, ["lost_item", "broken"]).clean(text) == (CLEAN, "")


@pytest.mark.parametrize(
    "text",
    [
        CLEAN,
        "3.5 mm are missing",
        "12:30 is late",
        "-5 degrees",
        "lost_item",
        "a <b> & c",
        "7 up",
        "3. Oktober geht",
        "AT&T, R&notes",
    ],
)
def test_what_only_looks_like_a_leftover_stays(text: str) -> None:
    """Numbers, times, signs, a name without a colon."""
    assert Leftovers(REAL, ["lost_item"]).clean(text) == (text, "")


@pytest.mark.parametrize(("text", "why"), [("the caf\ufffd", "U+FFFD"), ("so <|im_end|> and", "im_end"), ("1. ", "")])
def test_what_cannot_be_undone_is_named(text: str, why: str) -> None:
    """A lost character, a mark of the template inside, nothing behind the mark."""
    assert why in Leftovers(REAL, []).clean(text)[1]


def test_what_real_rows_have_is_the_datas_own() -> None:
    """Each kind by itself."""
    real = ["1. first", "a &amp; b", "C:\\new\\u0041", "late: it is", "x<s>", "y\ufffd", "z\u200b"]
    for text in real:
        assert Leftovers(real, ["late"]).clean(text) == (text.strip(), "")


@given(st.text(), st.lists(st.text(), max_size=3), st.lists(st.text(max_size=8), max_size=3))
def test_any_text_is_cleaned_once(text: str, real: list[str], labels: list[str]) -> None:
    """Total, whatever the classes are called."""
    cleaned, why = Leftovers(real, labels).clean(text)
    assert isinstance(cleaned, str)
    assert cleaned or why
