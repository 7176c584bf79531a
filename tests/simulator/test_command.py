"""`synthgen simulate` as a process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request

import pytest

RUN = [sys.executable, "-c", "from synthgen.cli.simulate import command; command()"]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_command_prints_its_url_first_and_ends_clean(signum: signal.Signals) -> None:
    """The first line is the URL, a signal ends it with 0, and stderr holds no traceback."""
    with subprocess.Popen(
        [*RUN, "--json", "--seed", "4", "--models", "a", "--models", "b"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert told["base_url"] == told["url"] + "/v1"
        with urllib.request.urlopen(told["base_url"] + "/models") as response:
            assert [m["id"] for m in json.load(response)["data"]] == ["a", "b"]
        process.send_signal(signum)
        _, errors = process.communicate(timeout=10)
        assert process.returncode == 0
        assert "Traceback" not in errors


def test_command_explains_a_wrong_value() -> None:
    """A value out of bounds is the user's mistake: exit 2 and one line that names it."""
    done = subprocess.run([*RUN, "--cut-ratio", "2"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "cut_ratio must be at most 1" in done.stderr
    assert "Traceback" not in done.stderr
