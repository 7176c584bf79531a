"""The tail stays short: where readability goes first is where functions and classes grow."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "synthgen"
MAX_FUNCTION_LINES, MAX_CLASS_LINES, MAX_PUBLIC_METHODS = 60, 250, 20
Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_no_function_and_no_class_outgrows_its_page() -> None:
    """At most 60 lines a function, 250 lines and 20 public methods a class."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, Function | ast.ClassDef):
                continue
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            where = f"{path.relative_to(PACKAGE)}:{node.lineno} {node.name}: {lines} lines"
            if lines > (MAX_CLASS_LINES if isinstance(node, ast.ClassDef) else MAX_FUNCTION_LINES):
                found.append(where)
            methods = [m for m in node.body if isinstance(m, Function) and not m.name.startswith("_")]
            if isinstance(node, ast.ClassDef) and len(methods) > MAX_PUBLIC_METHODS:
                found.append(f"{where}, {len(methods)} public methods")
    assert found == []
