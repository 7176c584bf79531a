"""An environment of its own for each peer, under `.bench/`, made once and made anew where its requirements change.

Owns installing and versions. A peer that cannot be installed is a reason in words, never an exception.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from bench.side_by_side.catalogue import Peer
from bench.stage import ROOT

FOLDER = ROOT / ".bench"
INSTALL_TIMEOUT_S = 900.0
SHOWN = ("openai", "httpx", "aiohttp", "litellm")
OURS = ("synthgen", "aiohttp", "openai", "uvloop", "orjson")
ASKED_FOR = """
import importlib.metadata as m, re, sys
names, left_out = sys.argv[1].split(","), set(sys.argv[2].split(","))
for line in sorted({line for name in names for line in m.requires(name) or () if "extra ==" not in line}):
    if re.match(r"[\\w.-]+", line)[0].lower() not in left_out:
        print(line)
"""
INSTALLED = """
import importlib.metadata as m, json
found = {d.metadata["Name"]: d.version for d in m.distributions() if d.metadata["Name"]}
print(json.dumps({name.lower().replace("_", "-"): version for name, version in found.items()}))
"""


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a peer can be run.

    Attributes:
        python: Its interpreter; None where it could not be installed.
        why: Why not.
        versions: Of every package in it, by name.
    """

    python: str | None
    why: str = ""
    versions: dict[str, str] = field(default_factory=dict)

    def spell_versions(self, peer: Peer) -> str:
        """Its own version, and those of the clients below it."""
        own = [word.partition("[")[0].partition("==")[0] for word in (*peer.no_deps, *peer.requirements)][:1]
        wanted = (*own, *SHOWN) if peer.is_installed_apart else OURS
        names = [name for name in dict.fromkeys(wanted) if name in self.versions]
        return ", ".join(f"{name} {self.versions[name]}" for name in names)


def prepare(peer: Peer, *, folder: Path = FOLDER) -> Environment:
    """The peer's environment, installed where it is not there yet."""
    if not peer.is_installed_apart:
        return Environment(sys.executable, versions=_versions(sys.executable))
    home = folder / peer.name
    stamp, wanted = home / "installed.json", _digest(peer)
    if stamp.exists() and json.loads(stamp.read_text()).get("wanted") == wanted:
        python = str(home / "bin" / "python")
        return Environment(python, versions=_versions(python))
    print(f"installing {peer.title} ...", file=sys.stderr, flush=True)
    return _install(peer, home, stamp, wanted)


def _install(peer: Peer, home: Path, stamp: Path, wanted: str) -> Environment:
    shutil.rmtree(home, ignore_errors=True)
    try:
        _run(sys.executable, "-m", "venv", "--without-pip", str(home))
        python = str(home / "bin" / "python")
        requirements = list(peer.requirements)
        if peer.no_deps:
            _pip(python, "--no-deps", *peer.no_deps)
            names = ",".join(word.partition("==")[0] for word in peer.no_deps)
            requirements += _run(python, "-c", ASKED_FOR, names, ",".join(peer.all_but)).splitlines()
        _pip(python, *requirements)
        versions = _versions(python)
    except (OSError, subprocess.SubprocessError) as error:
        shutil.rmtree(home, ignore_errors=True)
        return Environment(None, _reason(error))
    stamp.write_text(json.dumps({"wanted": wanted, "versions": versions}, indent=1))
    return Environment(python, versions=versions)


def _pip(python: str, *words: str) -> None:
    """Our pip, its environment: one of its own would take ten seconds to put there."""
    _run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--disable-pip-version-check", *words)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=INSTALL_TIMEOUT_S)
    return done.stdout


def _reason(error: Exception) -> str:
    """The last line that says what is wrong, without addresses."""
    said = getattr(error, "stderr", None) or str(error)
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith("ERROR:")] or lines or ["no reason given"]
    words = [word for word in told[-1].removeprefix("ERROR:").split() if "://" not in word]
    return " ".join(words)[:200].replace("|", "/")


def _versions(python: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(_run(python, "-c", INSTALLED))
    return found


def _digest(peer: Peer) -> str:
    wanted = [sys.version, *peer.requirements, "|", *peer.no_deps, "|", *peer.all_but]
    return hashlib.sha256("\n".join(wanted).encode()).hexdigest()[:16]
