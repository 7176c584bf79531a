"""A systematic failure costs a handful of answers and is named with what to change."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.scenarios.scene import synthgen, write_job

CAUSES = {
    "other fields": ('{"items": [{"sentence": "where is my card"}]}', "stop", "Field required", "schema"),
    "prose": ("Sure! I would be glad to help you with that.", "stop", "holds no JSON item", "plain text"),
    "empty": ("", "stop", "the answer is empty", "reasoning_effort"),
    "thoughts alone": ("<think>They want messages, so", "stop", "holds no JSON item", "plain text"),
    "always cut": ('{"items": [{"text": "where is my', "length", "stops in the middle", "max_tokens"),
    "brackets": ("[" * 3000, "stop", "stops in the middle", "max_tokens"),
    "a list of lists": ('{"items": [["where is my card"]]}', "stop", "Field required", "schema"),
}


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    """Gives one and the same answer to everybody, and counts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            text, finish = self.server.says  # type: ignore[attr-defined]
            self.server.count += 1  # type: ignore[attr-defined]
            choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}
            body = json.dumps({"choices": [choice], "usage": {"prompt_tokens": 5, "completion_tokens": 5}}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.count, made.says = 0, ("", "stop")  # type: ignore[attr-defined]
    thread = Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.mark.parametrize("cause", CAUSES)
def test_what_no_answer_can_be_read_for_is_named_after_a_few(
    cause: str, tmp_path: Path, server: ThreadingHTTPServer
) -> None:
    """At most twelve answers, whatever may be in flight; the problem with an excerpt, and the remedy for it."""
    text, finish, problem, remedy = CAUSES[cause]
    server.says = (text, finish)  # type: ignore[attr-defined]
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    job = write_job(tmp_path, url, targets={"late": 50}, model={"limits": {"max_concurrency": 64}})
    done = synthgen("run", job, "--out", tmp_path / "run", "--quiet")
    assert done.returncode == 6, done.stderr
    assert server.count <= 12  # type: ignore[attr-defined]
    said = " ".join(done.stderr.split())
    assert "none of its first answers can be read" in said
    assert problem in said
    assert remedy in said
    if text:
        assert re.search(r"such as '.+'", said)
    again = synthgen("run", job, "--out", tmp_path / "run", "--quiet")
    assert again.returncode == 6
    assert server.count <= 12  # type: ignore[attr-defined]
