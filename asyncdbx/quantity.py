"""Durations and rates as people read them."""

__all__ = ["age_text", "rate_text", "seconds_text"]

MINUTE, HOUR, DAY = 60, 3600, 86_400  # seconds


def seconds_text(seconds: float) -> str:
    """Return a duration: ``42 s``, ``3:05 min``, ``2:10 h``."""
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    if whole < 6_000:
        return f"{whole // MINUTE}:{whole % MINUTE:02} min"
    return f"{whole // HOUR}:{whole % HOUR // MINUTE:02} h"


def age_text(seconds: float) -> str:
    """Return how long ago something was, in one unit: ``42 s``, ``5 min``, ``3 h``."""
    for unit, size, until in (
        ("s", 1, 2 * MINUTE),
        ("min", MINUTE, 2 * HOUR),
        ("h", HOUR, 2 * DAY),
    ):
        if seconds < until:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds // DAY)} d"


def rate_text(rate: float | None) -> str:
    """Return calls per second to three digits; ``none`` if there is no limit."""
    if rate is None:
        return "none"
    return f"{rate:.0f}" if rate >= 100 else f"{rate:.3g}"
