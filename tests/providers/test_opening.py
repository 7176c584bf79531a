"""From a model entry to its provider: keys, and jobs that an earlier version kept."""

from __future__ import annotations

from typing import Any

import pytest

from synthgen.engine.changes.effects import compare
from synthgen.errors import JobError
from synthgen.job import ModelConfig
from synthgen.providers.opening import open_provider, provider_class
from synthgen.registry import PROVIDERS


@pytest.mark.parametrize("name", PROVIDERS.builtins)
def test_builtin_providers_say_what_they_cost_and_whether_limits_adapt(name: str) -> None:
    """Only a server can be overloaded and costs money; what runs here does neither."""
    found = provider_class(name)
    assert (found.is_metered, found.may_adapt) == (name == "openai", name == "openai")


def test_key_that_is_not_set_stops_a_metered_provider_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenAI without a key is refused before anything is sent; what is free needs none."""
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with pytest.raises(JobError, match="NO_SUCH_KEY"):
        open_provider(ModelConfig(model="m", api_key_env="NO_SUCH_KEY"))
    with pytest.raises(JobError, match="needs a key"):
        open_provider(ModelConfig(model="m"))
    assert open_provider(ModelConfig(provider="local", api_key_env="NO_SUCH_KEY")).endpoint


def test_model_entry_of_an_earlier_version_is_the_same_job() -> None:
    """A journal that knows none of the new keys finds no change."""
    now: dict[str, Any] = ModelConfig(model="m", api_key_env="A_KEY").model_dump(mode="json", by_alias=True)
    before = {key: value for key, value in now.items() if key not in ("client_cert", "client_key")}
    assert ModelConfig.model_validate(before).model_dump(mode="json", by_alias=True) == now
    assert compare({"job": {"models": [before]}}, {"job": {"models": [now]}}) == []
