"""One value replaced: the same keys, the same rules, the same words as in the job file."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from synthgen.errors import JobError
from synthgen.job import Job, override

JOB = Job.model_validate(
    {
        "name": "x",
        "data": {"train": "train.csv", "label": "intent"},
        "targets": {"late": 5, "very.late": 7},
        "models": [{"model": "m"}],
        "checks": [
            {"check": "length", "max_chars": 99},
            {"check": "duplicate"},
            {"check": "pattern", "must_match": ["a"]},
            {"check": "pattern", "must_match": ["b"]},
        ],
    }
)


@pytest.mark.parametrize(
    ("setting", "place", "value"),
    [
        ("checks.duplicate.threshold=0.5", lambda j: j.checks[1].threshold, 0.5),
        ("checks.length.min_chars=10", lambda j: j.checks[0].min_chars, 10),
        ("checks.0.min_chars=10", lambda j: j.checks[0].min_chars, 10),
        ("checks[0].min_chars=10", lambda j: j.checks[0].min_chars, 10),
        ("checks.length.max_chars=null", lambda j: j.checks[0].max_chars, None),
        ("checks.duplicate.near=false", lambda j: j.checks[1].near, False),
        ("targets.late=50", lambda j: j.targets, {"late": 50, "very.late": 7}),
        ("targets.very.late=50", lambda j: j.targets, {"late": 5, "very.late": 50}),
        ("starvation.patience=10", lambda j: j.starvation.patience, 10),
        ("budget.max_usd=1.50", lambda j: j.budget.max_usd, Decimal("1.5")),
        ("budget.deadline=07:00", lambda j: j.budget.deadline, "07:00"),
        ("models.0.limits.max_concurrency=3", lambda j: j.models[0].limits.max_concurrency, 3),
        ("encoder=hashing", lambda j: j.encoder, "hashing"),
        ("checks.length.enabled=false", lambda j: [c.check for c in j.checks], ["duplicate", "pattern", "pattern"]),
    ],
)
def test_override_replaces_one_value(setting: str, place: Any, value: Any) -> None:
    """By dotted key, list entries by number and checks by name; everything else stays."""
    changed = override(JOB, setting)
    assert place(changed) == value
    assert place(JOB) != value
    assert changed.data == JOB.data


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("checks.duplicate.treshold=1", "checks[1].treshold: unknown key 'treshold'; did you mean 'threshold'?"),
        ("budgets.max_usd=1", "unknown key 'budgets'; did you mean 'budget'?"),
        ("checks.duplicat.threshold=1", "no check 'duplicat'; did you mean 'duplicate'?"),
        ("checks.pattern.labels=x", "several 'pattern' checks: write checks.2 or checks.3"),
        ("checks.9.threshold=1", "there is no entry 9, the last one is 3"),
        ("models.first.weight=1", "'first' must be the number of an entry, 0 to 0"),
        ("checks.duplicate.threshold=7", "checks[1].threshold: should be less than or equal to 1 (is 7)"),
        ("targets.late=many", "rows of class 'late' must be a whole number"),
        ("targets.late.more=1", "'more' is looked for inside a single value"),
        ("targets.late={a: 1}", "one value at a time"),
        ("targets.late", "expected KEY=VALUE"),
        ("=3", "expected KEY=VALUE"),
        ("encoder='", "not valid YAML"),
    ],
)
def test_override_refuses_with_the_words_of_the_job_file(setting: str, said: str) -> None:
    """Unknown keys name their neighbours; the message starts with the setting and has no made-up line number."""
    with pytest.raises(JobError) as caught:
        override(JOB, setting)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"--set {setting}:")
