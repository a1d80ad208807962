"""What a refused call tells about the limit. Pure."""

from asyncdbx.rate_control.departures import Departures

__all__ = ["SLOWEST", "WINDOW", "let_through"]

WINDOW = 1.0  # seconds; published limits are calls per second
SLOWEST = 0.1  # calls per second; a lane below that has no rate, it is closed

REACH = 0.010  # seconds by which the network may have shifted a call out of the window

# With fewer calls let through than this, nothing has been measured yet ...
FEW = 5.0
FEW_CUT = 0.15  # ... and this share of the rate is as good as any


def let_through(
    departures: Departures, sent_at: float, rate: float, born_at: float
) -> float:
    """Return the calls per second that the server let through before it refused one.

    It is at most the pace, since more was not tried.

    Args:
        departures: Calls that left and were not refused, as far as is known.
        sent_at: When the refused call left.
        rate: The pace at that time, calls per second.
        born_at: When the first call left; the window is empty before.
    """
    reach = min(REACH, 0.25 / rate)
    calls = departures.within(sent_at - WINDOW - reach, sent_at) / WINDOW
    if calls < FEW and sent_at - born_at < WINDOW:
        calls = max(calls, FEW_CUT * rate)
    return max(SLOWEST, min(rate, calls))
