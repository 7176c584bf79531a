"""Which class, seeds, attributes and sampling seed each slot of the endless sequence gets: a pure function of the job.

A slot is named by its class and its *ordinal* within the class. Nothing about a slot depends on the other classes or
on the targets, so raising a target or adding a class never changes a slot that was already paid for.
"""

from synthgen.plan.interleaving import Interleaving
from synthgen.plan.planner import Planner

__all__ = ["Interleaving", "Planner"]
