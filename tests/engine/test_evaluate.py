"""Judging what came with one commit together changes no verdict, and what the first answer needs can be made ready."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from synthgen.checks import build_checks, measuring, rewriting
from synthgen.checks.chatter import Chatter, ChatterCheck
from synthgen.checks.length import LengthCheck
from synthgen.checks.pii import PiiCheck
from synthgen.checks.refusal import RefusalCheck
from synthgen.checks.repetitive import RepetitiveCheck
from synthgen.checks.seeds import CopiedSeedCheck
from synthgen.engine.judging.evaluate import RowJudge
from synthgen.records import Completion, Draft, Prompt, Request, Row, Slot, Usage

SEED = Row("train:1", "where is my card, it should have come by now", "late")


class Item(BaseModel):
    text: str


def judge() -> RowJudge:
    configs = [
        LengthCheck(check="length", min_chars=5),
        RefusalCheck(check="refusal"),
        ChatterCheck(check="chatter"),
        RepetitiveCheck(check="repetitive"),
        CopiedSeedCheck(check="copied_seed"),
        PiiCheck(check="pii", detector="patterns", redact=["EMAIL_ADDRESS"]),
    ]
    checks = build_checks(configs, language=None)
    return RowJudge("generate", Item, "text", "text", checks, rewriting(checks), measuring(checks))


JUDGE = judge()


def asked(number: int, text: str) -> tuple[Slot, Completion]:
    draft = Draft("late", number, (SEED,), {}, 0, 0)
    slot = Slot(f"s1:{number}", draft, Request(Prompt(output="json"), {}))
    answer = Completion(slot.id, "late", number, 0, text, "stop", Usage(1, 1), "m", "e", 1, 0.1, 0.0)
    return slot, answer


def of_items(*texts: str) -> str:
    return json.dumps({"items": [{"text": text} for text in texts]})


ANSWERS = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.sampled_from(
            [
                SEED.text,
                "my parcel is late again",
                "no",
                "As an AI language model I cannot help with that",
                "Sure, here are five messages:",
                "write to jane@roe.org about my card",
                "ha " * 40,
            ]
        ),
        max_size=4,
    ).map(lambda texts: of_items(*texts)),
)


@settings(deadline=None)  # the first one compiles the rules
@given(st.lists(ANSWERS, max_size=12))
def test_answers_judged_together_are_judged_as_alone(texts: list[str]) -> None:
    """Whatever stands beside an answer: the same items, the same objections, the same complaint."""
    answers = [asked(number, text) for number, text in enumerate(texts)]
    assert JUDGE.check_each(JUDGE.parse_each(answers)) == [JUDGE.judge(*answer) for answer in answers]


def test_each_check_sees_only_what_none_before_it_objected_to() -> None:
    """The objection that a row gets is that of the first check in order, and rows that pass keep their figures."""
    texts = ("no", "As an AI language model, no.", SEED.text, "write to jane@roe.org about it")
    items = [*({"text": text} for text in texts), {"words": "no text"}]
    evaluated, complaint = JUDGE.judge(*asked(0, json.dumps({"items": items})))
    reasons = [None if item.rejection is None else item.rejection.reason for item in evaluated.items]
    assert reasons == ["too_short", "refusal", "copied_seed", None, "invalid"]
    assert complaint is None
    assert "jane@roe.org" not in evaluated.items[3].candidate.text
    assert evaluated.items[3].results["redacted"]


def test_rules_are_ready_before_the_first_answer() -> None:
    """Warmed up, a check has compiled what it looks for."""
    ready = judge()
    chatter = next(check for check in ready.checks if isinstance(check, Chatter))
    assert "_rules" not in vars(chatter._phrases)
    ready.warm_up()
    assert "_rules" in vars(chatter._phrases)
