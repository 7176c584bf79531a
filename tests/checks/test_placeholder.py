"""Blanks that were never filled in, and brackets that are none."""

from __future__ import annotations

import pytest

from synthgen.checks.placeholder import Placeholder
from synthgen.records import Reason
from tests.checks.conftest import MakeRow


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("Hi, I am [Name].", "[Name]"),
        ("order [insert order number] is late", "[insert order number]"),
        ("order {order_id} is late", "{order_id}"),
        ("order {{ order.id }} is late", "{{ order.id }}"),
        ("since <date>", "<date>"),
        ("card XXXX-XXXX", "XXXX"),
        ("I paid $XX", "$XX"),
        ("on XX/XX/2024", "XX/XX"),
        ("my name is ____", "____"),
        ("Hello %NAME%", "%NAME%"),
        ("Hello ${name}", "${name}"),
        ("Insert your name and send", "Insert your name"),
        ("I am (your name)", "(your name)"),
        ("Lorem ipsum dolor", "Lorem ipsum"),
    ],
)
def test_placeholder_finds_blanks(row: MakeRow, text: str, phrase: str) -> None:
    """The blank stands in the evidence as it stands in the text, and `allow` lets it through."""
    rejection = Placeholder().judge(row(text))
    assert rejection is not None
    assert rejection.reason is Reason.PLACEHOLDER
    assert rejection.evidence["phrase"] == phrase
    assert text[rejection.evidence["at"] :].startswith(phrase)
    allowed = Placeholder(allow=[phrase.upper()]).judge(row(text.replace("XXXX-XXXX", "XXXX")))
    assert allowed is None


@pytest.mark.parametrize(
    "text",
    [
        "as shown in [1] and [12]",
        "well [...] no",
        "I <3 my bank",
        "<b>bold</b> and <br/>",
        "a < b and b > c",
        "LOTS OF LOVE XXXX",
        "love xxxx",
        "it cost $20 and $USD",
        "snake_case and __init__",
        "your [sic] mistake",
        "<Forwarded from 448712404000>Please call",
        "set {1, 2}",
    ],
)
def test_placeholder_leaves_other_brackets_alone(row: MakeRow, text: str) -> None:
    """Citations, hearts, markup, kisses and sets are no blanks."""
    assert Placeholder().judge(row(text)) is None


def test_placeholder_allow_lets_only_the_listed_ones_through(row: MakeRow) -> None:
    """The next blank is still found."""
    rejection = Placeholder(allow=["[name]"]).judge(row("[Name], your order [order]"))
    assert rejection is not None
    assert rejection.evidence["phrase"] == "[order]"
