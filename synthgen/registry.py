"""Names to the code behind them: a table of our own, and what installed packages bring by an entry point.

Nothing is imported before it is asked for; what cannot be had is told in words.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from synthgen.errors import JobError


class Registry:
    """The things of one kind, by name.

    Args:
        group: Entry-point group in which installed packages bring further ones.
        builtins: Our own: name to `module:object`.
    """

    def __init__(self, group: str, builtins: Mapping[str, str]) -> None:
        self.group, self.builtins = group, builtins

    def names(self) -> tuple[str, ...]:
        """Our own in the order of the table, then the others by name."""
        return tuple(dict.fromkeys((*self.builtins, *sorted(point.name for point in self._outside()))))

    def load(self, name: str, *, where: str) -> Any:
        """The object of that name.

        Args:
            name: As a job file writes it.
            where: What to blame: a file and its key, or a flag.

        Raises:
            JobError: No such name, two packages that bring it, or an import that fails.
        """
        found = [point for point in self._outside() if point.name == name]
        if name in self.builtins:
            if found:
                raise JobError(
                    f"{where}: '{name}' is synthgen's own, and {_origin(found[0])} brings another",
                    hint="remove that package, or let it choose another name",
                )
            module, _, attribute = self.builtins[name].partition(":")
            return getattr(importlib.import_module(module), attribute)
        if not found:
            near = difflib.get_close_matches(name, self.names(), n=1, cutoff=0.5)
            guess = f"; did you mean '{near[0]}'?" if near else ""
            raise JobError(f"{where}: unknown '{name}'{guess} (there are: {', '.join(self.names())})")
        if len(found) > 1:
            raise JobError(
                f"{where}: two packages bring '{name}': {_origin(found[0])} and {_origin(found[1])}",
                hint="remove one of them",
            )
        try:
            return found[0].load()
        except Exception as error:  # importing runs a stranger's code: whatever it raises is theirs to read
            raise JobError(
                f"{where}: '{name}' of {_origin(found[0])} cannot be imported: {type(error).__name__}: {error}",
                hint="mend or remove that package",
            ) from None

    def _outside(self) -> list[EntryPoint]:
        return list(entry_points(group=self.group))


def _origin(point: EntryPoint) -> str:
    return f"{point.dist.name} ({point.value})" if point.dist is not None else point.value
