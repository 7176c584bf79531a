"""The spot check: people look at a sample of accepted rows, and say whether the rest may be trusted.

`sample` draws, `verdicts` reads what was said, `agreement` compares reviewers, `gate` says what the figures prove,
`standing` adds all of it up from a run's journal. `desk` is one reviewer's place at it; `server`, `terminal` and
`sheet` are three ways to sit there. No model is asked and no row is changed here.
"""

from synthgen.review.gate import Gate, judge_gate
from synthgen.review.standing import Standing, read_standing

__all__ = ["Gate", "Standing", "judge_gate", "read_standing"]
