"""Whether the journal's files are whole, from their sizes and headers alone, before SQLite opens (and repairs) them.

SQLite notices most damage only when it meets the page, and takes a log that was cut for one that ended there: what the
cut held is gone without a word. Four facts tell, whatever the size of the file (SQLite file format, sections 1.3 and
4.1): the header's page count, the file's size, the page numbers in the log, and how many frames of the log the last
process had committed, which the shared-memory file remembers until somebody opens the database again.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from synthgen.errors import JournalError

_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100
_LOG_HEADER_BYTES = 32
_FRAME_HEADER_BYTES = 24
_RESTORE = "restore it from a copy, or choose another --out; it was left as it is"


def require_whole(path: Path) -> None:
    """Look at a journal that no process writes, without changing anything.

    Args:
        path: The database; its `-wal` and `-shm` stand beside it. It need not exist.

    Raises:
        JournalError: The file or its log was cut, or the file is no database.
    """
    log, shared = path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")
    if not _size(path):
        _refuse_lone_log(path, log)
        return
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if header[: len(_MAGIC)] != _MAGIC or len(header) < _HEADER_BYTES:
        raise JournalError(f"{path}: file is not a database", hint=f"the file is damaged: {_RESTORE}")
    page_bytes, pages = _page_bytes(header), _pages(header)
    missing = set(range(_size(path) // page_bytes + 1, pages + 1))
    if missing and not missing <= set(_logged_pages(log, page_bytes)):
        raise JournalError(
            f"{path}: the file was cut: {_size(path):,} of {pages * page_bytes:,} bytes are there",
            hint=f"the file is damaged: {_RESTORE}",
        )
    _require_whole_log(log, shared, page_bytes)


def _refuse_lone_log(path: Path, log: Path) -> None:
    """An empty database beside a log: SQLite would throw the log away, with every answer in it."""
    if _size(log):
        raise JournalError(
            f"{path}: the file is empty or gone, but {log.name} holds answers", hint=f"the file is damaged: {_RESTORE}"
        )


def _require_whole_log(log: Path, shared: Path, page_bytes: int) -> None:
    """Compare the log with what its last process had committed to it."""
    committed = _committed_frames(shared, log)
    there = max(0, _size(log) - _LOG_HEADER_BYTES) // (_FRAME_HEADER_BYTES + page_bytes)
    if committed > there:
        raise JournalError(
            f"{log}: the log was cut: {there:,} of {committed:,} pages are there, and with the others answers are gone",
            hint=f"{_RESTORE}; or delete {shared.name} to go on with what is left: what was lost is asked again",
        )


def _committed_frames(shared: Path, log: Path) -> int:
    """Frames of the log that the last process committed and had not yet copied into the database; 0 where unknown."""
    if _size(shared) < 136:
        return 0
    with shared.open("rb") as file:
        index = file.read(136)
    one, other = index[:48], index[48:96]
    frames, copied = struct.unpack("=I", one[16:20])[0], struct.unpack("=I", index[96:100])[0]
    is_told = one == other and one[12] == 1
    if not is_told or copied >= frames:
        return 0
    if _size(log) >= _LOG_HEADER_BYTES:
        with log.open("rb") as file:
            salts = file.read(_LOG_HEADER_BYTES)[16:24]
        if salts != one[32:40]:  # the log began anew: these frames are another generation's
            return 0
    return int(frames)


def _logged_pages(log: Path, page_bytes: int) -> Iterator[int]:
    """Page numbers of the frames in the log."""
    if not log.exists():
        return
    frame_bytes = _FRAME_HEADER_BYTES + page_bytes
    with log.open("rb") as file:
        for start in range(_LOG_HEADER_BYTES, _size(log) - frame_bytes + 1, frame_bytes):
            file.seek(start)
            yield int.from_bytes(file.read(4), "big")


def _page_bytes(header: bytes) -> int:
    """Bytes of a page; the header writes 65,536 as 1."""
    (stored,) = struct.unpack(">H", header[16:18])
    return 65_536 if stored <= 1 else int(stored)


def _pages(header: bytes) -> int:
    """Pages of the database as last copied from the log; 0 where the header says that it does not know."""
    return int.from_bytes(header[28:32], "big") if header[24:28] == header[92:96] else 0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
