"""Lanes for tests: with limits that do not move, so that moments can be foretold."""

import os
import time
from pathlib import Path
from random import Random

from asyncdbx.limiter import Lane, Learned, learned_of, opened
from asyncdbx.limiter.lane_file import NUMBERS
from asyncdbx.limiter.shared import boot
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


def remember(  # noqa: PLR0913 - each a number of the record
    path: Path,
    key: str,
    *,
    limit: float = 0.0,
    rate: float = 10.0,
    ago: float = 2 * 3600.0,
    writer: float | None = None,
) -> None:
    """Put a lane into a host's memory, as a process left it so many seconds ago."""
    pid = os.getpid() if writer is None else writer
    head = (boot(), time.time() - ago, time.monotonic() - ago, pid, 0.0, limit, 0.0)
    numbers = (*head, rate)
    with opened(path) as file:
        file.record(key).write((*numbers, *(0.0,) * (NUMBERS - len(numbers))))


def remembered(path: Path) -> dict[str, Learned]:
    """Return what a host's memory says of each lane."""
    with opened(path) as file:
        return {each.key: said for each in file.records() if (said := learned_of(each))}
