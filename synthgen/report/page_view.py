"""Draws the report's page from its figures: one HTML file that needs nothing else, on a screen or on paper.

Values are escaped by the template; charts escape their own. The page may load nothing, and runs its own script alone.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from markupsafe import Markup, escape

from synthgen.report import charts
from synthgen.report.progress import duration
from synthgen.text import visible

PAGE = Path(__file__).parent / "page"
VERDICTS = ("keep", "wrong_label", "unnatural", "harmful", "skip")
_MAX_EVIDENCE_CHARS = 160
_MAX_NAME_CHARS = 200
_MEASURES = {
    "near": "cosine similarity",
    "cosine": "cosine similarity",
    "lexical": "overlap of character 3-grams (Jaccard)",
}


def render_report(facts: Mapping[str, Any]) -> str:
    """The whole page.

    Args:
        facts: As `gather_report` gives them.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(PAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=False, lstrip_blocks=True
    )
    script = (PAGE / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    views = _views(facts)
    return environment.get_template("report.html.j2").render(
        f=facts,
        style=Markup((PAGE / "report.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_digest=digest,
        shown=_shown,
        share=_share,
        evidence=_evidence,
        money=_money,
        duration=duration,
        verdicts=VERDICTS,
        **views,
    )


def _views(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the template cannot work out itself."""
    total, rejected = sum(facts["accepted"].values()), facts["rejected"]
    views: dict[str, Any] = {
        "total": total,
        "target": sum(facts["targets"].values()),
        "lede": _lede(facts, total),
        "sentence": _capital(facts["review"]["sentence"]) + ".",
        "rejected_total": sum(rejected.values()),
        "rejected_most": max(rejected.values(), default=1),
        "histograms": list(_histograms(facts["duplicates"], accepted_rows=total)),
        "memorised": _memorised(facts["memorised"]),
        "map": _map(facts["map"]),
        "label_note": _label_note(facts["label_check"]),
        "measured_rows": _measured(facts["label_check"]),
        "drift_tables": _drift_tables(facts["drift"]),
        "drift_classes": facts["drift"]["classes"] if facts["drift"] and len(facts["drift"]["classes"]) > 1 else [],
        "speeds": list(_speeds(facts["timeline"])),
        "speed_note": _speed_note(facts),
        "job_yaml": visible(yaml.safe_dump(_pruned(facts["job"]), sort_keys=False, allow_unicode=True, width=100)),
    }
    return {**views, "contents": list(_contents(facts, views))}


def _contents(facts: Mapping[str, Any], views: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "classes", "Made"
    yield "review", "Spot check"
    for is_there, anchor, name in (
        (facts["rejected"], "rejected", "Rejected"),
        (views["histograms"], "duplicates", "Nearness"),
        (views["memorised"], "memorised", "Memory"),
        (views["map"], "map", "Map"),
        (facts["label_check"], "labels", "Labels"),
        (facts["drift"], "drift", "Drift"),
        (views["speeds"], "speed", "Throughput"),
    ):
        if is_there:
            yield anchor, name
    yield "again", "Again"


def _lede(facts: Mapping[str, Any], total: int) -> str:
    models = ", ".join(dict.fromkeys(visible(m["model"]) for m in facts["models"]))
    written = f"{total:,} synthetic rows" + (f" by {models}" if models else "")
    state = "every target met" if facts["is_complete"] else "targets not met"
    return f"{written}; {state}. For training only."


def _histograms(duplicates: Mapping[str, Any], *, accepted_rows: int) -> Iterator[dict[str, Any]]:
    for stage, found in duplicates["stages"].items():
        accepted, rejected = found.get("accepted"), found["rejected"]
        if stage == "exact" and not accepted:
            continue  # all of them at 1: no picture
        shown = _scaled(accepted, accepted_rows) if accepted else None
        stacks = {name: counts for name, counts in (("accepted", shown), ("rejected", rejected)) if counts}
        first = min((i for counts in stacks.values() for i, n in enumerate(counts) if n), default=0)
        first = max(0, first - first % 5)
        width, threshold = duplicates["bin_width"], found["threshold"]
        measure = _MEASURES.get(stage, f"similarity ({stage})")
        svg = charts.histogram(
            first * width,
            width,
            {name: counts[first:] for name, counts in stacks.items()},
            x_name=f"{measure} with the nearest row, 0 to 1",
            y_name="items",
            mark=None if threshold is None else (threshold, f"threshold {threshold:g}"),
            about=f"Histogram of {measure} with the nearest row",
        )
        copies = "Copies found by this comparison, by how alike they were."
        caption = _nearness(accepted, width, accepted_rows) if accepted else copies
        yield {"svg": svg, "accepted": accepted_rows if accepted else 0, "rejected": sum(rejected), "caption": caption}


def _scaled(sampled: list[int], rows: int) -> list[int]:
    """A sample's counts as those of all rows."""
    return [round(count * rows / sum(sampled)) for count in sampled]


def _nearness(sampled: list[int], width: float, rows: int) -> str:
    """Where half of the accepted rows lie, and how many were looked at for that."""
    known, seen = sum(sampled), 0
    by = "" if known >= rows else f" (by {known:,} of them)"
    for place, count in enumerate(sampled):
        seen += count
        if 2 * seen >= known:
            return f"Half of the accepted rows{by} stay below {(place + 1) * width:.2f}."
    return ""


def _memorised(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if found is None:
        return None
    lengths = {int(length): rows for length, rows in found["rows"].items()}
    counts = [lengths.get(length, 0) for length in range(max(lengths) + 1)]
    limit = found["max_words"]
    svg = charts.histogram(
        -0.5,
        1,
        {"accepted": counts},
        x_name="words of the longest run that a row shares with any real row",
        y_name="rows",
        mark=None if limit is None or limit + 0.5 > len(counts) else (limit + 0.5, f"at most {limit}"),
        about="Histogram of the longest run of words shared with a real row",
    )
    half, longest = found["median_words"], found["longest"]
    bound = "No limit was set." if limit is None else f"Rows that share more than {limit} were rejected."
    caption = (
        f"{found['looked_at']:,} accepted rows looked at: half of them share at most {half} words in a row with a real "
        f"one. {found['whole_rows']:,} stand whole in a real row. {bound}"
    )
    return {"svg": svg, "caption": caption, "longest": longest if longest["words"] else None}


def _map(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if found is None:
        return None
    labels = sorted({p["label"] for p in found["points"] if p["kind"] == "synthetic"} - {""})
    colours = {label: i for i, label in enumerate(labels)} if 1 < len(labels) <= charts.COLOURS else {}
    shares = found["explained_ratio"]
    svg = charts.scatter(
        found["points"],
        colours,
        x_name=f"first principal component ({100 * shares[0]:.0f} % of the variance)",
        y_name=f"second ({100 * shares[1]:.0f} %)",
        about="Map of real and synthetic rows by their embeddings",
    )
    shown = len(found["points"])
    caption = (
        f"Embeddings flattened to two directions, which hold {100 * sum(shares):.0f} % of what sets the rows apart. "
        f"{shown:,} rows are drawn; hover to read one."
    )
    return {"svg": svg, "colours": colours, "real": found["real"], "synthetic": found["synthetic"], "caption": caption}


def _label_note(check: Mapping[str, Any] | None) -> str:
    """How far its word can be trusted, by the real rows."""
    if not check or check["held_out_accuracy"] is None:
        return "How well it reads could not be measured: there are too few real rows."
    measured = check["measured"] or {}
    seen = (
        "real rows (which it may have learned from)" if measured.get("is_held_out") is False else "held-out real rows"
    )
    note = f"It reads {_share(check['held_out_accuracy'])} of {seen} right"
    wrongly = measured.get("wrongly_rejected_ratio")
    return f"{note}, and would turn {_share(wrongly)} of them down." if wrongly is not None else f"{note}."


def _measured(check: Mapping[str, Any] | None) -> list[list[str]]:
    """The measured quality of the check as a table: a line for each class, whatever figures there are."""
    classes = ((check or {}).get("measured") or {}).get("classes")
    if not isinstance(classes, Mapping) or not all(isinstance(line, Mapping) for line in classes.values()):
        return []
    names = [n for n in dict.fromkeys(n for line in classes.values() for n in line) if _is_cell(classes, n)]
    lines = [[label, *(_figure(line.get(name)) for name in names)] for label, line in classes.items()]
    return [["class", *(name.replace("_", " ") for name in names)], *lines] if names else []


def _is_cell(per_class: Mapping[str, Mapping[str, Any]], name: str) -> bool:
    return all(isinstance(line.get(name), int | float | str | bool | None) for line in per_class.values())


def _drift_tables(drift: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    if not drift:
        return []
    meanings = drift.get("meanings", {})
    overall = drift["overall"]
    rows = [
        {
            "name": name.replace("_", " "),
            "meaning": meanings.get(name, ""),
            "is_outside": metric["is_outside"],
            **{part: _figure(metric[part]) for part in ("synthetic", "real", "low", "high")},
        }
        for name, metric in overall["metrics"].items()
    ]
    note = overall["note"] or f"Samples of {overall['sample_rows']:,} rows each."
    return [{"title": "", "rows": rows, "note": note}]


def _speeds(timeline: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    bin_s, end_s = timeline["bin_s"], timeline["elapsed_s"]
    if not bin_s:
        return
    at = [(i + 0.5) * bin_s for i in range(len(timeline["answers_per_s"]))]
    sessions = timeline["sessions_at_s"]
    rates = [charts.Series("answers", list(zip(at, timeline["answers_per_s"], strict=True)), "answers")]
    rates += _limit_lines(timeline["limits"], "requests_per_s")
    legend = [("answers a second", "accent")] + ([("limit", "warn")] if len(rates) > 1 else [])
    about = "Answers a second over the time worked"
    top = 1.5 * max(timeline["answers_per_s"])
    svg = charts.lines(rates, end_s=end_s, y_name="answers a second", about=about, sessions_at_s=sessions, most=top)
    is_higher = any((change["requests_per_s"] or 0) > top for found in timeline["limits"].values() for change in found)
    caption = "A limit far above what was reached runs along the upper edge." if is_higher else ""
    yield {"svg": svg, "legend": legend, "caption": caption}
    places = _limit_lines(timeline["limits"], "max_concurrency")
    if places:
        about = "Requests allowed in flight over the time worked"
        svg = charts.lines(places, end_s=end_s, y_name="allowed in flight", about=about, sessions_at_s=sessions)
        yield {"svg": svg, "legend": [], "caption": "Requests allowed in flight, as found by running into the limit."}
    latencies = [
        charts.Series(name, list(zip(at, timeline[f"latency_{name}_s"], strict=True)), name) for name in ("p50", "p95")
    ]
    about = "Latency of answers over the time worked"
    svg = charts.lines(latencies, end_s=end_s, y_name="latency, s", about=about, sessions_at_s=sessions)
    yield {"svg": svg, "legend": [("median", "accent"), ("95th percentile", "warn")], "caption": ""}


def _limit_lines(limits: Mapping[str, Any], name: str) -> list[charts.Series]:
    return [
        charts.Series(endpoint, [(change["at_s"], change[name]) for change in changes], "limit", is_stepped=True)
        for endpoint, changes in limits.items()
        if any(change[name] is not None for change in changes)
    ]


def _speed_note(facts: Mapping[str, Any]) -> str:
    timeline = facts["timeline"]
    latency, elapsed_s = timeline["latency_s"], timeline["elapsed_s"]
    if not elapsed_s or latency["p50"] is None:
        return ""
    rate = facts["requests"] / elapsed_s
    return (
        f"{rate:,.1f} answers a second on average; half of them took less than {latency['p50']:.2g} s, "
        f"95 of 100 less than {latency['p95']:.2g} s."
    )


def _pruned(value: Any) -> Any:
    """Without what was left unsaid: None and empty."""
    if isinstance(value, Mapping):
        return {k: _pruned(v) for k, v in value.items() if v not in (None, {}, [], "")}
    return [_pruned(v) for v in value] if isinstance(value, list) else value


def _evidence(value: Any) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else visible(str(value))
    return text if len(text) <= _MAX_EVIDENCE_CHARS else text[:_MAX_EVIDENCE_CHARS] + "…"


def _figure(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool() | str():
            return str(value)
        case int():
            return f"{value:,}"
        case _:
            return f"{value:.3f}" if abs(value) < 100 else f"{value:,.1f}"


def _money(usd: float | None) -> str:
    """Enough digits to see it: `$12.40`, `$0.0021`, `$0.000032`."""
    if not usd:
        return "$0"
    return f"${usd:,.2f}" if usd >= 1 else f"${usd:.4f}" if usd >= 0.001 else f"${Decimal(f'{usd:.2g}'):f}"


def _share(ratio: float | None) -> str:
    """`59.4 %`, `0.05 %`."""
    if ratio is None:
        return ""
    percent = 100 * ratio
    return f"{percent:.1f} %" if percent >= 0.1 or not percent else f"{percent:.1g} %"


def _shown(value: object) -> Markup:
    """A name from anywhere, which may break after its underscores."""
    return escape(visible(str(value), max_chars=_MAX_NAME_CHARS)).replace("_", Markup("_<wbr>"))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
