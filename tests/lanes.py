"""Lanes for tests: with limits that do not move, so that moments can be foretold."""

from random import Random

from asyncdbx.limiter import Lane
from asyncdbx.rate_control import RateControl
from asyncdbx.rate_control.control import BELOW


def fixed_lane(group: str, workspace: str, rate: float | None, most: int = 1000) -> Lane:
    """Return a lane that is held to a rate; of None, one that is unlimited."""
    lane = Lane(group, workspace, most)
    if rate is not None:
        learned = rate / (1 - BELOW)
        lane = Lane.limited(group, workspace, most, rate, firm=True, learned=learned)
        assert isinstance(lane.control, RateControl)
        lane.control.rng = Random(1)  # noqa: S311 - reproducible pauses
    lane.gate.limit = most
    return lane
