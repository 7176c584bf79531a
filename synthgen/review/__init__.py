"""The spot check: people look at a sample of accepted rows, and say whether the rest may be trusted.

`sample` draws, `verdicts` reads what was said, `agreement` compares reviewers, `acceptance` says what the figures
prove, `status` adds all of it up from a run's journal. `session` is one reviewer's place at it; `server`, `terminal`
and `sheet` are three ways to sit there. No model is asked and no row is changed here.
"""

from synthgen.review.acceptance import AcceptanceTest, run_acceptance_test
from synthgen.review.status import ReviewStatus, read_review_status

__all__ = ["AcceptanceTest", "ReviewStatus", "read_review_status", "run_acceptance_test"]
