"""Small programs in the place of Apertium's: real processes and pipes, where nothing is installed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

# Says each message backwards word by word behind the tagger, so that there and back is the text again.
STAND_IN = """#!{python}
import os, sys, time
name, arguments = os.path.basename(sys.argv[0]), sys.argv[1:]
assert "-z" in arguments
with open(os.path.join(os.path.dirname(sys.argv[0]), "started"), "a") as log:
    log.write(name + chr(10))
learned = False
pending = b""
while data := os.read(0, 65536):
    *messages, pending = (pending + data).split(bytes(1))
    for message in messages:
        if b"DIE" in message and name == "lt-proc":
            sys.exit("stand-in: I was told to")
        if b"HANG" in message and name == "lt-proc":
            time.sleep(3600)
        if name == "apertium-tagger":
            if learned:
                message = message.replace(b"card", b"letter")
            if b"odd" in message:
                learned = True
                sys.stderr.write("New ambiguity class: {{ODD}}" + chr(10))
                sys.stderr.flush()
        elif "-g" in arguments:
            message = message.replace(b"blorp", b"*blorp")
        os.write(1, message + bytes(1))
"""


def install_stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with three directions, and their programs first on PATH."""
    programs = folder / "bin"
    programs.mkdir()
    for name in ("lt-proc", "apertium-tagger"):
        (programs / name).write_text(STAND_IN.format(python=sys.executable))
        (programs / name).chmod(0o755)
    (folder / "modes").mkdir()
    for name in ("eng-spa", "spa-eng", "fr-es"):
        line = "lt-proc 'a b.bin' | apertium-tagger -g $2 'x.prob' | lt-proc $1 'y.bin'"
        (folder / "modes" / f"{name}.mode").write_text(line)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return folder
