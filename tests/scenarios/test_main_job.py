"""The main job against a real server: the same rows at any concurrency, and after any crash."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import orjson
import pytest

from synthgen.encoders.hashing import HashingEncoder
from synthgen.journal import Journal
from tests.scenarios.scene import export, kill, run_json, simulator, start_run, synthgen, write_job, write_rows

FAULTS = (
    "--duplicate-ratio",
    "0.15",
    "--malformed-ratio",
    "0.05",
    "--truncated-ratio",
    "0.05",
    "--refusal-ratio",
    "0.03",
)
JITTER = ("--latency-s", "0.03", "--latency-kind", "jitter", "--latency-jitter-ratio", "0.9")


def test_run_accepts_exactly_n_rows_a_class(tmp_path: Path) -> None:
    """Every class ends with its number of rows, all different, all labelled, none of them a real row."""
    with simulator(*FAULTS) as server:
        result = run_json(write_job(tmp_path, server.base_url), tmp_path / "out")
    assert result["exit"] == 0
    assert result["status"] == "complete"
    assert result["accepted"] == {"late": 120, "lost": 60}
    rows = [orjson.loads(line) for line in export(tmp_path / "out").splitlines()]
    assert [r["intent"] for r in rows].count("lost") == 60
    assert len(rows) == 180 == len({r["text"].casefold() for r in rows})
    assert all(r["synthetic"] is True and r["provenance"]["seeds"] for r in rows)
    assert set(result["rejected"]) & {"exact_duplicate", "label_conflict"}
    assert result["rejected"]["malformed"] > 0


def test_run_gives_the_same_bytes_at_any_concurrency(tmp_path: Path) -> None:
    """One, eight or 256 in flight, answers in any order: the export is the same file."""
    exports = {}
    with simulator(*FAULTS, *JITTER) as server:
        for concurrency in (1, 8, 256):
            folder = tmp_path / str(concurrency)
            limits = {"limits": {"max_concurrency": concurrency}}
            job = write_job(folder, server.base_url, targets={"late": 60, "lost": 30}, model=limits)
            assert run_json(job, folder / "out")["exit"] == 0
            exports[concurrency] = export(folder / "out")
    assert exports[1] == exports[8] == exports[256]
    assert len(exports[1].splitlines()) == 90


def test_near_duplicates_and_labels_do_not_depend_on_timing(tmp_path: Path) -> None:
    """With embeddings, a label classifier and diverse seeds: same bytes at one and at 64 in flight, before and after a
    kill; no two rows at or above the threshold, none near a real row."""
    checks = [
        {"check": "duplicate", "threshold": 0.42},
        {"check": "leakage", "threshold": 0.42},
        {"check": "label", "min_probability": 0.05},
    ]
    changes = {
        "targets": {"late": 60, "lost": 30},
        "checks": checks,
        "encoder": "hashing",
        "prompt": {"template": "plain.j2", "seeds": 3, "items": 4, "pick": "diverse"},
        "data": {"train": "train.csv", "test": "test.csv", "text": "text", "label": "intent"},
    }
    exports = []
    with simulator(*FAULTS, *JITTER) as server:
        for concurrency in (1, 64):
            folder = tmp_path / str(concurrency)
            job = write_job(folder, server.base_url, model={"limits": {"max_concurrency": concurrency}}, **changes)
            write_rows(folder / "test.csv", labels={"late": 5})
            if concurrency == 64:
                before = server.stats()["granted"]
                process = start_run(job, folder / "out")
                server.wait_for(before + 10)
                kill(process)
            result = run_json(job, folder / "out")
            assert result["exit"] == 0, result["stderr"]
            exports.append(export(folder / "out"))
    assert exports[0] == exports[1]
    assert result["rejected"].get("near_duplicate", 0) > 0
    rows = [orjson.loads(line) for line in exports[0].splitlines()]
    vectors = HashingEncoder().encode([r["text"] for r in rows]).astype(np.float16).astype(np.float32)
    similar = vectors @ vectors.T - 2 * np.eye(len(rows))
    assert similar.max() < 0.42
    told = [s for r in rows if (s := r["provenance"]["nearest"]["similarity"]) is not None]
    assert told, "some rows come close to the threshold"
    assert all(0.37 <= similarity < 0.42 for similarity in told)
    encoding = _encoding(tmp_path / "1/out")
    assert encoding["texts"] + encoding["spared"] >= len(rows)
    assert encoding["texts"] > 0
    assert 0 < encoding["busy_s"] <= encoding["elapsed_s"]


def _encoding(run_dir: Path) -> dict[str, float]:
    """What the journal says that the encoder did."""
    journal = Journal.read(run_dir)
    try:
        found: dict[str, float] = orjson.loads(journal.meta()["encoding"])
    finally:
        journal.close()
    return found


def test_run_killed_again_and_again_loses_nothing_and_buys_nothing_twice(tmp_path: Path) -> None:
    """SIGKILL at random moments, same command again: the uninterrupted run's bytes, and no more answers bought than
    it bought plus what was in flight at each kill."""
    concurrency, chance = 8, random.Random(5)
    limits = {"limits": {"max_concurrency": concurrency}}
    kills = 5
    with simulator(*FAULTS, *JITTER) as server:
        targets = {"late": 300, "lost": 150}
        calm = write_job(tmp_path / "calm", server.base_url, targets=targets, model=limits)
        assert run_json(calm, tmp_path / "calm/out")["exit"] == 0
        bought_calmly = server.stats()["granted"]
        job = write_job(tmp_path / "rough", server.base_url, targets=targets, model=limits)
        for _ in range(kills):
            before = server.stats()["granted"]
            process = start_run(job, tmp_path / "rough/out")
            server.wait_for(before + chance.randint(1, 8))
            assert kill(process) == -signal.SIGKILL
        result = run_json(job, tmp_path / "rough/out")
        bought_roughly = server.stats()["granted"] - bought_calmly
    assert result["exit"] == 0
    assert export(tmp_path / "rough/out") == export(tmp_path / "calm/out")
    assert bought_roughly <= bought_calmly + kills * concurrency
    assert result["requests"] <= bought_roughly


def test_finished_run_asks_nothing(tmp_path: Path) -> None:
    """The same command on a finished run sends no request and changes no row."""
    with simulator() as server:
        job = write_job(tmp_path, server.base_url)
        run_json(job, tmp_path / "out")
        rows, granted = export(tmp_path / "out"), server.stats()["granted"]
        again = run_json(job, tmp_path / "out")
        assert server.stats()["granted"] == granted
    assert again["exit"] == 0
    assert export(tmp_path / "out") == rows


def test_raised_target_goes_on_from_what_is_there(tmp_path: Path) -> None:
    """More rows wanted: the rows that are there stay the first ones, and surplus answers are used before new are asked."""
    with simulator() as server:
        job = write_job(tmp_path, server.base_url, targets={"late": 30})
        first = run_json(job, tmp_path / "out")
        rows = export(tmp_path / "out").splitlines()
        write_job(tmp_path, server.base_url, targets={"late": 90})
        second = run_json(job, tmp_path / "out")
        assert server.stats()["repeats"] == 0
    assert second["exit"] == 0
    assert second["accepted"] == {"late": 90}
    assert export(tmp_path / "out").splitlines()[: len(rows)] == rows
    assert second["requests"] <= first["requests"] + 60 / 4 * 1.6


def test_changed_check_replays_without_a_request(tmp_path: Path) -> None:
    """Another check is applied to the answers already paid for; only what it rejects is asked anew."""
    with simulator() as server:
        job = write_job(tmp_path, server.base_url)
        run_json(job, tmp_path / "out")
        checks = [{"check": "duplicate", "near": False}, {"check": "length", "max_chars": 70}]
        write_job(tmp_path, server.base_url, checks=checks)
        result = run_json(job, tmp_path / "out")
        assert server.stats()["repeats"] == 0
    assert result["exit"] == 0
    rows = [orjson.loads(line) for line in export(tmp_path / "out").splitlines()]
    assert len(rows) == 180
    assert max(len(r["text"]) for r in rows) <= 70
    assert result["rejected"]["too_long"] > 0


def test_changed_prompt_is_refused_then_kept(tmp_path: Path) -> None:
    """Another prompt is refused with the difference; with `--on-change keep` old answers stand and nothing is asked twice."""
    with simulator() as server:
        job = write_job(tmp_path, server.base_url, targets={"late": 30})
        run_json(job, tmp_path / "out")
        rows = export(tmp_path / "out").splitlines()
        prompt = {"template": "plain.j2", "seeds": 2, "items": 4}
        write_job(tmp_path, server.base_url, targets={"late": 60}, prompt=prompt)
        refused = synthgen("run", job, "--out", tmp_path / "out", "--quiet")
        assert refused.returncode == 2
        assert "job.prompt.seeds: 3 -> 2" in refused.stderr
        kept = run_json(job, tmp_path / "out", "--on-change", "keep")
        assert server.stats()["repeats"] == 0
    assert kept["exit"] == 0
    assert export(tmp_path / "out").splitlines()[: len(rows)] == rows


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_drains_and_resumes(tmp_path: Path, number: int) -> None:
    """The first Ctrl-C or SIGTERM lets what is in flight land, exits 130, and every granted answer is in the journal."""
    with simulator("--latency-s", "0.3") as server:
        job = write_job(tmp_path, server.base_url, model={"limits": {"max_concurrency": 6}})
        process = start_run(job, tmp_path / "out")
        server.wait_for(12)
        assert kill(process, number) == 130
        granted = server.stats()["granted"]
        status = orjson.loads(synthgen("status", tmp_path / "out", "--json").stdout.splitlines()[-1])
        assert status["requests"] == granted
        server.control(latency_s=0)
        assert run_json(job, tmp_path / "out")["exit"] == 0
        assert server.stats()["repeats"] == 0


def test_starving_class_is_given_up_with_figures(tmp_path: Path) -> None:
    """A class whose rows are all rejected is stopped after its patience; the others get their rows; exit 6."""
    concurrency = 16
    impossible = {"check": "pattern", "labels": ["lost"], "must_match": ["impossible word"]}
    checks = [impossible, {"check": "duplicate", "near": False}]
    with simulator() as server:
        model = {"limits": {"max_concurrency": concurrency}}
        job = write_job(tmp_path, server.base_url, checks=checks, starvation={"patience": 15}, model=model)
        result = run_json(job, tmp_path / "out")
        granted = server.stats()["granted"]
        assert granted <= 120 / 4 * 1.5 + 15 + 2 * concurrency, "patience, and what was asked meanwhile"
        again = run_json(job, tmp_path / "out")
        assert server.stats()["granted"] == granted, "a class given up is not paid for again"
    assert result["exit"] == again["exit"] == 6
    assert result["accepted"] == {"late": 120, "lost": 0}
    assert "class 'lost' stalled: 0 of 60 rows, the last 15 answers brought 0" in result["reason"]


def test_budget_stops_the_run_and_a_larger_one_resumes_it(tmp_path: Path) -> None:
    """No more requests than `max_requests`, as the server counts them; exit 5; a larger budget goes on."""
    with simulator() as server:
        job = write_job(tmp_path, server.base_url, budget={"max_requests": 10})
        result = run_json(job, tmp_path / "out")
        assert result["exit"] == 5
        assert "max_requests" in result["reason"]
        assert server.stats()["received"] <= 10
        write_job(tmp_path, server.base_url, budget={"max_requests": 500})
        assert run_json(job, tmp_path / "out")["exit"] == 0
        assert server.stats()["repeats"] == 0


def test_faulty_server_still_gives_every_row(tmp_path: Path) -> None:
    """429, 500, hangs and cut bodies together: every target met, nothing accepted twice."""
    faults = ("--throttle-ratio", "0.1", "--retry-after-s", "0.1", "--error-ratio", "0.05", "--cut-ratio", "0.02")
    with simulator(*faults, *FAULTS, "--hang-ratio", "0.01", "--hang-s", "30") as server:
        job = write_job(tmp_path, server.base_url, model={"timeout_s": 1})
        result = run_json(job, tmp_path / "out")
    assert result["exit"] == 0, result["stderr"]
    assert result["accepted"] == {"late": 120, "lost": 60}


def test_full_disk_stops_the_run_and_loses_nothing_committed(tmp_path: Path) -> None:
    """A journal that cannot grow ends the run with exit 4 and the next step; at most what was in flight is not in it,
    and with room again nothing else is asked again."""
    concurrency = 4
    with simulator() as server:
        job = write_job(tmp_path, server.base_url, model={"limits": {"max_concurrency": concurrency}})
        limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))\n"
        code = f"{limit}import sys; from synthgen.cli import main; sys.argv[0] = 'synthgen'; main()"
        command = [sys.executable, "-c", code, "run", str(job), "--out", str(tmp_path / "out"), "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 4, done.stderr
        assert "Traceback" not in done.stderr
        assert "nothing committed was lost" in done.stderr
        with closing(Journal.read(tmp_path / "out")) as journal:
            unkept = server.stats()["granted"] - journal.answers()
        assert unkept <= concurrency, server.stats()
        assert run_json(job, tmp_path / "out")["exit"] == 0
        with closing(Journal.read(tmp_path / "out")) as journal:
            failed, _ = journal.losses_total()
        assert server.stats()["repeats"] <= unkept + failed, server.stats()


def test_second_run_on_one_directory_is_refused(tmp_path: Path) -> None:
    """A run directory has one owner; the second is told so and exits 4, the first goes on."""
    with simulator("--latency-s", "0.2") as server:
        job = write_job(tmp_path, server.base_url, model={"limits": {"max_concurrency": 2}})
        first = start_run(job, tmp_path / "out")
        server.wait_for(2)
        second = synthgen("run", job, "--out", tmp_path / "out", "--quiet")
        assert second.returncode == 4
        assert "another run works here" in second.stderr
        assert "running" in synthgen("status", tmp_path / "out").stdout
        assert kill(first, signal.SIGINT) == 130
