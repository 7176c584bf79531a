"""An OpenAI-compatible server on loopback that is slow, limited or broken on demand: rehearse a run before paying.

It calls no model: answers are sentences from a grammar, a pure function of the seed and the prompt. It listens on
127.0.0.1 only. `Simulator` is imported on first use, so that reading the settings (the command line does) stays quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from synthgen.simulator.settings import SimulatorSettings

if TYPE_CHECKING:
    from synthgen.simulator.server import Simulator
    from synthgen.simulator.stats import Statistics

__all__ = ["Simulator", "SimulatorSettings", "Statistics"]


def __getattr__(name: str) -> Any:
    if name == "Simulator":
        from synthgen.simulator.server import Simulator

        return Simulator
    if name == "Statistics":
        from synthgen.simulator.stats import Statistics

        return Statistics
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
