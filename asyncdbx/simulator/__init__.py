"""A local Databricks that enforces its limits: real sockets, seeded state, no cloud.

    async with Simulator(workspaces=3, scale=0.1) as fleet:
        prod = fleet.workspaces[0]
        prod.host, prod.token          # for any client
        prod.truth("clusters")         # what a complete inventory must hold
        prod.stats()["dbfs"]           # what the lane let through and refused

It shares no code with the client it tests, so that a mistake would have to be made twice.
"""

from asyncdbx.simulator.faults import Fault
from asyncdbx.simulator.fleet import Settings, Simulator
from asyncdbx.simulator.identity import IdentityHost
from asyncdbx.simulator.ledger import Calls
from asyncdbx.simulator.logins import Logins
from asyncdbx.simulator.quota import LaneStats
from asyncdbx.simulator.workspace import SimulatedWorkspace
from asyncdbx.simulator.world import Row

__all__ = [
    "Calls",
    "Fault",
    "IdentityHost",
    "LaneStats",
    "Logins",
    "Row",
    "Settings",
    "SimulatedWorkspace",
    "Simulator",
]
