"""Names of a seam: built-in ones, those of installed packages, and a sentence for each thing that goes wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from synthgen.errors import JobError
from synthgen.registry import Registry

BUILTINS = {"jsonish": "json:loads", "mathish": "math:floor"}


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """Two built-in names; two packages that add good, broken and contested ones."""
    (tmp_path / "broken_of_outside.py").write_text("import no_such_module_anywhere\n")
    for package, points in {
        "one": "sqrt = math:sqrt\nbroken = broken_of_outside:X\nabsent = math:no_such_name\ntwice = math:ceil",
        "two": "twice = math:ceil\njsonish = math:ceil",
    }.items():
        info = tmp_path / f"{package}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[synthgen.tests]\n{points}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return Registry("synthgen.tests", BUILTINS)


def test_registry_knows_builtin_and_outside_names(registry: Registry) -> None:
    """Built-in names first; both kinds load."""
    assert registry.names() == ["jsonish", "mathish", "absent", "broken", "sqrt", "twice"]
    assert registry.load("mathish", where="x")(2.5) == 2
    assert registry.load("sqrt", where="x")(9) == 3
    assert registry.has("sqrt")
    assert not registry.has("squirt")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("squrt", r"models: 'squrt' is not known; did you mean 'sqrt'\? \(known here: jsonish,"),
        (
            "broken",
            "models: 'broken' .* of package one.* cannot be imported: ModuleNotFoundError: No module named 'no_su",
        ),
        ("absent", "'absent' .* cannot be imported: AttributeError"),
        ("twice", "'twice' is added by package (one and by package two|two and by package one)"),
        ("jsonish", "'jsonish' is added by synthgen and by package two"),
    ],
)
def test_registry_says_in_words_what_is_wrong(registry: Registry, name: str, said: str) -> None:
    """Unknown, broken, absent and contested names each get a sentence and a next step."""
    with pytest.raises(JobError, match=said) as caught:
        registry.load(name, where="models")
    assert caught.value.hint
