"""The spool: what a run has fetched and what is left to fetch, in one file."""

from asyncdbx.inventory.spool.file import discard
from asyncdbx.inventory.spool.listing import Failure, State, Summary, Unit
from asyncdbx.inventory.spool.spool import Spool

__all__ = ["Failure", "Spool", "State", "Summary", "Unit", "discard"]
