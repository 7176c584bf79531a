"""Translators that know their rows by heart: a program in Apertium's place, and a model behind HTTP."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.augment.apertium_stand_in import install_stand_in

# Knows what `words` says, in the direction whose file it is started with; everything else comes back as it went.
PROGRAM = """#!{python}
import os
import sys

words = {words!r}.get(sys.argv[-1], {{}})
pending = b""
while data := os.read(0, 65536):
    *messages, pending = (pending + data).split(bytes(1))
    for message in messages:
        text = message.decode()
        for word, other in words.items():
            text = text.replace(word, other)
        os.write(1, text.encode() + bytes(1))
"""


def install_translator(folder: Path, monkeypatch: pytest.MonkeyPatch, words: Mapping[str, Mapping[str, str]]) -> Path:
    """A data folder for `models[].model` whose directions (`eng-spa`, ...) replace these words."""
    folder.mkdir()
    install_stand_in(folder, monkeypatch)
    program = folder / "bin/lt-proc"
    program.write_text(PROGRAM.format(python=sys.executable, words={k: dict(v) for k, v in words.items()}))
    for name in ("eng-spa", "spa-eng", "fr-es"):
        (folder / "modes" / f"{name}.mode").write_text(f"lt-proc -z '{name}'")
    return folder


@contextlib.contextmanager
def translating_model(words: Mapping[str, str]) -> Iterator[str]:
    """The `base_url` of a model that says, for a request that holds a key of `words`, its value; else nothing new."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            text = asked["messages"][-1]["content"]
            said = next((value for key, value in words.items() if key in text), text)
            body = json.dumps(_completion(said)).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _completion(text: str) -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}
    return {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
