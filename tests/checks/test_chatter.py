"""The assistant speaking around the data, the agent's voice, and customers who sound a little like either."""

from __future__ import annotations

import pytest

from synthgen.checks.chatter import Chatter
from synthgen.records import Reason
from tests.checks.conftest import MakeRow

CHATTER = {
    "Sure, here is a message from a customer: Where is my card?": "announcement",
    "Certainly! Where is my card?": "announcement",
    "Of course! I'd be happy to write that.": "announcement",
    "Here are five different messages about a lost card:": "here_is",
    "Here are 5 different messages about verifying your identity.": "here_is",
    "A customer could send a message like this:\n\nWhere is it?": "here_is",
    "Message 1: Where is my card?": "speaker_label",
    "Subject: My card": "speaker_label",
    "Customer: Where is my card?\nAgent: On its way.": "speaker_label",
    "**User:** Where is my card?": "speaker_label",
    "Example 3 - Where is my card?": "speaker_label",
    "# My card\nWhere is it?": "markdown",
    "**Lost card**\nWhere is it?": "markdown",
    "```\nWhere is it?": "markdown",
    "1. Where is my card?\n2. When does it come?": "list",
    "- Where is it?\n- When does it come?\n\n- Is it lost?": "list",
    "Dear valued customer, your card is on its way.": "dear_customer",
    "Thank you for contacting us about your card.": "thank_you_for_contacting",
    "How can I help you today?": "offer_of_help",
    "We'd be happy to help with your card.": "offer_of_help",
    "I will assist you with your card.": "offer_of_help",
    "We apologise for any inconvenience.": "courtesy",
    "Please don’t hesitate to contact us.": "courtesy",
    "Let me know if you'd like me to change anything.": "courtesy",
    "This message reflects a customer with a lost card.": "about_the_text",
    "The customer wants to know where the card is.": "about_the_text",
    "Note: the names are invented.": "about_the_text",
    "card_arrival: Where is it?": "label_echo",
    "[Card arrival] Where is it?": "label_echo",
    "Card Arrival - where is it?": "label_echo",
}
PEOPLE = [
    "Here is my problem: the card is not here.",
    "Sure, I can wait, but how long?",
    "Okay, I will wait for my card.",
    "Great, where is it then?",
    "Card arrival takes how long?",
    "Let me know if you need anything from me.",
    "My customers cannot pay me.",
    "Thanks for your help, but where is it?",
    "Can anything else be done?",
    "Dear bank, where is my card?",
    "Please help me: my card is gone",
    "I paid 1. May, is that too late?",
    "Is the answer: wait?",
    "I am sorry, I lost it.",
    "see https://bank.example/card",
    "#help my card is gone",
]


@pytest.mark.parametrize(("text", "rule"), CHATTER.items())
def test_chatter_finds_what_is_no_data(row: MakeRow, text: str, rule: str) -> None:
    """The rule says what kind of chatter it is, the phrase where."""
    rejection = Chatter().judge(row(text, "card_arrival"))
    assert rejection is not None
    assert rejection.reason is Reason.CHATTER
    assert rejection.evidence["rule"] == rule
    phrase, at = rejection.evidence["phrase"], rejection.evidence["at"]
    assert text[at : at + len(phrase)] == phrase


@pytest.mark.parametrize("text", PEOPLE)
def test_chatter_leaves_people_alone(row: MakeRow, text: str) -> None:
    """People greet, number, quote and thank, too."""
    assert Chatter().judge(row(text, "card_arrival")) is None


@pytest.mark.parametrize("label", ["", "???", "a(b"])
def test_chatter_takes_any_label(row: MakeRow, label: str) -> None:
    """A label of signs, or none, echoes nowhere."""
    assert Chatter().judge(row("Where is my card?", label)) is None
