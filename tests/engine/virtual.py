"""Whole runs in virtual time: the engine, the journal and the provider are the real ones, time and the wire are not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.stage import write_job
from bench.virtual import VirtualProvider, VirtualTransport, run_virtually
from synthgen.api import load_prepared
from synthgen.engine.events import Event
from synthgen.engine.running.run import RunResult, run_job
from synthgen.job import ModelConfig
from synthgen.simulator.api import Api
from synthgen.simulator.settings import SimulatorSettings
from synthgen.simulator.stats import Statistics

__all__ = ["Played", "Scene", "run_virtually"]

Script = Sequence[tuple[float, str, Mapping[str, Any]]]


@dataclass(frozen=True)
class Played:
    """What came of a session.

    Attributes:
        result: As the engine tells it.
        lasted_s: Virtual seconds.
        stats: Of each server, by name.
        events: All of them, with their times.
    """

    result: RunResult
    lasted_s: float
    stats: Mapping[str, Statistics]
    events: Sequence[tuple[float, Event]]

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for _, event in self.events if isinstance(event, kind)]


@dataclass
class Scene:
    """A job, and servers with a name each.

    Attributes:
        folder: Of job, data and run.
        servers: Settings of each server.
        rows: Wanted.
        model: Keys of each model entry, by the server's name; `""` for all.
        changes: Of the job's other keys.
    """

    folder: Path
    servers: Mapping[str, Mapping[str, Any]]
    rows: int = 200
    model: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    wrap: Callable[[VirtualProvider], VirtualProvider] = lambda provider: provider

    def play(self, script: Script = (), *, out: str = "out") -> Played:
        """One session. `script` changes servers' settings at times: seconds, name, changes."""
        models = [
            {"provider": "openai", "model": "sim", "base_url": f"http://{name}/v1", "timeout_s": 30}
            | dict(self.model.get("", {}))
            | dict(self.model.get(name, {}))
            for name in self.servers
        ]
        job = write_job(self.folder, "http://none/v1", rows=self.rows, models=models, **self.changes)
        prepared = load_prepared(job)
        events: list[tuple[float, Event]] = []

        async def main() -> Played:
            loop = asyncio.get_running_loop()
            apis = {
                name: Api(SimulatorSettings(**{"latency_s": 0.5, "latency_kind": "jitter", **settings}), loop.time)
                for name, settings in self.servers.items()
            }
            for at_s, name, changes in script:
                loop.call_later(at_s, apis[name].apply, changes)

            def open_provider(config: ModelConfig) -> VirtualProvider:
                name = config.base_url.removeprefix("http://").partition("/")[0]
                return self.wrap(VirtualProvider(config, VirtualTransport(apis[name])))

            result = await run_job(
                prepared,
                self.folder / out,
                open_provider=open_provider,
                observe=lambda event: events.append((loop.time(), event)),
            )
            return Played(result, loop.time(), {n: a.statistics() for n, a in apis.items()}, events)

        return run_virtually(main)
