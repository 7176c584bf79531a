"""Embeddings from an OpenAI-compatible endpoint on the loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import numpy as np
import pytest

from synthgen.encoders import endpoint, open_encoder
from synthgen.errors import JobError, ProviderError


class Handler(BaseHTTPRequestHandler):
    """Answers with three numbers a text, the last text first."""

    asked: list[Any]
    status = 200
    width = 3

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        type(self).asked.append((self.path, self.headers["authorization"], body))
        vectors = [[len(text), 1.0, 2.0, 9.0][: self.width] for text in body["input"]]
        data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)][::-1]
        answer: Any = {"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
        if self.status != 200:
            answer = {"error": {"message": f"no: {self.headers['authorization'][7:]}"}}
        content = json.dumps(answer).encode()
        self.send_response(self.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving(**changes: Any) -> Iterator[tuple[str, type[Handler]]]:
    handler = type("Own", (Handler,), {"asked": [], **changes})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", handler
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_endpoint_encodes_in_order_with_unit_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows stand as their texts do, whatever order the answer has; the key is sent and the model named."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setattr(endpoint, "_MAX_TEXTS", 2)
    with serving() as (url, handler):
        encoder = open_encoder(f"openai:small@{url}/")
        rows = encoder.encode(["a", "", "abc"])
        assert (encoder.identity, encoder.dimensions) == (f"openai:small@{url}", 3)
        assert encoder.encode([]).shape == (0, 3)
    expected = np.array([[1, 1, 2], [1, 1, 2], [3, 1, 2]], dtype=np.float32)
    np.testing.assert_allclose(rows, expected / np.linalg.norm(expected, axis=1, keepdims=True), rtol=1e-6)
    path, key, body = handler.asked[1]
    assert (path, key, body["model"], body["input"]) == ("/v1/embeddings", "Bearer sk-secret", "small", ["a", " "])


def test_endpoint_that_refuses_is_the_far_side_s_fault_and_hides_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line with the address; no key in it."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with serving(status=401) as (url, _), pytest.raises(ProviderError, match="no embeddings") as error:
        open_encoder(f"openai:small@{url}")
    assert "sk-secret" not in str(error.value)


def test_endpoint_that_changes_its_mind_is_found_out() -> None:
    """Vectors of another length than before would meet the others in one index."""
    with serving() as (url, handler):
        encoder = open_encoder(f"openai:small@{url}")
        handler.width = 4
        with pytest.raises(ProviderError, match="2 texts"):
            encoder.encode(["a", "b"])


@pytest.mark.parametrize("name", ["openai:", "openai:@http://x/v1", "openai:m@x/v1"])
def test_endpoint_name_that_is_none(name: str) -> None:
    """What to write is said."""
    with pytest.raises(JobError, match="names no endpoint"):
        open_encoder(name)


def test_endpoint_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The public one needs it; nothing is asked without."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(JobError, match="OPENAI_API_KEY"):
        open_encoder("openai:small")
