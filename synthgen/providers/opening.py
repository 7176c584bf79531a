"""From a job's model entry to its provider. The key is read here, from the one variable the job names."""

from __future__ import annotations

import os

from synthgen.errors import JobError, SynthgenError
from synthgen.job import ModelConfig
from synthgen.providers.protocol import Provider
from synthgen.registry import PROVIDERS

_WHERE = "models: provider"
_SAYS = ("is_metered", "may_adapt")
_OF_CLASS = ("complete", "classify", "__aenter__", "__aexit__")
_OF_INSTANCE = ("endpoint", "default_concurrency")


def provider_class(name: str) -> type[Provider]:
    """The class that a job's `provider:` names; imported, not made.

    Raises:
        JobError: It is not there, cannot be imported, or is no provider.
    """
    found: type[Provider] = PROVIDERS.load(name, where=_WHERE)
    if not isinstance(found, type):
        raise _no_provider(name, f"it is {found!r}, not a class")
    if missing := [part for part in _OF_CLASS if not callable(getattr(found, part, None))]:
        raise _no_provider(name, f"it lacks {', '.join(missing)}")
    if unsaid := [part for part in _SAYS if not isinstance(getattr(found, part, None), bool)]:
        raise _no_provider(name, f"the class must set {' and '.join(unsaid)} to True or False")
    return found


def open_provider(config: ModelConfig) -> Provider:
    """The provider of one endpoint, not yet entered.

    Args:
        config: The job's model entry.

    Raises:
        JobError: As `provider_class`; the variable that `api_key_env` names is not set; the provider refuses the entry.
    """
    make = provider_class(config.provider)
    api_key = _api_key(config, is_needed=make.is_metered)
    if config.provider in PROVIDERS.builtins:
        return make(config, api_key=api_key)
    try:
        provider = make(config, api_key=api_key)
        missing = [part for part in _OF_INSTANCE if not hasattr(provider, part)]
    except SynthgenError:
        raise
    except Exception as error:  # another package's code: anything may go wrong in it
        raise _no_provider(config.provider, " ".join(f"{type(error).__name__}: {error}".split())) from None
    if missing:
        raise _no_provider(config.provider, f"it lacks {', '.join(missing)}")
    return provider


def _no_provider(name: str, why: str) -> JobError:
    hint = "its author finds the contract in docs/extending.md, and `synthgen.testing.check_provider` checks it"
    return JobError(f"{_WHERE} '{name}' cannot be used: {why}", hint=hint)


def _api_key(config: ModelConfig, *, is_needed: bool) -> str | None:
    name = config.api_key_env
    if name is None:
        return None
    key = os.environ.get(name, "").strip()
    if not key and is_needed:
        raise JobError(
            f"models: the environment variable {name} (api_key_env of '{config.model}') is not set",
            hint=f"export {name}=... and run the same command again",
        )
    return key or None
