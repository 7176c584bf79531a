"""Personal data in texts: where it stands, what may take its place. Knows nothing of jobs' rows, runs or models."""

from synthgen.privacy.finding import Detector, Finding
from synthgen.privacy.opening import open_detector
from synthgen.privacy.redaction import NOTHING, Redaction, describe, redact_rows, replace_findings
from synthgen.privacy.surrogates import StandIns, is_set_aside

__all__ = [
    "NOTHING",
    "Detector",
    "Finding",
    "Redaction",
    "StandIns",
    "describe",
    "is_set_aside",
    "open_detector",
    "redact_rows",
    "replace_findings",
]
