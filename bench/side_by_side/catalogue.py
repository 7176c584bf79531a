"""Who takes part, at which version, and how each is asked: the one place where peers are pinned.

Owns versions, switches and what must be known to read a peer's figures. Knows no figure and installs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["engine", "floor", "script", "library", "framework"]


@dataclass(frozen=True, slots=True)
class Peer:
    """One tool.

    Attributes:
        name: On the command line, and of its environment's folder.
        title: In tables.
        script: Its module in `bench.peers`; empty for the engine itself.
        kind: `floor` is a bare client, `script` what one writes by hand, `library` retries for you, `framework` makes
            data.
        requirements: For pip; none where our own environment runs it.
        no_deps: Installed without what they ask for.
        all_but: Names that are left out of what `no_deps` ask for.
        environment: Variables it is run with.
        max_rows: Beyond this it takes part with so many rows, and the table says so.
        retries: Whether it asks again by itself; who does not has no part in faults.
        validates: How its own validation was switched on where faults are measured; empty where it has none.
        resumes: What it resumes from; empty where the same command starts anew.
        note: What one must know to read its figures.
    """

    name: str
    title: str
    script: str
    kind: Kind
    requirements: tuple[str, ...] = ()
    no_deps: tuple[str, ...] = ()
    all_but: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    max_rows: int = 10_000
    retries: bool = True
    validates: str = ""
    resumes: str = ""
    note: str = ""

    @property
    def is_installed_apart(self) -> bool:
        return bool(self.requirements or self.no_deps)


OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
}
ENGINE = Peer(
    "synthgen",
    "synthgen, whole engine",
    "",
    "engine",
    max_rows=1_000_000,
    validates="schema, repair, ask again",
    resumes="its journal",
)
PEERS = (
    ENGINE,
    Peer("bare", "bare aiohttp", "bare", "floor", max_rows=1_000_000, retries=False),
    Peer("openai-aiohttp", "AsyncOpenAI on aiohttp, by hand", "openai_aiohttp", "script", max_rows=20_000),
    Peer("openai", "AsyncOpenAI, by hand", "openai_sdk", "script", max_rows=20_000),
    Peer(
        "cookbook",
        "script in the cookbook's manner",
        "cookbook",
        "script",
        max_rows=100_000,
        note="launches one request a millisecond at most, over aiohttp's pool of 100 connections",
    ),
    Peer(
        "async-batch-llm",
        "async-batch-llm",
        "async_batch_llm",
        "library",
        requirements=("async-batch-llm[openai]==0.28.0",),
        validates="pydantic_json_parser",
        resumes="JsonlArtifactStore",
        note="cooldown 1 s instead of its 300 s, no slow start",
    ),
    Peer(
        "litellm",
        "LiteLLM, gather and semaphore",
        "litellm_gather",
        "library",
        # Later ones ask for a certifi that not every registry has.
        requirements=("litellm==1.106.0", "tenacity"),
        environment=OFFLINE,
        validates="enable_json_schema_validation",
    ),
    Peer(
        "curator",
        "Bespoke Curator",
        "curator",
        "framework",
        max_rows=100_000,
        requirements=("bespokelabs-curator==0.1.31",),
        environment={
            **OFFLINE,
            "TELEMETRY_ENABLED": "0",
            "CURATOR_VIEWER": "0",
            "CURATOR_DISABLE_RICH_DISPLAY": "1",
            "BESPOKE_CURATOR_TRACKER_DISABLED": "1",
        },
        validates="response_format",
        resumes="its cache",
    ),
    Peer(
        "data-designer",
        "NeMo Data Designer",
        "data_designer",
        "framework",
        no_deps=("data-designer==0.9.7", "data-designer-config==0.9.7", "data-designer-engine==0.9.7"),
        all_but=("certifi", "data-designer-config", "data-designer-engine"),
        environment={**OFFLINE, "NEMO_TELEMETRY_ENABLED": "false"},
        validates="LLMStructuredColumnConfig",
        resumes="its finished row groups",
    ),
    Peer(
        "sdg-hub",
        "sdg-hub",
        "sdg_hub",
        "framework",
        requirements=("sdg-hub==0.9.4",),
        environment=OFFLINE,
        validates="JSONParserBlock, which mends and drops",
        resumes="checkpoints",
    ),
    Peer(
        "distilabel",
        "distilabel",
        "distilabel",
        "framework",
        requirements=("distilabel[openai]==1.5.3", "requests"),
        environment=OFFLINE,
        resumes="its cache",
        note="waits for a whole batch before the next",
    ),
)


def peers_named(names: str | None) -> list[Peer]:
    """The peers of a list with commas, the engine always among them; all of them for None.

    Raises:
        ValueError: A name that is not known.
    """
    if names is None:
        return list(PEERS)
    wanted = {name.strip() for name in names.split(",") if name.strip()}
    if unknown := wanted - {peer.name for peer in PEERS}:
        known = ", ".join(peer.name for peer in PEERS)
        raise ValueError(f"no such peer: {', '.join(sorted(unknown))} (known: {known})")
    return [peer for peer in PEERS if peer.name in wanted or peer is ENGINE]
