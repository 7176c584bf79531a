"""Classifiers of the user's own: a saved scikit-learn model, or a function.

A saved model is a pickle, and loading one runs what is in it: only ever the file that the user's own job names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from synthgen.data.models import load_object
from synthgen.errors import JobError

TextModel = Callable[[Sequence[str]], npt.NDArray[Any]]


def load_label_model(reference: str, *, base: Path, text: str) -> tuple[TextModel, list[str]]:
    """A classifier of texts and its classes.

    Args:
        reference: A `.joblib` or `.pkl` file, or `module:function` that turns a list of texts into a list of
            `{class: probability}`.
        base: The folder it is relative to.
        text: A text to try it on.

    Raises:
        JobError: It cannot be loaded, or does not give probabilities of classes.
    """
    if reference.endswith((".joblib", ".pkl")):
        return _saved(base / reference, text)
    function = load_object(reference, base=base, field="checks.label.model")
    names: dict[str, None] = {}

    def read(texts: Sequence[str]) -> npt.NDArray[Any]:
        found = _called(lambda: list(function(list(texts))), reference)
        if len(found) != len(texts) or not all(isinstance(row, dict) for row in found):
            raise _unfit(reference, "must give a list of {class: probability}, one for each text")
        return np.array([[float(row.get(name, 0.0)) for name in names] for row in found])

    first = _called(lambda: list(function([text])), reference)
    if len(first) != 1 or not isinstance(first[0], dict) or not first[0]:
        raise _unfit(reference, "must give a list of {class: probability}, one for each text")
    names.update(dict.fromkeys(map(str, first[0])))
    return read, list(names)


def _saved(path: Path, text: str) -> tuple[TextModel, list[str]]:
    import joblib  # type: ignore[import-untyped]

    if not path.is_file():
        raise JobError(f"checks.label.model: {path}: no such file", hint="paths are relative to the job file")
    model = _called(lambda: joblib.load(path), str(path))
    if not hasattr(model, "predict_proba") or not hasattr(model, "classes_"):
        raise _unfit(str(path), "has no predict_proba: save a fitted classifier that gives probabilities")

    def read(texts: Sequence[str]) -> npt.NDArray[Any]:
        return np.asarray(_called(lambda: model.predict_proba(list(texts)), str(path)))

    if read([text]).shape != (1, len(model.classes_)):
        raise _unfit(str(path), "must read texts: save the pipeline with its vectoriser")
    return read, [str(name) for name in model.classes_]


def _called(work: Callable[[], Any], name: str) -> Any:
    try:
        return work()
    except Exception as error:  # the user's code: whatever it raises is theirs to read
        raise _unfit(name, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}") from None


def _unfit(name: str, why: str) -> JobError:
    return JobError(f"checks.label.model: {name}: {why}")
