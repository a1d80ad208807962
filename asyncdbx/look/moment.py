"""Which run is meant: its id, a moment, or an age. Pure."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from asyncdbx.errors import UsageError

__all__ = ["Run", "choose", "names_run", "said"]

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
AGE = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
DAY = re.compile(r"\d{4}-\d\d-\d\d")
PLACES = {"last": 1, "previous": 2}  # from the end
SHOWN = 5  # runs in an error


@dataclass(frozen=True, slots=True)
class Run:
    """A run of an inventory.

    Attributes:
        id: Begins with the time, in UTC: ``20261126T071502Z-1a2b3c4d``.
        started_at: When its first listing began; None if none did.
        ended_at: When its last listing ended; None if the run has not ended.
    """

    id: str
    started_at: datetime | None = None
    ended_at: datetime | None = None


def choose(what: str, runs: Sequence[Run], now: datetime) -> Run:
    """Return the run that is meant.

    Args:
        what: ``last``, ``previous``, the beginning of one run's id, a moment in ISO 8601
            with dashes (in UTC if it names no zone; a day is its midnight) or an age such
            as ``24h``. Of a moment, it is the last run that had ended by then.
        runs: All there are, in their order.
        now: What ages are counted from.

    Raises:
        UsageError: It is none of these, or there is no such run.
    """
    if what in PLACES:
        return _from_the_end(what, runs)
    if (at := _moment(what, now)) is not None:
        return _ended_by(at, what, runs)
    found = [run for run in runs if run.id.startswith(what)] if what else []
    exact = [run for run in found if run.id == what]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if found:
        raise UsageError(f"{what} begins several runs: {said(found)}")
    raise UsageError(f"no run begins with {what!r}; {_there_are(runs)}")


def names_run(what: str) -> bool:
    """Return whether the beginning of an id may be meant, rather than a time or a place."""
    others = what in PLACES or AGE.fullmatch(what) or DAY.match(what)
    return bool(what) and not others


def said(runs: Sequence[Run]) -> str:
    """Return the ids of runs, the last ones if there are many."""
    names = ", ".join(run.id for run in runs[-SHOWN:])
    return names if len(runs) <= SHOWN else f"{names}, and {len(runs) - SHOWN} before them"


def _from_the_end(what: str, runs: Sequence[Run]) -> Run:
    back = PLACES[what]
    if len(runs) < back:
        raise UsageError(f"there is no {what} run; {_there_are(runs)}")
    return runs[-back]


def _moment(what: str, now: datetime) -> datetime | None:
    """Return the moment that is meant; None if it is no moment but, perhaps, a run."""
    if age := AGE.fullmatch(what):
        return _explained(what, lambda: now - timedelta(**{UNITS[age[2]]: float(age[1])}))
    if DAY.match(what) is None:
        return None
    at = _explained(what, lambda: datetime.fromisoformat(what))
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _explained(what: str, moment: Callable[[], datetime]) -> datetime:
    try:
        return moment()
    except (ValueError, OverflowError):
        message = f"{what!r} is no moment; write 2026-11-25, 2026-11-25T07:00Z or 24h"
        raise UsageError(message) from None


def _ended_by(at: datetime, what: str, runs: Iterable[Run]) -> Run:
    ended = [run for run in runs if run.ended_at is not None]
    before = [run for run in ended if run.ended_at is not None and run.ended_at <= at]
    if before:
        return before[-1]
    moment = f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    why = f" ({moment})" if moment[:10] != what else ""
    raise UsageError(f"no run had ended by {what}{why}; {_there_are(ended)}")


def _there_are(runs: Sequence[Run]) -> str:
    return f"there are: {said(runs)}" if runs else "there is none"
