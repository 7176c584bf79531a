"""Imports go down only, function bodies included."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "synthgen"

FLOORS: dict[str, float] = {
    **dict.fromkeys(["errors", "identity", "records", "registry", "job", "text"], 0),
    **dict.fromkeys(["measure", "privacy"], 0.5),
    **dict.fromkeys(["prompt", "parse", "checks", "dedup"], 1),
    **dict.fromkeys(["providers", "encoders", "journal", "data"], 2),
    **dict.fromkeys(["augment"], 2.5),
    **dict.fromkeys(["engine"], 3),
    **dict.fromkeys(["recipes", "quality", "report", "review"], 4),
    **dict.fromkeys(["cli", "api", "simulator", "testing", "__init__", "__main__"], 5),
}
# Within engine/: what a shelf may import, beside itself. No cycle; nothing looks at running. docs/design.md has the table.
SHELVES: dict[str, set[str]] = {
    "clock": set(),
    "signal": set(),
    "events": set(),
    "stop": {"signal"},
    "writer": {"signal"},
    "planning": {"events"},
    "asking": {"clock", "events", "signal", "stop", "writer"},
    "judging": {"clock", "events", "planning", "writer"},
    "pipeline": {"asking", "events", "judging", "planning", "stop", "writer"},
    "changes": {"asking", "planning"},
    "audit": {"changes", "judging", "planning"},
    "running": {"asking", "changes", "clock", "events", "judging", "pipeline", "planning", "stop", "writer"},
}
PURE_FILES = {f"engine/planning/{name}.py" for name in ("interleaving", "permutation", "planner", "seeds")}
PURE = {room for room, floor in FLOORS.items() if floor in (0.5, 1)}
OUTSIDE = {"asyncio", "anyio", "aiohttp", "openai", "sqlite3", "socket", "time", "threading", "subprocess", "random"}


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports_of(path: Path) -> list[tuple[int, str]]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            module = node.module or ""
            found += [(node.lineno, f"{module}.{a.name}" if module == "synthgen" else module) for a in node.names]
    return found


SOURCES = sorted(PACKAGE.rglob("*.py"))


def test_every_room_has_a_floor() -> None:
    """A new room is given its floor before it holds code."""
    assert {room_of(p) for p in SOURCES} <= set(FLOORS)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_floors_imports_go_down_only(path: Path) -> None:
    """A module imports its own room or a lower floor, never a neighbour or a higher one."""
    room = room_of(path)
    for line, module in imports_of(path):
        if not module.startswith("synthgen"):
            continue
        other = module.split(".")[1] if "." in module else "__init__"
        assert other == room or FLOORS[other] < FLOORS[room] or FLOORS[other] == FLOORS[room] in (0, 5), (
            f"{path.name}:{line}: {room} (floor {FLOORS[room]}) imports {other} (floor {FLOORS[other]})"
        )


def test_engine_shelves_import_only_what_the_table_says() -> None:
    """The arrows within the engine are exactly those of the table, which has no cycle."""
    found: dict[str, set[str]] = {shelf: set() for shelf in SHELVES}
    for path in (PACKAGE / "engine").rglob("*.py"):
        shelf = path.relative_to(PACKAGE / "engine").parts[0].removesuffix(".py")
        if shelf == "__init__":
            continue
        modules = [m.split(".") for _, m in imports_of(path) if m.startswith("synthgen.engine.")]
        found[shelf] |= {m[2] for m in modules} - {shelf}
    assert found == SHELVES
    done: set[str] = set()
    while ready := [s for s in SHELVES if s not in done and SHELVES[s] <= done]:
        done |= set(ready)
    assert done == set(SHELVES)


def test_engine_shelves_are_the_ones_the_design_shows() -> None:
    """The table in docs/design.md says the same."""
    text = (PACKAGE.parent / "docs" / "design.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|", text, re.MULTILINE)
    assert {name: set(re.findall(r"\w+", arrows)) for name, arrows in rows if name in SHELVES} == SHELVES


@pytest.mark.parametrize("index", ["ngrams", "vectors"])
def test_indexes_of_dedup_have_one_door(index: str) -> None:
    """What is inside either is imported by itself alone; others take what its `__init__` exports."""
    door = f"synthgen.dedup.{index}"
    inside = PACKAGE / "dedup" / index
    past = {(path.name, module) for path in SOURCES for _, module in imports_of(path) if module.startswith(f"{door}.")}
    assert past == {(path, module) for path, module in past if (inside / path).exists()}


def is_pure(path: Path) -> bool:
    return room_of(path) in PURE or str(path.relative_to(PACKAGE)) in PURE_FILES


@pytest.mark.parametrize("path", [p for p in SOURCES if is_pure(p)], ids=lambda p: p.name)
def test_floors_pure_rooms_touch_nothing_outside(path: Path) -> None:
    """Values in, values out: no network, disk, clock, thread or unseeded chance."""
    assert not {m.split(".")[0] for _, m in imports_of(path)} & OUTSIDE
    awaits = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Await | ast.AsyncFunctionDef)]
    assert not awaits


AUGMENT_USERS = {"quality/eda.py"}  # measures what EDA changes of a job's own rows: runs the rewriter, asks no provider


def test_augment_is_reached_through_the_provider_seam_alone() -> None:
    """Nothing outside the wing imports it; the registry's table names its classes as strings."""
    found = {
        str(path.relative_to(PACKAGE))
        for path in SOURCES
        if room_of(path) != "augment" and any(m.startswith("synthgen.augment") for _, m in imports_of(path))
    }
    assert found == AUGMENT_USERS
