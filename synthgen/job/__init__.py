"""The job file: what a user asks for, as one validated value."""

from synthgen.job.checks import CheckBlock, CheckConfig, DuplicateCheck, LeakageCheck, TextCheck
from synthgen.job.model import (
    BudgetConfig,
    DataConfig,
    FieldSpec,
    Job,
    LimitsConfig,
    ModelConfig,
    PriceConfig,
    PromptConfig,
    RetryConfig,
    SeedsConfig,
    StageConfig,
    StarvationConfig,
)
from synthgen.job.override import override
from synthgen.job.source import parse_job

__all__ = [
    "BudgetConfig",
    "CheckBlock",
    "CheckConfig",
    "DataConfig",
    "DuplicateCheck",
    "FieldSpec",
    "Job",
    "LeakageCheck",
    "LimitsConfig",
    "ModelConfig",
    "PriceConfig",
    "PromptConfig",
    "RetryConfig",
    "SeedsConfig",
    "StageConfig",
    "StarvationConfig",
    "TextCheck",
    "override",
    "parse_job",
]
