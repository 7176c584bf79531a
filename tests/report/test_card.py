"""The dataset card and the manifest that travel with an export."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from synthgen.identity import content_id
from synthgen.journal import Journal
from synthgen.records import Reason
from synthgen.report.card import card_text
from synthgen.review.session import open_session
from synthgen.review.verdicts import Verdict
from tests.finished_run import Item, make_run, plain_items
from tests.scenarios.scene import synthgen


def exported(run_dir: Path, *args: str, name: str = "rows.jsonl") -> tuple[str, dict[str, Any]]:
    output = run_dir.parent / name
    done = synthgen("export", run_dir, "--output", output, *args)
    assert done.returncode == 0, done.stderr
    card = (run_dir.parent / f"{name}.README.md").read_text()
    return card, orjson.loads((run_dir.parent / f"{name}.manifest.json").read_bytes())


def review(run_dir: Path, verdicts: dict[int, Verdict], *, count: int) -> None:
    session = open_session(run_dir, reviewer="ada", size=100, extra=0)
    for place in range(count):
        session.record(session.sample.rows[place].mark.row_id, verdicts.get(place, Verdict.KEEP))


def test_card_has_front_matter_and_says_what_the_rows_are_for(tmp_path: Path) -> None:
    """Front matter that a hub reads, counts, models, checks, cost, and that the rows are no test set."""
    items = [*plain_items(20), Item("late", "no", Reason.TOO_SHORT)]
    card, manifest = exported(make_run(tmp_path, items, targets={"late": 12, "lost": 10}))
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["task_categories"] == ["text-classification"]
    assert front["size_categories"] == ["n<1K"]
    assert front["configs"][0]["data_files"] == [{"split": "train", "path": "rows.jsonl"}]
    assert "synthetic" in front["tags"]
    for part in (
        "not for evaluation, and not for audits of bias or fairness",
        "**Unreviewed**: nobody has looked at the 20 rows.",
        "| late | 10 | 12 | 2 | 91% |",
        "| sim-model | 21 | 2,100 | 420 | 0.0021 |",
        "Class `late` has 10 of the 12 rows asked for.",
        "Fewer than ten real rows stand behind",
        "| too\\_short | 1 |",
        "c1:t",
    ):
        assert part in card, part
    assert manifest["card"]["usage"]["usd"] == pytest.approx(0.0021)
    assert manifest["card"]["classes"]["late"]["real"] == 2
    assert manifest["review"]["state"] == "unreviewed"
    assert (manifest["rows"], manifest["is_complete"]) == (20, False)


def test_same_run_same_card(tmp_path: Path) -> None:
    """Nothing in card or manifest tells the time of the export."""
    run_dir = make_run(tmp_path, plain_items(6))
    assert exported(run_dir) == exported(run_dir)


def test_card_says_passed(tmp_path: Path) -> None:
    """A sample without an error: the card and the manifest say so, with the figures."""
    run_dir = make_run(tmp_path, plain_items(200))
    review(run_dir, {}, count=59)
    card, manifest = exported(run_dir)
    assert "**Passed**: 0 errors in 59 rows looked at; the error rate is below 5 % at 95 % confidence." in card
    assert "spot-check-passed" in card
    assert "| ada | 59 | 0 | 0 | 0 | 0 |" in card
    assert manifest["review"]["high_ratio"] < 0.05


def test_export_of_a_failed_run_needs_a_word(tmp_path: Path) -> None:
    """A failed spot check stops the export; with --despite-review it is written, and the card tells."""
    run_dir = make_run(tmp_path, plain_items(200))
    review(run_dir, dict.fromkeys(range(10), Verdict.WRONG_LABEL), count=40)
    refused = synthgen("export", run_dir, "--output", tmp_path / "rows.csv")
    assert refused.returncode == 2
    assert "its spot check says failed: 10 errors in 40 rows" in refused.stderr
    assert "--despite-review" in refused.stderr
    assert not (tmp_path / "rows.csv").exists()
    card, manifest = exported(run_dir, "--despite-review")
    assert "**Failed**" in card
    assert "They were exported all the same." in card
    assert manifest["review"]["state"] == "failed"


def test_card_takes_hostile_names_as_text(tmp_path: Path) -> None:
    """A class or a model named like markup stays a name."""
    label = "a|b\n# <script>alert(1)</script> [x](y)"
    card, _ = exported(make_run(tmp_path, [Item(label, "fine")]))
    assert "<script>" not in re.sub("`[^`\n]*`", "", card), "in a code span it is text"
    assert "\n# \\<" not in card
    (line,) = [line for line in card.splitlines() if line.startswith("| a\\|b")]
    assert line.replace("\\|", "").count("|") == 6


def test_manifest_holds_no_secret_of_the_job(tmp_path: Path) -> None:
    """A user name in an address and values named like keys do not travel."""
    from synthgen.report.facts import without_secrets

    job = {
        "models": [{"base_url": "https://me:pw@host/v1", "params": {"api_key": "sk-1", "top_p": 1}, "api_key_env": "K"}]
    }
    told = without_secrets(job)
    assert told == {
        "models": [
            {"base_url": "https://host/v1", "params": {"api_key": "(not shown)", "top_p": 1}, "api_key_env": "K"}
        ]
    }


def test_card_compares_with_the_real_rows(tmp_path: Path) -> None:
    """Where there are real rows enough, figures stand beside what real rows give; `--no-drift` leaves them out."""
    items = [Item("late", f"my parcel number {i} is still late and I wait") for i in range(12)]
    run_dir = make_run(tmp_path, items)
    (tmp_path / "train.csv").write_text(
        "text,intent\n" + "".join(f"real words {i} about {i % 5} a late parcel,late\n" for i in range(20))
    )
    adopt_training_file(run_dir)
    card, manifest = exported(run_dir)
    assert "## Beside the real rows" in card
    assert re.search(r"\| compression ratio \| \d+\.\d{3} \| \d+\.\d{3} to \d+\.\d{3} \| (outside)? ", card)
    assert manifest["card"]["drift"]["overall"]["sample_rows"] == 10
    card, manifest = exported(run_dir, "--no-drift", name="plain.jsonl")
    assert "## Beside the real rows" not in card
    assert manifest["card"]["drift"] is None


def adopt_training_file(run_dir: Path) -> None:
    """As if the run had used the training file as it is now."""
    with contextlib.closing(Journal.create(run_dir)) as journal:
        fingerprint = orjson.loads(journal.meta()["fingerprint"])
        content = (run_dir.parent / "train.csv").read_bytes()
        fingerprint["files"] = {**fingerprint.get("files", {}), "train": content_id(content)}
        journal.set_meta({"fingerprint": orjson.dumps(fingerprint).decode()})


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        (
            {"pii": "redact", "rows": 2, "redacted": {"EMAIL_ADDRESS": 3}},
            "2 real rows held personal data by its form (3",
        ),
        ({"pii": "redact"}, "No personal data was found, by its form"),
        ({"pii": "allow"}, "personal data in them was not looked for"),
    ],
)
def test_card_says_what_became_of_personal_data(tmp_path: Path, seeds: dict[str, Any], said: str) -> None:
    """Each setting in its own words, and that the rows themselves were not checked where they were not."""
    _, manifest = exported(make_run(tmp_path, plain_items(4)), "--no-drift")
    facts = {**manifest, **manifest["card"], "job": {}, "seeds": seeds, "checks": []}
    card = card_text(facts, manifest["review"], rows=4, data_file="rows.jsonl", fields="x")
    assert said in card
    assert "were not checked for personal data" in card
