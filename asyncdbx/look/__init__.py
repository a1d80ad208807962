"""Looking at an inventory: SQL over its tables, its runs.

It only reads. DuckDB does the work, on the files that the Delta log names.
"""

from asyncdbx.look.duck import Kind, Result
from asyncdbx.look.moment import Run
from asyncdbx.look.query import Tables, open_tables
from asyncdbx.look.tables import Table

__all__ = ["Kind", "Result", "Run", "Table", "Tables", "open_tables"]
