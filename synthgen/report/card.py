"""The dataset card: a README with Hugging Face front matter that travels with an export.

Says what the rows are, how they were made, what was checked and by whom, and what they must not be used for. Every
figure in it stands in the export's manifest too. Same run, same card: it tells no time of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import yaml

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_SIZE_BEYOND = "1M<n<10M"
_MAX_LISTED_CHARS = 80
USE = "For training only: not for evaluation, and not for audits of bias or fairness."


def card_text(facts: Mapping[str, Any], review: Mapping[str, Any], *, rows: int, data_file: str, fields: str) -> str:
    """The whole card.

    Args:
        facts: Of the run, as `run_facts` gives them.
        review: Where the spot check stands, as JSON values.
        rows: How many rows the file beside it holds.
        data_file: Its path, relative to the card.
        fields: What a row of it looks like, for a person.
    """
    parts = [
        _front_matter(facts, review, rows, data_file),
        f"# {_plain(facts['name'])}: synthetic training rows",
        f"{rows:,} rows written by language models and checked by machine. {USE}",
        *_section("Spot check", [_sentence(review), *_review_lines(review)]),
        *_section("Rows", [*_class_table(facts), f"A row holds {fields}"]),
        *_section("How they were made", _origin_lines(facts)),
        *_section("Checks", _check_lines(facts)),
        *_section("Beside the real rows", _drift_lines(facts.get("drift"))),
        *_section("Personal data", _privacy_lines(facts)),
        *_section("Intended use", _use_lines(facts)),
        *_section("Known limits", [_bullets(_limits(facts, review))]),
        *_section("To make it again", _again_lines(facts)),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(facts: Mapping[str, Any], review: Mapping[str, Any], rows: int, data_file: str) -> str:
    job = facts["job"]
    size = next((name for bound, name in _SIZES if rows < bound), _SIZE_BEYOND)
    values: dict[str, Any] = {
        "pretty_name": facts["name"],
        **({"language": [job["language"]]} if job.get("language") else {}),
        "task_categories": ["text-classification" if facts["label_field"] else "text-generation"],
        "annotations_creators": ["machine-generated"],
        "language_creators": ["machine-generated"],
        "size_categories": [size],
        "tags": ["synthetic", "synthgen", f"spot-check-{review['state']}"],
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": data_file}]}],
    }
    return "---\n" + yaml.safe_dump(values, sort_keys=False, allow_unicode=True) + "---"


def _section(title: str, lines: Iterable[str]) -> list[str]:
    found = [line for line in lines if line]
    return [f"## {title}", *found] if found else []


def _sentence(review: Mapping[str, Any]) -> str:
    word, _, rest = review["sentence"].partition(": ")
    return f"**{word.capitalize()}**: {rest}."


def _review_lines(review: Mapping[str, Any]) -> Iterator[str]:
    if review["reviewers"]:
        names = ("keep", "wrong_label", "unnatural", "harmful", "skip")
        head = ("reviewer", *(name.replace("_", " ") for name in names))
        yield _table(head, [(name, *(said.get(v, 0) for v in names)) for name, said in review["reviewers"].items()])
    for found in review["agreements"]:
        kappa = "" if found["kappa"] is None else f"; Cohen's kappa {found['kappa']:.2f}"
        names_ = " and ".join(_plain(name) for name in found["reviewers"])
        yield f"{names_} agree on {found['agreed']:,} of {found['rows']:,} rows{kappa}."


def _class_table(facts: Mapping[str, Any]) -> Iterator[str]:
    head = ("class", "rows", "asked for", "real rows behind it", "share accepted")
    lines = [
        (label or "rows", c["accepted"], _count(c["target"]), _count(c["real"]), _percent(c["yield_ratio"]))
        for label, c in facts["classes"].items()
    ]
    if lines:
        yield _table(head, lines)


def _origin_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    job = facts["job"]
    prompt = job.get("prompt", {})
    yield (
        f"Recipe `{job.get('recipe', '')}`, template `{prompt.get('template') or 'built in'}`: each prompt showed "
        f"{prompt.get('seeds', 0)} real rows of the class. Seed {job.get('seed', 0)}."
    )
    head = ("model", "answers", "input tokens", "output tokens", "US dollars")
    yield _table(
        head,
        [
            (m["model"], f"{m['answers']:,}", f"{m['input_tokens']:,}", f"{m['output_tokens']:,}", f"{m['usd']:.4f}")
            for m in facts["models"]
        ],
    )
    cost = facts["usd_per_accepted_row"]
    lost = facts["losses"]["requests"]
    spent = f"${facts['usage']['usd']:.4f}" if facts["usage"]["usd"] else "no money booked (no price, or a local model)"
    yield (
        f"Cost: {spent} for {facts['requests']:,} answers"
        + (f", ${cost:.6f} for each accepted row" if cost else "")
        + (f"; {lost:,} more requests may have been billed without an answer" if lost else "")
        + "."
    )


def _check_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    yield "A row was accepted when it passed all of these, and was not in the real rows already:"
    yield _bullets(_check(check) for check in facts["checks"])
    if facts["rejected"]:
        yield "Rejected on the way:"
        yield _table(("reason", "items"), [(reason, f"{count:,}") for reason, count in facts["rejected"].items()])
    yield from _label_lines(facts["label_check"])


def _label_lines(check: Mapping[str, Any] | None) -> Iterator[str]:
    if not check:
        return
    accuracy = check["held_out_accuracy"]
    said = "" if accuracy is None else f", which reads {100 * accuracy:.1f} % of held-out real rows right"
    yield f"Label check, by a classifier trained on the real rows only{said}:"
    head = ("class", "read as its class", "rejected", "kept unsure", "unjudged")
    yield _table(
        head, [(n, c["passed"], c["rejected"], c["unsure"], c["unjudged"]) for n, c in check["per_class"].items()]
    )


def _drift_lines(drift: Mapping[str, Any] | None) -> Iterator[str]:
    """A quick look by a small sample; the report's is deeper."""
    overall = (drift or {}).get("overall")
    if not drift or not overall or not overall["metrics"]:
        return
    meanings = drift["meanings"]
    yield (
        f"Samples of {overall['sample_rows']:,} rows, with as many real ones of each class. The range is what real "
        "rows give among themselves, 99 times of 100."
    )
    lines = [
        (
            name.replace("_", " "),
            f"{m['synthetic']:.3f}",
            f"{m['low']:.3f} to {m['high']:.3f}",
            _word(m),
            meanings[name],
        )
        for name, m in overall["metrics"].items()
    ]
    yield _table(("figure", "these rows", "real rows", "", "what it is"), lines)
    if drift["tics"]:
        phrases = ", ".join(_code(phrase["phrase"]) for phrase in drift["tics"][:8])
        yield f"Turns of phrase that these rows over-use: {phrases}."


def _word(metric: Mapping[str, Any]) -> str:
    return "outside" if metric["is_outside"] else ""


def _privacy_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    seeds = facts.get("seeds", {})
    redacted = seeds.get("redacted", {})
    if redacted:
        counts = ", ".join(f"{count:,} {_code(entity)}" for entity, count in redacted.items())
        yield f"{seeds['rows']:,} real rows held personal data by its form ({counts}): prompts showed stand-ins."
    elif seeds.get("pii") == "allow":
        yield "Real rows were shown to the model as they are; personal data in them was not looked for."
    elif seeds.get("pii"):
        yield "No personal data was found, by its form, in the real rows that prompts showed."
    if not any(check["check"] == "pii" for check in facts["checks"]):
        yield "These rows themselves were not checked for personal data."


def _check(check: Mapping[str, Any]) -> str:
    settings = {k: v for k, v in check.items() if k not in ("check", "enabled") and v not in (None, [], {})}
    listed = ", ".join(f"{_plain(name)} {_setting(value)}" for name, value in settings.items())
    return f"{_plain(str(check['check']))}{': ' if listed else ''}{listed}"


def _setting(value: object) -> str:
    """Long lists (a page of patterns) are counted; the manifest has them whole."""
    if isinstance(value, list) and len(str(value)) > _MAX_LISTED_CHARS:
        return f"({len(value)} of them)"
    return ", ".join(map(_code, value)) if isinstance(value, list) else _code(value)


def _use_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    purpose = "a classifier" if facts["label_field"] else "a model"
    yield f"To train {purpose} where real rows of a class are few, mixed with the real rows, not in place of them."
    yield _bullets(
        (
            "Not for evaluation: a score on these rows says how well a model imitates the model that wrote them.",
            "Not for audits of bias or fairness: they show the generator's picture of people, not people.",
            "Keep the `synthetic` mark on each row when you mix or pass them on.",
        )
    )


def _limits(facts: Mapping[str, Any], review: Mapping[str, Any]) -> Iterator[str]:
    if review["state"] == "unreviewed":
        yield "No person has looked at a sample of these rows."
    elif review["state"] == "failed":
        yield "The spot check failed: more than 5 % of the rows are likely wrong. They were exported all the same."
    elif review["state"] == "undecided":
        yield "The spot check is not finished: it is not known whether fewer than 5 % of the rows are wrong."
    for label, c in facts["classes"].items():
        if c["target"] and c["accepted"] < c["target"]:
            yield f"Class {_code(label or 'rows')} has {c['accepted']:,} of the {c['target']:,} rows asked for."
    few = [label for label, c in facts["classes"].items() if c["real"] is not None and c["real"] < 10]
    if few:
        named = ", ".join(_code(label) for label in few[:10]) + (", ..." if len(few) > 10 else "")
        yield f"Fewer than ten real rows stand behind {named}: their variety is the model's, not the data's."
    label_check = facts["label_check"]
    unjudged = [n for n, c in label_check["per_class"].items() if c["unjudged"]] if label_check else []
    if facts["label_field"] and label_check is None:
        yield "Labels were not verified: each row carries the class that the model was asked for."
    unsure = sum(c["unsure"] for c in label_check["per_class"].values()) if label_check else 0
    if unsure:
        yield f"The label check was unsure of {unsure:,} rows that were kept: another class is a little more probable."
    if unjudged:
        yield f"Labels of {', '.join(_code(n) for n in unjudged[:10])} could not be verified: too few real rows."
    yield "Subjects, style and blind spots are those of the models and of the few real rows shown to them."


def _again_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    yield "```\nsynthgen run job.yaml        # the same answers give the same rows\n```"
    versions, hashes = facts["versions"], facts["hashes"]
    yield _table(
        ("what", "which"),
        [
            ("synthgen", versions["synthgen"]),
            ("python", versions["python"]),
            *((name, value) for name, value in hashes.items() if value),
        ],
        align="---",
    )


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]], *, align: str = "---:") -> str:
    lines = [head, ["---"] + [align] * (len(head) - 1), *([_plain(str(cell)) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _plain(text: str) -> str:
    """Names from anywhere as text, not as markup of a table, a link or HTML."""
    kept = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return re.sub(r"([\\|<>\[\]`*_])", r"\\\1", kept)


def _code(value: object) -> str:
    text = " ".join(str(value).split()).replace("`", "'")
    return f"`{text}`"


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _percent(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.0%}"
