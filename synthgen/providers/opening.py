"""From a job's model entry to its provider. The key is read here, from the one variable the job names."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from typing import Any

from synthgen.errors import JobError
from synthgen.job import ModelConfig
from synthgen.job.model import OPENAI_BASE_URL
from synthgen.providers.protocol import Provider

OpenEncoder = Callable[[str], Any]
PROVIDERS: Mapping[str, str] = {
    "openai": "synthgen.providers.openai:OpenAIProvider",
    "local": "synthgen.providers.local:LocalProvider",
    "synonyms": "synthgen.augment.synonyms.provider:SynonymProvider",
    "apertium": "synthgen.augment.apertium.provider:ApertiumProvider",
    "marian": "synthgen.augment.marian.provider:MarianProvider",
}


def open_provider(config: ModelConfig, *, open_encoder: OpenEncoder | None = None) -> Provider:
    """The provider of one endpoint, not yet entered.

    Args:
        config: The job's model entry.
        open_encoder: Finds an encoder by name, for a provider that guards meaning.

    Raises:
        JobError: The variable that `api_key_env` names is not set, or OpenAI is asked without one.
    """
    module, _, name = PROVIDERS[config.provider].partition(":")
    make = getattr(importlib.import_module(module), name)
    extra: dict[str, Any] = {}
    if config.provider == "openai":
        extra["api_key"] = _api_key(config)
    if config.provider == "synonyms":
        extra["open_encoder"] = open_encoder
    provider: Provider = make(config, **extra)
    return provider


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
