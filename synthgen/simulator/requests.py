"""Which completion requests are refused, and in which words: wrong key, unknown model, what old servers do not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from synthgen.simulator.asked import format_type
from synthgen.simulator.replies import Refusal
from synthgen.simulator.settings import SimulatorSettings


def check_key(settings: SimulatorSettings, authorization: str) -> None:
    """Raises: Refusal: 401, where a key is asked for and another came."""
    if settings.api_key is None or authorization == f"Bearer {settings.api_key}":
        return
    if not authorization:
        raise Refusal(401, "You didn't provide an API key.", code=None)
    raise Refusal(401, "Incorrect API key provided.", code="invalid_api_key")


def parse_body(raw: bytes, *, is_chat: bool) -> dict[str, Any]:
    """The body as a dict whose messages or prompt are of the right form.

    Raises:
        Refusal: 400.
    """
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Refusal(400, f"We could not parse the JSON body of your request: {error}") from None
    if not isinstance(body, dict):
        raise Refusal(400, "The body must be a JSON object.")
    name = "messages" if is_chat else "prompt"
    if name not in body:
        raise Refusal(400, f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")
    if not (_are_messages(body[name]) if is_chat else isinstance(body[name], str)):
        raise Refusal(400, f"Invalid type for '{name}'.", param=name, code="invalid_type")
    return body


def _are_messages(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(m, dict) and "role" in m for m in value)


def check_request(settings: SimulatorSettings, body: Mapping[str, Any]) -> None:
    """Raises: Refusal: 404 for an unknown model, 400 for what the settings do not support."""
    model = body.get("model")
    if settings.models and model not in settings.models:
        message = f"The model `{model}` does not exist or you do not have access to it."
        raise Refusal(404, message, code="model_not_found")
    if body.get("stream"):
        raise Refusal(400, "The simulator does not stream.", param="stream", code="unsupported_value")
    wanted = format_type(body)
    if wanted in settings.refuse_formats:
        message = f"Invalid parameter: 'response_format' of type '{wanted}' is not supported with this model."
        raise Refusal(400, message, param="response_format")
    for name in settings.refuse_params:
        if body.get(name) is not None:
            raise _unsupported(name, body[name])


def _unsupported(name: str, value: Any) -> Refusal:
    if name == "max_tokens":
        advice = "Use 'max_completion_tokens' instead."
        message = f"Unsupported parameter: 'max_tokens' is not supported with this model. {advice}"
        return Refusal(400, message, param=name, code="unsupported_parameter")
    if name == "temperature":
        message = f"Unsupported value: 'temperature' does not support {value} with this model."
        return Refusal(400, f"{message} Only the default (1) value is supported.", param=name, code="unsupported_value")
    message = f"Unsupported parameter: '{name}' is not supported with this model."
    return Refusal(400, message, param=name, code="unsupported_parameter")
