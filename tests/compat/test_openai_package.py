"""The `openai` package itself, in an environment of its own, finds nothing strange about `synthgen simulate`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scenarios.scene import simulator

FOLDER = Path(__file__).parents[2] / ".compat"
SCRIPT = """
import json, sys, openai
client = openai.OpenAI(base_url=sys.argv[1], api_key="none", max_retries=0)
said = client.chat.completions.create(
    model="sim", messages=[{"role": "user", "content": "Write 2 messages of class late, as JSON."}],
    response_format={"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": {
        "type": "object", "required": ["items"], "additionalProperties": False, "properties": {"items": {
            "type": "array", "items": {"type": "object", "required": ["text"], "additionalProperties": False,
                                       "properties": {"text": {"type": "string"}}}}}}}},
)
print(json.dumps({
    "items": json.loads(said.choices[0].message.content)["items"],
    "finish": said.choices[0].finish_reason,
    "tokens": said.usage.total_tokens == said.usage.prompt_tokens + said.usage.completion_tokens,
    "models": [model.id for model in client.models.list()],
}))
try:
    client.chat.completions.create(model="other", messages=[{"role": "user", "content": "hi"}])
except openai.NotFoundError as error:
    print(json.dumps({"code": error.status_code}))
"""


@pytest.fixture(scope="module")
def python() -> str:
    """An interpreter that has the openai package and nothing of ours."""
    home = FOLDER / "openai"
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "openai"], check=True)
        (home / "ready").touch()
    return str(python)


@pytest.mark.compat
def test_the_openai_package_talks_to_the_simulator(python: str) -> None:
    """Structured answers, usage, the list of models, and an error it has a class for."""
    with simulator("--models", "sim") as server:
        done = subprocess.run([python, "-c", SCRIPT, server.base_url], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer, error = map(json.loads, done.stdout.splitlines())
    assert answer["items"]
    assert answer["finish"] == "stop"
    assert answer["tokens"]
    assert answer["models"] == ["sim"]
    assert error == {"code": 404}
