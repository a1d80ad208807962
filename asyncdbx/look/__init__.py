"""Looking at an inventory: SQL over its tables, its runs, what changed between two of them.

It only reads. DuckDB does the work, on the files that the Delta log names.
"""

from asyncdbx.look.blocks import Block, blocks
from asyncdbx.look.changing import Changing, Entry
from asyncdbx.look.compare import Change, Comparison, Count, compare
from asyncdbx.look.duck import Kind, Result
from asyncdbx.look.fields import ABSENT, FieldChange
from asyncdbx.look.moment import Run
from asyncdbx.look.plan import Note
from asyncdbx.look.query import Tables, open_tables
from asyncdbx.look.tables import Table

__all__ = [
    "ABSENT",
    "Block",
    "Change",
    "Changing",
    "Comparison",
    "Count",
    "Entry",
    "FieldChange",
    "Kind",
    "Note",
    "Result",
    "Run",
    "Table",
    "Tables",
    "blocks",
    "compare",
    "open_tables",
]
