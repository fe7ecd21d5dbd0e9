"""Check a data set before training: what it contains and which faults would harm a model."""

from wakeword.data.check.checker import check_dataset
from wakeword.data.check.report import CheckReport, DuplicateGroup, Finding, SplitSummary

__all__ = ["CheckReport", "DuplicateGroup", "Finding", "SplitSummary", "check_dataset"]
