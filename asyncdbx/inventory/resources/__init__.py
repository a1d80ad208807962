"""What an inventory lists: each resource, from which calls its records come.

Data and plain functions; nothing here waits. Facts on endpoints: chapter 1 of the API notes
(paths, ids, fan-outs), which name their own sources.
"""

from asyncdbx.inventory.resources.account import ACCOUNT
from asyncdbx.inventory.resources.choice import RESOURCES, choose
from asyncdbx.inventory.resources.workspace import WORKSPACE

__all__ = ["ACCOUNT", "RESOURCES", "WORKSPACE", "choose"]
