"""From a job's model entry to its provider. The key is read here, from the one variable the job names."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from synthgen.errors import JobError
from synthgen.job import ModelConfig
from synthgen.job.model import OPENAI_BASE_URL
from synthgen.providers.protocol import Provider

OpenEncoder = Callable[[str], Any]


def open_provider(config: ModelConfig, *, open_encoder: OpenEncoder | None = None) -> Provider:
    """The provider of one endpoint, not yet entered.

    Args:
        config: The job's model entry.
        open_encoder: Finds an encoder by name, for a provider that guards meaning.

    Raises:
        JobError: The variable that `api_key_env` names is not set, or OpenAI is asked without one.
    """
    if config.provider == "synonyms":
        from synthgen.providers.synonyms import SynonymProvider

        return SynonymProvider(config, open_encoder=open_encoder)
    if config.provider == "local":
        from synthgen.providers.local import LocalProvider

        return LocalProvider(config)
    if config.provider == "apertium":
        from synthgen.providers.apertium import ApertiumProvider

        return ApertiumProvider(config)
    if config.provider == "marian":
        from synthgen.providers.marian import MarianProvider

        return MarianProvider(config)
    from synthgen.providers.openai import OpenAIProvider

    return OpenAIProvider(config, api_key=_api_key(config))


def _api_key(config: ModelConfig) -> str | None:
    name = config.api_key_env
    if name is None:
        if config.base_url == OPENAI_BASE_URL:
            raise JobError(
                f"models: '{config.model}' at {config.base_url} needs a key",
                hint="add `api_key_env: OPENAI_API_KEY` to its entry and set that variable, "
                "or `base_url:` of a server that needs none",
            )
        return None
    key = os.environ.get(name, "").strip()
    if not key:
        raise JobError(
            f"models: the environment variable {name} (api_key_env of '{config.model}') is not set",
            hint=f"export {name}=... and run the same command again",
        )
    return key
