"""The command line: each command parses, calls one function, prints.

Nothing heavy is imported here: ``asyncdbx --help`` must answer at once.
"""

from asyncdbx.cli.app import main

__all__ = ["main"]
