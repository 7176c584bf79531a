"""Which translations Apertium has here, and the programs that make up each. Reads files; starts nothing.

A *mode* file is one line of shell, `lt-proc a.bin | apertium-tagger ... | ...`. It is read as words between bars, and
never handed to a shell; anything else in it is refused.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from synthgen.errors import JobError

INSTALL = "on Debian or Ubuntu: apt-get install apertium apertium-eng-spa apertium-fr-es"
OTHER_PAIRS = "`apt-cache search ^apertium-` lists the language pairs there are"

# ISO 639-1 to 639-3, where Apertium's pairs use either
_CODES = (
    "af:afr an:arg ar:ara be:bel bg:bul br:bre ca:cat cy:cym da:dan de:deu en:eng eo:epo es:spa eu:eus fr:fra "
    "gl:glg hi:hin id:ind is:isl it:ita kk:kaz mk:mkd ms:msa mt:mlt nb:nob nl:nld nn:nno no:nor oc:oci pl:pol "
    "pt:por ro:ron ru:rus sc:srd se:sme sl:slv sv:swe tr:tur tt:tat uk:ukr ur:urd zh:zho"
)
_LONG = {code[:2]: code[3:] for code in _CODES.split()}
_SHORT = {long: short for short, long in _LONG.items()}
_SHELL = frozenset("`$;&<>(){}*?!\n")
# In lttoolbox 3.7 these forget to flush at a NUL although they are told to: without a buffer they need not.
_FORGETFUL = ("-b", "-g", "-n")


@dataclass(frozen=True, slots=True)
class Mode:
    """One direction as it is installed.

    Attributes:
        name: Apertium's own word for it: `eng-spa`.
        source: Language it reads, as the name says it.
        commands: Programs in order, each with its arguments.
        tagger: Place of the statistical tagger among them, or None.
    """

    name: str
    source: str
    commands: tuple[tuple[str, ...], ...]
    tagger: int | None


def data_folder(named: str) -> Path:
    """Where Apertium's modes are: the folder the job names, `APERTIUM_DATADIR`, or beside the installed program.

    Raises:
        JobError: It is not installed, or the folder holds no `modes/`.
    """
    if named:
        folder = Path(named).expanduser()
    elif "APERTIUM_DATADIR" in os.environ:
        folder = Path(os.environ["APERTIUM_DATADIR"])
    else:
        program = shutil.which("apertium")
        if program is None:
            raise JobError("models: the translator Apertium is not installed (provider: apertium)", hint=INSTALL)
        folder = Path(program).parent.parent / "share" / "apertium"
    if not (folder / "modes").is_dir():
        raise JobError(
            f"models: {folder} holds no Apertium modes (no folder `modes` in it)",
            hint=f"leave `model:` out to take the installed ones; {INSTALL}",
        )
    return folder


def directions(folder: Path) -> list[str]:
    """Names of the translations that are there, sorted."""
    return sorted(path.stem for path in (folder / "modes").glob("*.mode"))


def find_mode(source: str, target: str, folder: Path) -> Mode:
    """The mode from one language to another; two- and three-letter codes are the same to it.

    Raises:
        JobError: No such pair; lists those that are there. Or its file is not a plain pipeline of programs, or a
            program of it is missing.
    """
    there = directions(folder)
    for name in _spellings(source, target):
        if name in there:
            return _read_mode(folder / "modes" / f"{name}.mode")
    have = ", ".join(there) or "none"
    raise JobError(
        f"models: Apertium cannot translate from '{source}' to '{target}' here (there are: {have})",
        hint=f"go through a language between them (`route: [{source}, ..., {target}]`), or install the pair; "
        f"{OTHER_PAIRS}",
    )


def _spellings(source: str, target: str) -> Iterator[str]:
    for first in _codes(source):
        for second in _codes(target):
            yield f"{first}-{second}"


def _codes(language: str) -> list[str]:
    """`en_US` -> itself, then `eng_US`."""
    code, sign, variant = language.partition("_")
    other = _LONG.get(code) or _SHORT.get(code)
    return [language] if other is None else [language, f"{other}{sign}{variant}"]


def _read_mode(path: Path) -> Mode:
    try:
        commands = _split(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise JobError(f"{path}: cannot be read as an Apertium mode: {error}", hint=INSTALL) from None
    for command in commands:
        if shutil.which(command[0]) is None:
            raise JobError(f"{path}: needs the program '{command[0]}', which is not installed", hint=INSTALL)
    tagger = next((n for n, c in enumerate(commands) if Path(c[0]).name == "apertium-tagger"), None)
    return Mode(path.stem, path.stem.partition("-")[0], tuple(_keep_running(c) for c in commands), tagger)


def _split(text: str) -> list[list[str]]:
    """The programs of a pipeline.

    Raises:
        ValueError: It holds more than words, quotes and bars.
    """
    commands: list[list[str]] = [[]]
    lexer = shlex.shlex(text.strip(), posix=True, punctuation_chars="|")
    lexer.whitespace_split = True
    lexer.commenters = ""
    for word in lexer:
        if word == "|":
            commands.append([])
        elif word == "$1":  # how the script marks unknown words: with marks, which are told apart and cleaned later
            commands[-1].append("-g")
        elif word != "$2":
            if _SHELL & set(word) or "||" in word:
                raise ValueError(f"'{word}' is no plain word")
            commands[-1].append(word)
    if not all(commands):
        raise ValueError("a program is missing between two bars")
    return commands


def _keep_running(command: Sequence[str]) -> tuple[str, ...]:
    """The program told to answer at each NUL instead of at the end of its input."""
    program, *arguments = command
    flushing = (program, *([] if "-z" in arguments else ["-z"]), *arguments)
    if Path(program).name == "apertium-tagger":
        return (program, "-d", *flushing[1:])  # says when it met something that changes how it reads what follows
    if Path(program).name == "lt-proc" and set(_FORGETFUL) & set(arguments) and shutil.which("stdbuf"):
        return ("stdbuf", "-o0", *flushing)
    return flushing
