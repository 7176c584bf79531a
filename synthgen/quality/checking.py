"""The checks of a job on a table that nobody generated here: which rows pass, and why the others do not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from synthgen.checks import Check, LabelJudge, build_checks, measure_row, measuring, rewrite_row, rewriting
from synthgen.checks.label import LabelCheck
from synthgen.data.models import load_check
from synthgen.dedup import Deduplicator
from synthgen.engine.judging.pools import make_label_judge
from synthgen.errors import JobError
from synthgen.job import CheckConfig, DuplicateCheck, LeakageCheck
from synthgen.job.checks import CHECKS, check_kind
from synthgen.job.source import complaints, parse_yaml
from synthgen.quality.dedup import BATCH_ROWS
from synthgen.quality.vectors import TextVectors
from synthgen.records import Candidate, Reason, Rejection, Row

ProgressCallback = Callable[[str, int, int], None]
_FUNCTION = re.compile(r"([\w.]+:\w+)(?::(.*))?", re.DOTALL)


def parse_check(text: str) -> CheckConfig:
    """`name` or `name:key=value,key=value`; lists are written with `|` between. A name may be `module:function`.

    Raises:
        JobError: No such check, or a setting it does not have.
    """
    name, _, settings = text.partition(":")
    if not CHECKS.has(name) and (of_user := _FUNCTION.fullmatch(text)):
        name, settings = of_user[1], of_user[2] or ""
    values: dict[str, Any] = {"check": name}
    for setting in filter(None, settings.split(",")):
        key, is_set, value = setting.partition("=")
        if not is_set:
            raise JobError(f"--check {text}: '{setting}' is no setting", hint="write name:key=value,key=value")
        values[key.strip()] = _value(name, key.strip(), value)
    return _validated([values], f"--check {text}", {})[0]


def _value(name: str, key: str, text: str) -> Any:
    is_known = CHECKS.has(name) or ":" in name
    field = check_kind(name).model_fields.get(key) if is_known else None
    annotation = field.annotation if field is not None else None
    if get_origin(annotation) is list:
        return text.split("|")
    value, _ = parse_yaml(text, name=f"--check ...{key}")
    return value


def read_checks(path: Path) -> list[CheckConfig]:
    """Checks of a YAML file: a list as a job file has it, or a whole job file's `checks`.

    Raises:
        JobError: It cannot be read, or a check is wrong.
    """
    try:
        value, lines = parse_yaml(path.read_text(encoding="utf-8"), name=str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise JobError(f"{path}: cannot be read: {error}") from None
    if isinstance(value, dict):
        value = value.get("checks")
        lines = {place[1:]: line for place, line in lines.items() if place[:1] == ("checks",)}
    if not isinstance(value, list) or not value:
        raise JobError(f"{path}: holds no list of checks", hint="- {check: length, min_chars: 10}")
    return [check for check in _validated(value, str(path), lines) if check.enabled]


def _validated(values: list[Any], name: str, lines: Mapping[tuple[str | int, ...], int]) -> list[CheckConfig]:
    try:
        return TypeAdapter(list[CheckConfig]).validate_python(values)
    except ValidationError as error:
        known = ", ".join(CHECKS.names())
        found = complaints(error, dict(lines) or {(): 0}, name)
        raise JobError("\n".join(found), hint=f"checks there are: {known}") from None


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of the rows of a table.

    Attributes:
        rejections: For each row, why it is not wanted, or None.
        results: For each row, what the checks found worth keeping.
        texts: For each row, its text, with surrogate values where a check redacts.
        label_judge: The judge of the label check, with its own error, or None.
    """

    rejections: Sequence[Rejection | None]
    results: Sequence[Mapping[str, Any]]
    texts: Sequence[str]
    label_judge: LabelJudge | None = field(repr=False)

    def as_json(self, labels: Sequence[str]) -> dict[str, Any]:
        """Counts by reason and class. `labels` are the rows' own."""
        passed = [rejection is None for rejection in self.rejections]
        rows, kept = Counter(labels), Counter(label for label, is_kept in zip(labels, passed, strict=True) if is_kept)
        doubts = Counter(str(result["label"]) for result in self.results if "label" in result)
        return {
            "rows": len(labels),
            "kept": sum(passed),
            "removed": len(labels) - sum(passed),
            "reasons": dict(Counter(str(r.reason) for r in self.rejections if r is not None)),
            "classes": {
                label: {"rows": n, "kept": kept[label], "kept_ratio": round(kept[label] / n, 4)}
                for label, n in sorted(rows.items())
            },
            "unsure": doubts["unsure"],
            "unjudged": doubts["unjudged"],
            "redacted": self._entities("redacted"),
            "flagged": self._entities("pii"),
            "label_check": None if self.label_judge is None else self.label_judge.error.as_json(),
        }

    def _entities(self, name: str) -> dict[str, int]:
        """Findings of personal data in the rows that passed, by entity."""
        counts: Counter[str] = Counter()
        for result, rejection in zip(self.results, self.rejections, strict=True):
            if rejection is None:
                counts.update(result.get(name, {}))
        return dict(counts)


def check_rows(
    rows: Sequence[Row],
    configs: Sequence[CheckConfig],
    *,
    train: Sequence[Row] = (),
    test: Sequence[Row] = (),
    vectors: TextVectors,
    base: Path = Path(),
    seed: int = 0,
    report: ProgressCallback | None = None,
) -> Checked:
    """Judge rows as a run judges them: cheap checks first, then real and test rows, labels, and earlier rows.

    Args:
        rows: To be judged, in order: of two equal rows the first stays.
        configs: The checks.
        train: Real training rows; `label` needs them, `duplicate` looks at them too.
        test: Real test rows, which `leakage` needs.
        vectors: Encodes texts where a check looks at embeddings.
        base: The folder that a model of the label check is relative to.
        seed: For the label check's folds.
        report: Called with how many rows are judged.

    Raises:
        JobError: A check needs rows that are not there, or cannot be used on a file.
    """
    _require_rows(configs, train, test)
    simple = build_checks(configs, language=None, real=train, load=partial(load_check, base=base))
    asked = [Candidate(row.id, row.id, row.label, place, 0, row.text, {}) for place, row in enumerate(rows)]
    may_rewrite = rewriting(simple)
    changed = [rewrite_row(may_rewrite, candidate) for candidate in asked]
    candidates = [candidate for candidate, _ in changed]
    results: list[dict[str, Any]] = [dict(before) for _, before in changed]
    texts = [candidate.text for candidate in candidates]
    duplicate, leakage = _config(DuplicateCheck, configs), _config(LeakageCheck, configs)
    label = _config(LabelCheck, configs)
    is_near = any(check is not None and check.near for check in (duplicate, leakage))
    needs_vectors = is_near or (label is not None and label.model is None)
    of_rows, of_train, of_test = (
        vectors.of(part).astype("float16") if needs_vectors else None
        for part in (texts, [row.text for row in train], [row.text for row in test])
    )
    judge = None
    if label is not None:
        known = vectors.of([row.text for row in train]) if label.model is None else vectors_of_none(len(train))
        judge = make_label_judge(label, train, known, seed=seed, base=base)
    dimensions = of_rows.shape[1] if of_rows is not None and is_near else None
    dedup = Deduplicator(duplicate, leakage, dimensions, ranked=(row.text for row in train or rows), margin=0.0)
    dedup.add_real(train, of_train)
    dedup.add_test(test, of_test)
    judges = _Judges(simple, dedup, judge)
    rejections: list[Rejection | None] = []
    say = report or (lambda what, done, total: None)
    for start in range(0, len(rows), BATCH_ROWS):
        say("checking rows", start, len(rows))
        part = slice(start, start + BATCH_ROWS)
        own = [None] * len(texts[part]) if of_rows is None else list(of_rows[part])
        rejections += judges.judge_each(candidates[part], own, results[part])
    say("checking rows", len(rows), len(rows))
    return Checked(rejections, results, texts, judge)


C = TypeVar("C", bound=BaseModel)


def _config(kind: type[C], configs: Sequence[CheckConfig]) -> C | None:
    """The last of its kind, if any."""
    return next((config for config in reversed(configs) if isinstance(config, kind)), None)


@dataclass(frozen=True, slots=True)
class _Judges:
    """All that may object to a row, the cheap ones first.

    Attributes:
        simple: Checks that look at one row alone.
        dedup: Compares with real, test and earlier rows.
        label: The judge of the label check, or None.
    """

    simple: Sequence[Check]
    dedup: Deduplicator
    label: LabelJudge | None

    def judge_each(
        self, candidates: Sequence[Candidate], vectors: Sequence[Any], results: Sequence[dict[str, Any]]
    ) -> list[Rejection | None]:
        """The first objection to each row of a batch, in order; what the checks found worth keeping goes to
        `results`. Later rows are compared with those that pass."""
        found: list[Rejection | None] = []
        for candidate, kept in zip(candidates, results, strict=True):
            found.append(next((r for check in self.simple if (r := check.judge(candidate)) is not None), None))
            if found[-1] is None:
                kept.update(measure_row(measuring(self.simple), candidate))
        for judge in (self._by_texts, self._by_vectors, self._by_label, self._by_accepted):
            left = [place for place, rejection in enumerate(found) if rejection is None]
            batch = [candidates[place] for place in left]
            judged = judge(batch, [vectors[place] for place in left], [results[place] for place in left])
            for place, rejection in zip(left, judged, strict=True):
                found[place] = rejection
        return found

    def _by_texts(self, batch: Sequence[Candidate], vectors: Sequence[Any], results: Any) -> list[Rejection | None]:
        return [verdict.rejection for verdict in self.dedup.judge_texts_each(batch)]

    def _by_vectors(self, batch: Sequence[Candidate], vectors: Sequence[Any], results: Any) -> list[Rejection | None]:
        return [verdict.rejection for verdict in self.dedup.judge_vectors_each(batch, vectors)]

    def _by_label(
        self, batch: Sequence[Candidate], vectors: Sequence[Any], results: Sequence[dict[str, Any]]
    ) -> list[Rejection | None]:
        rejections: list[Rejection | None] = []
        for candidate, vector, kept in zip(batch, vectors, results, strict=True):
            rejection, found = self.label.judge(candidate.text, vector, candidate.label) if self.label else (None, {})
            rejections.append(rejection)
            kept.update(found)
        return rejections

    def _by_accepted(self, batch: Sequence[Candidate], vectors: Sequence[Any], results: Any) -> list[Rejection | None]:
        rejections: list[Rejection | None] = []
        if self.dedup.searches:
            self.dedup.look_ahead(batch, vectors)
        for candidate, vector in zip(batch, vectors, strict=True):
            rejections.append(self.dedup.judge_accepted(candidate, vector).rejection)
            if rejections[-1] is None:
                self.dedup.accept(candidate, vector)
        return rejections


def vectors_of_none(rows: int) -> Any:
    """What stands for vectors where the label check's own model reads texts."""
    import numpy as np

    return np.empty((rows, 0), dtype=np.float32)


def _require_rows(configs: Sequence[CheckConfig], train: Sequence[Row], test: Sequence[Row]) -> None:
    kinds: set[str] = {config.check for config in configs}
    if "label" in kinds and not train:
        raise JobError("--check label: needs real rows to learn the classes from", hint="--train REAL.csv")
    if "memorised" in kinds and not train:
        raise JobError("--check memorised: needs the real rows to compare with", hint="--train REAL.csv")
    if "leakage" in kinds and not test:
        raise JobError("--check leakage: needs the test rows", hint="--test TEST.csv")
    for config in configs:
        if (named := getattr(config, "field", None)) is not None:
            raise JobError(
                f"--check {config.check}: field: a file is judged by one column",
                hint=f"leave `field` out and add --text-column {named}",
            )
    if made_from := kinds & {"unchanged", "change"}:
        raise JobError(
            f"--check {min(made_from)}: a file does not say which row each of its rows was made from",
            hint="--check duplicate --train REAL.csv compares with all real rows",
        )
    if "copied_seed" in kinds:
        raise JobError(
            "--check copied_seed: a file does not say which rows its prompts showed",
            hint="--check duplicate --train REAL.csv compares with all real rows",
        )


def removed_record(record: Mapping[str, Any], rejection: Rejection) -> dict[str, Any]:
    """A removed row with its reason and its evidence, a column each."""
    evidence = {f"evidence_{name}": value for name, value in rejection.evidence.items()}
    return {**record, "reason": str(rejection.reason), **evidence}


EMPTY = Rejection(Reason.INVALID, {"why": "no text or no label"})
