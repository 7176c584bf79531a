"""Records travel between processes: each one pickles, defaults included, and comes back equal."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import typing
from typing import Any

import pytest

from synthgen import records
from synthgen.records import NOTHING, FailureKind, Prompt, Reason, Usage

RECORDS = [
    found
    for found in vars(records).values()
    if inspect.isclass(found) and (dataclasses.is_dataclass(found) or hasattr(found, "_fields"))
]
SAMPLES: dict[Any, Any] = {
    "kind": FailureKind.REFUSED,
    "reason": Reason.LABEL,
    "usage": Usage(1, 2),
    "prompt": Prompt(),
}


def made(record: Any) -> Any:
    """One with something in each field that must be given, and defaults elsewhere."""
    needed = [p for p in inspect.signature(record).parameters.values() if p.default is p.empty]
    return record(**{p.name: SAMPLES.get(p.name, {"a": [1, "ü"]}) for p in needed})


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: r.__name__)
@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_records_pickle(record: Any, protocol: int) -> None:
    """What goes in comes out, of the same class; the shared empty default stays the one object."""
    given = made(record)
    back = pickle.loads(pickle.dumps(given, protocol))
    assert back == given
    assert type(back) is record
    names = typing.get_type_hints(record)
    assert [n for n in names if getattr(given, n) is NOTHING] == [n for n in names if getattr(back, n) is NOTHING]


def test_records_share_an_empty_mapping_that_stays_empty() -> None:
    """A default that all share refuses to be filled."""
    shared: Any = NOTHING
    for change in (lambda: shared.update(a=1), lambda: shared.setdefault("a", 1), lambda: shared.__setitem__("a", 1)):
        with pytest.raises(TypeError, match="cannot be changed"):
            change()
    assert copy.deepcopy(shared) is NOTHING == {}
