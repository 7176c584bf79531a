"""What an entry of `checks` may be: a name of the table, whose keys stand beside the class that judges.

A check is one file: its keys (a `CheckBlock` with `build`) and the class that judges. Nothing but the checks that a
job names is imported. The two that compare rows with each other stand here, for `dedup` reads them.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SerializeAsAny, model_validator
from pydantic_core import PydanticCustomError

from synthgen.errors import JobError
from synthgen.job.strict import Strict
from synthgen.registry import Registry

DEFAULT_LEXICAL = 0.7
FUNCTION = "module:function"
CHECKS = Registry(
    "synthgen.checks",
    {
        "length": "synthgen.checks.length:LengthCheck",
        "duplicate": "synthgen.job.checks:DuplicateCheck",
        "leakage": "synthgen.job.checks:LeakageCheck",
        "refusal": "synthgen.checks.refusal:RefusalCheck",
        "chatter": "synthgen.checks.chatter:ChatterCheck",
        "placeholder": "synthgen.checks.placeholder:PlaceholderCheck",
        "repetitive": "synthgen.checks.repetitive:RepetitiveCheck",
        "copied_seed": "synthgen.checks.seeds:CopiedSeedCheck",
        "memorised": "synthgen.checks.memorised:MemorisedCheck",
        "language": "synthgen.checks.language:LanguageCheck",
        "pattern": "synthgen.checks.pattern:PatternCheck",
        "pii": "synthgen.checks.pii:PiiCheck",
        "label": "synthgen.checks.label:LabelCheck",
        "unchanged": "synthgen.checks.change:UnchangedCheck",
        "change": "synthgen.checks.change:ChangeCheck",
        FUNCTION: "synthgen.checks.function:FunctionCheck",
    },
)


class CheckBlock(Strict):
    """One check. A job's entry replaces the recipe's entry of the same kind; `enabled: false` switches it off."""

    if TYPE_CHECKING:  # every check says its name itself, after its own keys
        check: str

    enabled: bool = True


class TextCheck(CheckBlock):
    """A check of what a text says.

    Attributes:
        field: The field whose text is judged; None is the row's own text. A row without the field passes.
    """

    field: str | None = None


class SimilarityCheck(CheckBlock):
    """Compares rows with others, cheap stages first: equal normal forms, always; character n-grams; embeddings.

    Attributes:
        lexical: Jaccard overlap of character 3-grams at or above which two texts are the same row; None looks at no
            character n-grams. Where it is not written: 0.7, or None beside `near: false`, which alone leaves the exact
            stage.
        threshold: Cosine at or above which two texts are the same row.
        near: Whether to look at embeddings at all.
    """

    lexical: Annotated[float, Field(gt=0, le=1)] | None = DEFAULT_LEXICAL
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.95
    near: bool = True

    @model_validator(mode="before")
    @classmethod
    def _near_speaks_for_lexical(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and "lexical" not in value and value.get("near") is False:
            return {**value, "lexical": None}
        return value


class DuplicateCheck(SimilarityCheck):
    """Repeats of the real rows and of each other.

    Attributes:
        contrast: `keep` accepts a row whose only difference from its near neighbour is a negation or a number, and
            records the pair.
        real: How far the real rows count: in all stages, or `exact`, where rows are made from real ones and stay near
            them by intent.
    """

    check: Literal["duplicate"]
    contrast: Literal["keep"] | None = None
    real: Literal["all", "exact"] = "all"


class LeakageCheck(SimilarityCheck):
    """Matches of the test set. Present whenever the job names one; written down only to change the thresholds."""

    check: Literal["leakage"]


def check_kind(name: str) -> type[CheckBlock]:
    """The keys of a check.

    Args:
        name: As a job file writes it; `module:function` is a function of the user's.

    Raises:
        JobError: No such check, or what a package brings is none.
    """
    known = FUNCTION if ":" in name else name
    if not CHECKS.has(known):
        near = difflib.get_close_matches(name, CHECKS.names(), n=1, cutoff=0.5)
        guess = f"; did you mean '{near[0]}'?" if near else ""
        raise JobError(f"no check is called '{name}'{guess} (there are: {', '.join(CHECKS.names())})")
    kind = CHECKS.load(known, where=f"check '{name}'")
    is_block = isinstance(kind, type) and issubclass(kind, CheckBlock) and "check" in kind.model_fields
    if is_block and (known in CHECKS.builtins or callable(getattr(kind, "build", None))):
        found: type[CheckBlock] = kind
        return found
    raise JobError(
        f"check '{name}': what the package brings is no check: a CheckBlock with the key `check` and a method `build`"
    )


def _as_check(value: Any) -> Any:
    """An entry of `checks`, read by the keys of the check that it names."""
    if isinstance(value, CheckBlock):
        return value
    if not isinstance(value, Mapping):
        raise PydanticCustomError("check", "write `check: name` and what belongs to it")
    if "check" not in value:
        raise PydanticCustomError("check", "needs `check:`, the name of the check")
    try:
        kind = check_kind(str(value["check"]))
    except JobError as error:
        raise PydanticCustomError("check", "{text}", {"text": str(error)}) from None
    return kind.model_validate(value)


CheckConfig = Annotated[SerializeAsAny[CheckBlock], BeforeValidator(_as_check)]
