"""Names that stand for code: the built-in ones of a seam, and those that installed packages add as entry points.

Owns the table of each seam, finding and importing, and every sentence about what goes wrong there. What the code must
look like is for the caller to say.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from synthgen.errors import JobError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


class Registry:
    """The members of one seam. Nothing is imported before it is loaded.

    Args:
        group: Entry-point group in which other packages add members, for example `synthgen.providers`.
        builtins: `module:Name` of each built-in member by its name.
    """

    def __init__(self, group: str, builtins: Mapping[str, str]) -> None:
        self.group, self.builtins = group, builtins

    def names(self) -> list[str]:
        """Every name that can be loaded, built-in ones first."""
        return [*self.builtins, *sorted({point.name for point in self._outside()} - set(self.builtins))]

    def has(self, name: str) -> bool:
        """Whether there is such a name; for a built-in one the installed packages are not looked at."""
        return name in self.builtins or any(point.name == name for point in self._outside())

    def unknown(self, name: str) -> str:
        """What to say of a name that is not there: the nearest names, and all."""
        names = self.names()
        near = difflib.get_close_matches(name, names, n=2, cutoff=0.5)
        guess = f"; did you mean {' or '.join(repr(other) for other in near)}?" if near else ""
        return f"'{name}' is not known{guess} (known here: {', '.join(names)})"

    def load(self, name: str, *, where: str) -> Any:
        """Import what a name stands for.

        Args:
            name: A built-in name or one that an installed package adds.
            where: Key of the job file that holds the name, for the messages.

        Raises:
            JobError: No such name; two packages add it; its package cannot be imported or does not hold it.
        """
        found = [point for point in self._outside() if point.name == name]
        owners = ["synthgen"] * (name in self.builtins) + [_owner(point) for point in found]
        if not owners:
            raise JobError(f"{where}: {self.unknown(name)}", hint=f"install the package that adds it ({self.group})")
        if len(owners) > 1:
            raise JobError(
                f"{where}: '{name}' is added by {' and by '.join(owners)} (entry points {self.group})",
                hint="uninstall one of them, or ask its author for another name",
            )
        if not found:
            module, _, attribute = self.builtins[name].partition(":")
            return getattr(importlib.import_module(module), attribute)
        try:
            return found[0].load()
        except Exception as error:  # another package's code: anything may go wrong in it
            said = " ".join(f"{type(error).__name__}: {error}".split())
            raise JobError(
                f"{where}: '{name}' ({found[0].value} of {owners[0]}) cannot be imported: {said}",
                hint=f"mend or uninstall {owners[0]}",
            ) from None

    def _outside(self) -> tuple[EntryPoint, ...]:
        return _entry_points(self.group, tuple(sys.path))


@functools.lru_cache(maxsize=32)
def _entry_points(group: str, _path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Entry points of a group; reading all packages' takes some 10 ms, so once for each state of `sys.path`."""
    from importlib.metadata import entry_points

    return tuple(entry_points(group=group))


def _owner(point: EntryPoint) -> str:
    return f"package {point.dist.name}" if point.dist is not None else f"'{point.value}'"


PROVIDERS = Registry(
    "synthgen.providers",
    {
        "openai": "synthgen.providers.openai:OpenAIProvider",
        "local": "synthgen.providers.local:LocalProvider",
        "synonyms": "synthgen.augment.synonyms.provider:SynonymProvider",
        "apertium": "synthgen.augment.apertium.provider:ApertiumProvider",
        "marian": "synthgen.augment.marian.provider:MarianProvider",
    },
)
