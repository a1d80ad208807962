"""What answers teach about a lane's limits: its rate and how many calls it takes at once.

Pure arithmetic: no clock, no I/O, time is an argument.
"""

from asyncdbx.rate_control.control import BELOW, Mode, RateControl
from asyncdbx.rate_control.departures import GROUPS, Departures
from asyncdbx.rate_control.gate import Gate
from asyncdbx.rate_control.state import NUMBERS as CONTROL_NUMBERS
from asyncdbx.rate_control.state import dump, load

__all__ = [
    "BELOW",
    "CONTROL_NUMBERS",
    "GROUPS",
    "Departures",
    "Gate",
    "Mode",
    "RateControl",
    "dump",
    "load",
]
