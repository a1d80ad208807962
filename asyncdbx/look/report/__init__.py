"""One page about a run of an inventory, for people: what it has, lacks and took."""

from asyncdbx.look.report.gather import Report, gather
from asyncdbx.look.report.page import render

__all__ = ["Report", "gather", "render"]
