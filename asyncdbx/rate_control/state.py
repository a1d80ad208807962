"""A rate control as a row of numbers, so that several processes can take turns with it."""

from collections.abc import Sequence
from operator import attrgetter

from asyncdbx.rate_control.control import Mode, RateControl

__all__ = ["NUMBERS", "dump", "load"]

OWN = (
    "rate",
    "limit",
    "paused_until",
    "born_at",
    "cut_at",
    "settled_at",
    "emptied_at",
    "calls",
    "stop",
)
FLAGS = ("held_back", "unsure", "crowded", "owed", "bursty", "corrected", "measured")
PARTS = {
    "credit": ("balance",),
    "growth": ("step", "round_at", "before", "began_at", "held", "calls"),
    "residue": ("refused", "first", "shifted_at"),
    "strays": ("count", "counted_at"),
    "sharing": ("agreeing", "peak"),
    "darkness": ("last_accepted", "in_a_row", "pauses", "since"),
}
_NAMES = (
    *OWN,
    *FLAGS,
    *(f"{part}.{name}" for part, names in PARTS.items() for name in names),
    "mode",
    "departures.made",
)
_values = attrgetter(*_NAMES)

NUMBERS = len(_NAMES)


def dump(control: RateControl) -> Sequence[float]:
    """Return everything that a control knows, but what left (``departures``)."""
    return _values(control)


def load(control: RateControl, numbers: Sequence[float]) -> None:
    """Make a control know what another one knew.

    Args:
        control: Keeps its own prior and its own ``most``.
        numbers: What ``dump`` returned.
    """
    values = iter(numbers)
    for name in OWN:
        setattr(control, name, next(values))
    for name in FLAGS:
        setattr(control, name, bool(next(values)))
    for part, names in PARTS.items():
        target = getattr(control, part)
        for name in names:
            setattr(target, name, next(values))
    control.mode = Mode(int(next(values)))
    control.departures.made = int(next(values))
