"""Puts the accepted rows of earlier sessions into the deduplicators, as if each had been accepted in its turn.

In threads of their own: vectors are read and sorted in one; texts are read in a second, taken in in a third, their
grams counted in a fourth and listed in a fifth. Most of it is SQLite's and numpy's work, which threads do at once. None
of it touches the event loop, or what else is written and read meanwhile.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import compress
from pathlib import Path
from typing import TypeVar

import numpy as np

from synthgen.dedup import Deduplicator, PoolRows, Profiles
from synthgen.engine.judging.deduplicators import Deduplicators
from synthgen.errors import JournalError
from synthgen.journal import AcceptedPage, AcceptedVectors, Journal
from synthgen.journal.pages import REPLAY_HINT

PAGE, VECTOR_PAGE = 16_384, 4096  # a few megabytes each
FIRST_PLACE = (0, -1)
_PAGES_AT_ONCE = 3  # on their way: as few as keep all threads busy, since each costs memory
S = TypeVar("S")
T = TypeVar("T")
P = TypeVar("P", AcceptedPage, AcceptedVectors)
IsOver = Callable[[], bool]
NormalisedTexts = list[tuple[Deduplicator, list[str]]]
NgramLists = list[tuple[Deduplicator, Profiles | None]]


def accept_stored(dedups: Deduplicators, run_dir: Path, is_over: IsOver = lambda: False) -> None:
    """Compare later rows with the accepted ones in the journal of `run_dir` too. Blocking.

    Args:
        dedups: Who is told; nobody else may use them meanwhile but for their real rows.
        run_dir: Where the journal is; it is read through connections of their own.
        is_over: Asked between pages: whether nobody waits for it any more.

    Raises:
        JournalError: The journal cannot be read, or rows lack vectors that are compared, or have some of other lengths.
    """
    with _Thread("vectors") as thread:
        vectors = thread.do(accept_vectors, dedups, run_dir, is_over)
        accept_texts(dedups, run_dir, is_over)
        vectors.result()
    if not is_over():
        try:
            dedups.settle()
        except ValueError as error:
            raise JournalError(f"the journal's accepted rows cannot be compared: {error}", hint=REPLAY_HINT) from error


def stored_dimensions(journal: Journal) -> int | None:
    """Length of the vectors of accepted rows; None where there are none."""
    first = journal.accepted_vectors(after=FIRST_PLACE, limit=1)
    return None if first is None else len(first.vectors) // np.dtype(np.float16).itemsize


def accept_texts(dedups: Deduplicators, run_dir: Path, is_over: IsOver = lambda: False) -> None:
    """Their texts and character n-grams. A page goes from thread to thread, and the next ones follow."""
    listed: deque[Future[None]] = deque()
    with (
        contextlib.closing(Journal.read(run_dir)) as journal,
        _Thread("texts") as texts,
        _Thread("grams") as grams,
        _Thread("lists") as lists,
    ):
        for page in _pages(partial(journal.accepted_page, limit=PAGE), is_over):
            normalised = texts.do(accept_page, dedups, page)
            ngrams = grams.do_after(normalised, ngrams_of)
            listed.append(lists.do_after(ngrams, accept_ngrams))
            if len(listed) > _PAGES_AT_ONCE:
                listed.popleft().result()
        if not is_over():
            listed.append(lists.do(dedups.settle_ngrams))
        while listed:
            listed.popleft().result()


def accept_page(dedups: Deduplicators, page: AcceptedPage) -> NormalisedTexts:
    """Compare the texts of later rows with these too; what `ngrams_of` takes then."""
    columns = page.ids, page.labels, page.texts
    return [
        (dedup, dedup.accept_texts(PoolRows(*(_chosen(column, is_wanted) for column in columns))))
        for dedup, is_wanted in dedups.accepted_each(page.labels)
    ]


def ngrams_of(normalised: NormalisedTexts) -> NgramLists:
    """Their grams, for `accept_ngrams`."""
    return [(dedup, dedup.ngrams(own)) for dedup, own in normalised]


def accept_ngrams(ngrams: NgramLists) -> None:
    """The character n-grams of such texts too."""
    for dedup, profiles in ngrams:
        dedup.accept_ngrams(profiles)


def accept_vectors(dedups: Deduplicators, run_dir: Path, is_over: IsOver = lambda: False) -> None:
    """Their vectors, where they count."""
    if not dedups.compare_vectors:
        return
    with contextlib.closing(Journal.read(run_dir)) as journal:
        for page in _pages(partial(journal.accepted_vectors, limit=VECTOR_PAGE), is_over):
            accept_vector_page(dedups, page)
    if not is_over():
        dedups.settle_vectors()


def accept_vector_page(dedups: Deduplicators, page: AcceptedVectors) -> None:
    """As `accept_page`, of vectors."""
    stacked = np.frombuffer(page.vectors, dtype=np.float16).reshape(len(page.labels), -1)
    for dedup, is_wanted in dedups.accepted_each(page.labels):
        dedup.accept_vectors(stacked if is_wanted is None else stacked[is_wanted])


class _Thread(contextlib.AbstractContextManager["_Thread"]):
    """One thread, which does one thing after the other; what is not begun when it is left is not done."""

    def __init__(self, name: str) -> None:
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"stored-{name}")

    def do(self, work: Callable[..., T], *given: object) -> Future[T]:
        return self._threads.submit(work, *given)

    def do_after(self, before: Future[S], work: Callable[[S], T]) -> Future[T]:
        """With what another thread brings."""
        return self._threads.submit(lambda: work(before.result()))

    def __exit__(self, *raised: object) -> None:
        self._threads.shutdown(cancel_futures=True)


def _pages(read: Callable[..., P | None], is_over: IsOver) -> Iterator[P]:
    """All pages, one after the other, until it is over."""
    page = read(after=FIRST_PLACE)
    while page is not None and not is_over():
        yield page
        page = read(after=page.last)


def _chosen(column: Sequence[T], is_wanted: Sequence[bool] | None) -> Sequence[T]:
    """Some of a column; all of it for None."""
    return column if is_wanted is None else list(compress(column, is_wanted))
