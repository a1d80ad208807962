"""The public face: a fleet of workspaces; call, list, walk, map."""

from asyncdbx.fleet.fleet import Fleet, find_workspaces
from asyncdbx.fleet.outcomes import Call, Outcome, Outcomes
from asyncdbx.fleet.pages import Part, RawRecord
from asyncdbx.fleet.tree import Tree, tree_of
from asyncdbx.fleet.walk import Walk
from asyncdbx.fleet.workspace import Workspace

__all__ = [
    "Call",
    "Fleet",
    "Outcome",
    "Outcomes",
    "Part",
    "RawRecord",
    "Tree",
    "Walk",
    "Workspace",
    "find_workspaces",
    "tree_of",
]
