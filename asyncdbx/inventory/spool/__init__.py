"""The spool: what a run has fetched and what is left to fetch, in one file."""

from asyncdbx.inventory.spool.file import discard, explained, read_plan, run_moment
from asyncdbx.inventory.spool.listing import FAILED, Failure, Sample, State, Summary, Unit
from asyncdbx.inventory.spool.spool import Spool

__all__ = [
    "FAILED",
    "Failure",
    "Sample",
    "Spool",
    "State",
    "Summary",
    "Unit",
    "discard",
    "explained",
    "read_plan",
    "run_moment",
]
