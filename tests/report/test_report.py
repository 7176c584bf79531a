"""The report: one page from a run's journal, true in its figures, safe whatever the rows say."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from synthgen.journal import Journal, LimitChange, StoredSession
from synthgen.journal.entries import Lease
from synthgen.records import Reason, Usage
from synthgen.report.decisions import BINS
from synthgen.report.embedding import MapRow, draw_map
from synthgen.report.page_view import render_report
from synthgen.report.timeline import timeline
from synthgen.review.session import open_session
from synthgen.review.verdicts import Verdict
from tests.browser import browser_tab, needs_browser
from tests.finished_run import Item, make_run, plain_items
from tests.scenarios.scene import synthgen

DRIFT = {
    "overall": {
        "label": "",
        "real_rows": 3,
        "synthetic_rows": 20,
        "sample_rows": 10,
        "metrics": {
            "auc": {"synthetic": 0.97, "real": 0.5, "low": 0.44, "high": 0.56, "is_outside": True},
            "distinct_1": {"synthetic": 0.3, "real": 0.31, "low": 0.2, "high": 0.4, "is_outside": False},
        },
        "outside": ["auc"],
        "note": "",
    },
    "classes": [
        {"label": "late", "real_rows": 2, "synthetic_rows": 10, "sample_rows": 0, "metrics": {}, "outside": [], "note": "few"},
        {"label": "lost", "real_rows": 1, "synthetic_rows": 10, "sample_rows": 0, "metrics": {}, "outside": ["auc"], "note": ""},
    ],
    "real_rows_compared": 3,
    "synthetic_rows_compared": 20,
    "tics": [{"kind": "opening", "phrase": "<b>can you</b>", "rows": 9, "expected_rows": 0.4}],
    "meanings": {"auc": "0.5 cannot tell"},
}  # fmt: skip


def reported(run_dir: Path, *args: str) -> tuple[str, dict[str, Any]]:
    """The page, and the figures."""
    done = synthgen("report", run_dir, "--json", *args)
    assert done.returncode == 0, done.stderr
    facts: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return Path(facts["output"]).read_text(), facts


def vector(seed: int) -> bytes:
    return np.random.default_rng(seed).normal(size=16).astype(np.float16).tobytes()


def rich_items() -> list[Item]:
    """Accepted, near copies, unlike labels; vectors and probabilities throughout."""
    kept = [
        Item(
            "late" if i % 3 else "lost",
            f"row number {i}",
            None,
            {"label_probability": 0.6 + i / 100},
            {},
            i / 40,
            vector(i),
        )
        for i in range(30)
    ]
    copy = {"stage": "near", "similarity": 0.97, "threshold": 0.95, "pool": "accepted", "text": "row number 1"}
    wrong = {"predicted": "lost", "predicted_probability": 0.9, "held_out_accuracy": 0.91}
    copies = [Item("late", f"copy {i}", Reason.NEAR_DUPLICATE, {}, copy) for i in range(6)]
    return [
        *kept,
        *copies,
        Item("late", "i lost it", Reason.LABEL, {}, wrong),
        Item("lost", "new", None, {"label": "unjudged"}),
    ]


class Outline(HTMLParser):
    """Collects what a page would load, and whether its tags close."""

    VOID = frozenset({"meta", "link", "circle", "line", "path", "rect", "br", "wbr"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.anchors: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        assert self._open == [], self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.loads += [str(named[name]) for name in ("src", "srcset", "data", "action") if name in named]
        if tag == "link":
            self.loads.append(str(named.get("href")))
        if tag == "a":
            self.anchors.append(str(named["href"]).removeprefix("#"))
        if "id" in named:
            self.ids.append(str(named["id"]))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID and self._open[-1:] == [tag]:
            self._open.pop()


def test_figures_are_the_runs_own(tmp_path: Path) -> None:
    """Counts, reasons, yields, costs, histograms and label verdicts, worked out by hand."""
    page, facts = reported(make_run(tmp_path, rich_items(), targets={"late": 20, "lost": 15}, encoder="hashing"))
    assert facts["accepted"] == {"late": 20, "lost": 11}
    assert facts["is_complete"] is False
    assert facts["rejected"] == {"near_duplicate": 6, "label": 1}
    assert facts["classes"]["late"]["yield_ratio"] == pytest.approx(20 / 27)
    assert facts["classes"]["lost"]["real"] == 1
    assert (facts["requests"], facts["usage"]["usd"]) == (38, pytest.approx(0.0038))
    assert facts["usd_per_accepted_row"] == pytest.approx(0.0038 / 31)
    near = facts["duplicates"]["stages"]["near"]
    assert (sum(near["accepted"]), near["rejected"][int(0.97 * BINS)], near["threshold"]) == (30, 6, 0.95)
    rows = np.stack([np.random.default_rng(i).normal(size=16).astype(np.float16) for i in range(30)]).astype(float)
    every = np.vstack([rows, np.random.default_rng(0).normal(size=(3, 16)).astype(np.float16)])
    unit = every / np.linalg.norm(every, axis=1, keepdims=True)
    cosines = (unit @ unit.T)[:30] - 2 * np.eye(33)[:30]
    assert near["accepted"] == list(np.histogram(cosines.max(axis=1), bins=BINS, range=(0, 1))[0]), "by brute force"
    label = facts["label_check"]
    assert label["held_out_accuracy"] == 0.91
    assert label["per_class"]["late"] == {
        "passed": 20,
        "rejected": 1,
        "unsure": 0,
        "unjudged": 0,
        "pass_ratio": pytest.approx(20 / 21),
        "mean_probability": pytest.approx(np.mean([0.6 + i / 100 for i in range(30) if i % 3])),
    }
    assert label["per_class"]["lost"]["unjudged"] == 1
    assert facts["examples"]["label"][0]["text"] == "i lost it"
    assert len(facts["examples"]["near_duplicate"]) == 4
    assert {(p["kind"], p["id"]) for p in facts["map"]["points"]} >= {("real", "train:1"), ("real", "train:3")}
    assert len(facts["map"]["points"]) == 3 + 30
    assert facts["timeline"]["limits"]["sim"][0]["max_concurrency"] == 32
    for part in ("demo", "of 35 asked for", "threshold 0.95", "91.0 % of held-out", "row number", "unreviewed"):
        assert part in page, part


def test_page_needs_nothing_else(tmp_path: Path) -> None:
    """No file, font or picture is loaded, every tag closes, every entry of the contents leads somewhere."""
    page, _ = reported(make_run(tmp_path, rich_items(), encoder="hashing"))
    outline = Outline(page)
    assert set(outline.loads) <= {"data:,"}
    assert not re.search(r"url\(|@import|https?://(?!127\.0\.0\.1)", page)
    assert len(outline.anchors) >= 7
    assert set(outline.anchors) <= set(outline.ids)
    assert "default-src 'none'" in page


@pytest.mark.parametrize(
    "items",
    [
        [],
        [Item("late", "no", Reason.TOO_SHORT) for _ in range(5)],
        [Item("", f"row {i}") for i in range(4)],
        plain_items(1),
    ],
    ids=["empty", "starved", "no labels", "one row"],
)
def test_report_of_a_bare_run(tmp_path: Path, items: list[Item]) -> None:
    """Nothing made, all turned down, no classes, one row; no encoder, no label check: what is not there is left out."""
    page, facts = reported(
        make_run(tmp_path, items, targets={"late": 5} if items[:1] != [Item("", "row 0")] else {"": 4})
    )
    assert facts["map"] is None
    assert facts["label_check"] is None
    assert 'id="map"' not in page
    assert set(Outline(page).anchors) <= set(Outline(page).ids)


def test_report_without_the_training_file(tmp_path: Path) -> None:
    """The data may be gone by now: the report does without it and leaves its counts out."""
    run_dir = make_run(tmp_path, rich_items(), encoder="hashing")
    (tmp_path / "train.csv").unlink()
    _, facts = reported(run_dir)
    assert facts["classes"]["late"]["real"] is None
    assert {p["kind"] for p in facts["map"]["points"]} == {"synthetic"}


def test_hostile_rows_are_text(tmp_path: Path) -> None:
    """Markup in rows, classes, evidence and reviewers' names is shown as it is written; direction marks are named."""
    bad = "<script>alert(1)</script>\u202e\x1b"
    items = [Item(bad, bad + str(i), None, {}, {}, 0.5, vector(i)) for i in range(5)]
    items += [Item(bad, bad, Reason.PATTERN, {}, {"found": bad, "<i>": bad}), Item(bad, "x" * 100_000, Reason.TOO_LONG)]
    run_dir = make_run(tmp_path, items, encoder="hashing")
    session = open_session(run_dir, reviewer="<b>eve</b>", size=5, extra=0)
    session.record(session.sample.rows[0].mark.row_id, Verdict.KEEP)
    page, _ = reported(run_dir)
    assert page.count("<script>") == 1, "our own"
    assert "<b>eve" not in page
    assert "<i>:" not in page
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert len(page) < 120_000
    Outline(page)


def test_report_replaces_reports_only(tmp_path: Path) -> None:
    """Written again over itself; a page of somebody else's stays, and the run's folder gains nothing else."""
    run_dir = make_run(tmp_path, plain_items(3))
    before = {path.name for path in run_dir.iterdir()}
    reported(run_dir)
    reported(run_dir)
    assert {path.name for path in run_dir.iterdir()} - before <= {
        "report.html",
        "journal.sqlite-shm",
        "journal.sqlite-wal",
    }
    (tmp_path / "mine.html").write_text("<html>mine")
    refused = synthgen("report", run_dir, "--output", tmp_path / "mine.html")
    assert refused.returncode == 2
    assert "another file of that name" in refused.stderr
    assert (tmp_path / "mine.html").read_text() == "<html>mine"
    assert synthgen("report", tmp_path).returncode == 4, "no run there"


def test_drift_is_shown_where_it_was_measured(tmp_path: Path) -> None:
    """Figures beside their yardsticks, what falls outside is flagged, phrases are listed; the job and its hashes too."""
    _, facts = reported(make_run(tmp_path, plain_items(20)))
    page = render_report({**facts, "drift": DRIFT})
    assert re.search(
        r'<tr class="flag"><td>auc <b>outside</b><small>0.5 cannot tell</small></td><td class="n">0.970</td>', page
    )
    assert re.search(r"<tr><td>distinct 1<small></small></td>", page)
    assert "&lt;b&gt;can you&lt;/b&gt;" in page
    assert 'id="drift"' not in render_report({**facts, "drift": None})
    shown = page.partition("The job, as it was resolved</summary><pre>")[2].partition("</pre>")[0]
    assert yaml.safe_load(shown)["seed"] == 7
    assert "c1:t" in page


def test_report_measures_drift_where_there_are_real_rows(tmp_path: Path) -> None:
    """The command compares the rows with the real ones of their classes; where these are too few it says so, and
    `--no-drift` leaves it out."""
    run_dir = make_run(tmp_path, plain_items(20))
    page, facts = reported(run_dir)
    assert "to be compared" in facts["drift"]["overall"]["note"]
    assert 'id="drift"' in page
    assert reported(run_dir, "--no-drift")[1]["drift"] is None


def test_label_check_is_shown_with_its_own_error(tmp_path: Path) -> None:
    """What the run measured of the check stands beside its verdicts; rows kept unsure are no passes."""
    doubtful = {"label": "unsure", "label_probability": 0.3, "review": True}
    run_dir = make_run(
        tmp_path, [Item("late", f"row {i}", None, doubtful if i < 3 else {"label_probability": 0.8}) for i in range(6)]
    )
    journal = Journal.create(run_dir)
    line = {"rows": 40, "accuracy": 0.925, "threshold": 0.71, "wrongly_rejected_ratio": 0.05}
    measured = {"accuracy": 0.925, "wrongly_rejected_ratio": 0.04, "is_held_out": True, "classes": {"late": line}}
    journal.set_meta({"label_check": json.dumps(measured)})
    journal.close()
    page, facts = reported(run_dir)
    found = facts["label_check"]["per_class"]["late"]
    assert (found["passed"], found["unsure"], found["pass_ratio"], found["mean_probability"]) == (
        3,
        3,
        0.5,
        pytest.approx(0.8),
    )
    assert "It reads 92.5 % of held-out real rows right, and would turn 4.0 % of them down." in page
    assert '<td class="n">0.710</td>' in page


def test_nearness_without_vectors_is_what_dedup_noted(tmp_path: Path) -> None:
    """A run whose rows have no vectors shows the neighbours that dedup wrote down."""
    items = [Item("late", f"row {i}", None, {}, {}, 0.41) for i in range(4)]
    _, facts = reported(make_run(tmp_path, items))
    assert facts["duplicates"]["stages"]["near"]["accepted"][int(0.41 * BINS)] == 4


def test_timeline_leaves_pauses_out() -> None:
    """Two sessions of ten seconds, a night apart: twenty seconds of work, and every answer in the right half."""
    sessions = [
        StoredSession(1, 0.0, 10.0, "stopped", "", 10.0, Lease(0, Usage())),
        StoredSession(2, 50_000.0, None, "crashed", "", 4.0, Lease(0, Usage())),
    ]
    answers = [(1.0 + i / 10, 0.5, 10) for i in range(60)] + [(50_001.0 + i / 10, 2.0, 10) for i in range(90)]
    limits = [LimitChange("e", 50_005.0, 8, None, 3, "why")]
    told = timeline(answers, sessions, limits)
    assert told["elapsed_s"] == pytest.approx(10.0 + 9.9), "a dead session counts to its last answer"
    assert told["sessions_at_s"] == [0.0, 10.0]
    assert told["limits"]["e"][0]["at_s"] == pytest.approx(15.0)
    answered = np.array(told["answers_per_s"]) * told["bin_s"]
    assert answered.sum() == pytest.approx(150)
    assert answered[: len(answered) // 2].sum() == pytest.approx(60, abs=8)
    assert (told["latency_s"]["p5"], told["latency_s"]["p95"]) == (0.5, 2.0)
    assert timeline([], [], [])["answers_per_s"] == []


def test_map_is_the_principal_components() -> None:
    """Against the covariance matrix's own eigenvectors: the same plane, the same shares; few or equal rows give none."""
    rng = np.random.default_rng(3)
    vectors = (rng.normal(size=(40, 6)) * [5, 3, 1, 1, 0.5, 0.1]).astype(np.float16)
    rows = [MapRow(str(i), "a", "t", v.tobytes(), "real") for i, v in enumerate(vectors)]
    found = draw_map(rows, [])
    assert found is not None
    exact = vectors.astype(float) - vectors.astype(float).mean(axis=0)
    values, axes = np.linalg.eigh(np.cov(exact.T))
    assert found["explained_ratio"] == pytest.approx([values[-1] / values.sum(), values[-2] / values.sum()])
    places = np.array([[p["x"], p["y"]] for p in found["points"]])
    assert np.abs(places) == pytest.approx(np.abs(exact @ axes[:, [-1, -2]]), abs=1e-3)
    assert draw_map(rows[:2], []) is None
    assert draw_map([rows[0]] * 5, []) is None
    many = draw_map(rows * 60, [])
    assert many is not None
    assert len(many["points"]) == 1000


def test_old_journal_is_reported_too(tmp_path: Path) -> None:
    """A run from before verdicts were kept can be looked at without being changed."""
    run_dir = make_run(tmp_path, plain_items(4))
    journal = Journal.create(run_dir)
    journal._db.executescript("DROP TABLE verdicts; PRAGMA user_version = 2;")
    journal.close()
    _, facts = reported(run_dir)
    assert facts["review"]["state"] == "unreviewed"


@pytest.mark.anyio
@needs_browser
async def test_page_in_a_browser(tmp_path: Path) -> None:
    """Offline, at 1280 and 390 pixels, light and dark: no error, nothing wider than the window, hover tells the row."""
    page, _ = reported(make_run(tmp_path, rich_items(), encoder="hashing"))
    target = tmp_path / "page.html"
    target.write_text(page)
    async with browser_tab() as tab:
        await tab.open(target.as_uri())
        await tab.wait_for("document.querySelector('#tip')")
        for width in (1280, 390):
            for is_dark in (False, True):
                await tab.resize(width, 900)
                await tab.darken(is_dark)
                assert await tab.look("document.documentElement.scrollWidth <= innerWidth")
        assert await tab.look("getComputedStyle(document.body.parentNode).backgroundColor") == "rgb(21, 23, 26)"
        hover = "new PointerEvent('pointerover', {bubbles: true})"
        await tab.look(f"document.querySelector('circle.synthetic').dispatchEvent({hover})")
        assert "row number" in await tab.look("document.querySelector('#tip').textContent")
        assert tab.complaints() == []
        assert [url for url in tab.requests() if not url.startswith(("file:", "data:"))] == []


def test_memorised_runs_are_counted(tmp_path: Path) -> None:
    """The longest run of words each row shares with a real one, as figures and as a picture with the job's limit."""
    items = [
        Item("late", "where is my parcel please"),
        Item("late", "totally different"),
        Item("lost", "yesterday i lost my card"),
    ]
    page, facts = reported(make_run(tmp_path, items))
    found = facts["memorised"]
    assert found["rows"] == {"0": 1, "4": 2}
    assert (found["looked_at"], found["median_words"], found["whole_rows"]) == (3, 4, 0)
    assert found["longest"]["run"] == "where is my parcel"
    assert found["longest"]["real"] == "train:1"
    assert 'id="memorised"' in page
    (tmp_path / "train.csv").unlink()
    page, facts = reported(tmp_path / "run")
    assert facts["memorised"] is None
    assert 'id="memorised"' not in page


def test_memorised_against_brute_force() -> None:
    """The lengths are those that looking at every run of every row gives."""
    import itertools
    import random

    from synthgen.report.embedding import MapRow
    from synthgen.report.gather import memorised

    rng = random.Random(0)
    texts = [" ".join(rng.choices("abcd", k=rng.randint(1, 9))) for _ in range(60)]
    real, made = texts[:30], texts[30:]

    def runs(text: str) -> set[tuple[str, ...]]:
        words = text.split()
        return {tuple(words[i:j]) for i, j in itertools.combinations(range(len(words) + 1), 2)}

    known = set().union(*map(runs, real))
    expected = [max((len(run) for run in runs(text) & known), default=0) for text in made]
    rows = [[MapRow(str(i), "", text, b"", "") for i, text in enumerate(part)] for part in (real, made)]
    found = memorised(rows[0], rows[1], [{"check": "memorised", "max_words": 5}])
    assert found is not None
    assert found["rows"] == {str(n): expected.count(n) for n in sorted(set(expected))}
    assert found["max_words"] == 5


def test_examples_of_personal_data_are_not_quoted(tmp_path: Path) -> None:
    """A row that was turned down for what it gives away is not given away by the report."""
    items = [*plain_items(3), Item("late", "mail jane@roe.org", Reason.PII, evidence={"entity": "EMAIL_ADDRESS"})]
    page, facts = reported(make_run(tmp_path, items))
    assert "jane@roe.org" not in page
    assert facts["examples"]["pii"][0]["evidence"] == {"entity": "EMAIL_ADDRESS"}
