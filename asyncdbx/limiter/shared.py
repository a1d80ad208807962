"""A rate control that processes of one host take turns with: its state is in a file.

What happens on the lane is noted and told to the common control in small batches, so that a
call costs no lock of its own. While others are there, each departure is a place in a common
queue; who is alone needs none.
"""

import itertools
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from asyncdbx.limiter.lane_file import NUMBERS, Record
from asyncdbx.rate_control import CONTROL_NUMBERS, Mode, RateControl, dump, load

__all__ = ["Learned", "SharedControl", "learned_of"]

BATCH = 0.020  # seconds for which what happens is only noted
LIVE = 60.0  # seconds after which a record is a memory, and nobody goes on with it
PRESENT = 2.0  # seconds after which a process that writes nothing is gone
KEEP = 30 * 86_400.0  # seconds after which a memory is too old
SANE = 1e6  # calls per second
MOST_EVENTS = 1_000  # noted while a record cannot be had

_numbers = itertools.count()  # tells the controls of one process apart

# Before the control's own numbers: see ``Learned``.
HEAD = 7


@dataclass(frozen=True, slots=True)
class Learned:
    """What a record says of its lane.

    Attributes:
        boot: Which start of the machine its times count from.
        wall: When it was written, seconds since 1970.
        written_at: The same in loop time, seconds.
        writer: Process that wrote it.
        window: Seconds over which its lane counts.
        next_at: Loop time of the next free place for a departure.
        limit: The limit as measured, calls per second; 0 if it never was.
        rate: The rate then, calls per window.
    """

    boot: float
    wall: float
    written_at: float
    writer: float
    window: float
    next_at: float
    limit: float
    rate: float

    def is_live(self, now: float) -> bool:
        """Return whether somebody is using the lane now, or was a moment ago."""
        return self.boot == boot() and 0 <= now - self.written_at < LIVE

    def age(self) -> float:
        """Return the seconds since it was written."""
        return max(0.0, time.time() - self.wall)


def learned_of(record: Record) -> Learned | None:
    """Return what a record says; None if it says nothing that can be used."""
    numbers = record.read()
    return None if numbers is None else _learned(numbers)


def _learned(numbers: tuple[float, ...]) -> Learned | None:
    said = Learned(*numbers[: HEAD + 1])
    sane = all(map(math.isfinite, numbers)) and 0 < said.rate <= SANE
    return said if sane and 0 <= said.limit <= SANE and said.age() < KEEP else None


class SharedControl:
    """Does what a ``RateControl`` does, together with other processes.

    Times are in the control's unit, the lane's window, unless they are said to be seconds.

    Args:
        record: The lane's place in the file.
        control: This process's idea of the lane, with its prior; not used yet.
        window: Seconds over which the lane counts.
        now: Loop time, seconds.
    """

    __slots__ = (
        "_control",
        "_events",
        "_flushed_at",
        "_held_back",
        "_next_at",
        "_others_until",
        "_record",
        "_window",
        "_writer",
    )

    def __init__(
        self, record: Record, control: RateControl, window: float, now: float
    ) -> None:
        self._record = record
        self._control = control
        self._window = window
        self._events: list[Callable[[], None]] = []
        self._flushed_at = now
        self._held_back = False
        self._others_until = -math.inf
        self._next_at = 0.0
        self._writer = os.getpid() + next(_numbers) / 2**20
        with record.locked():
            self._join(now)

    @property
    def rate(self) -> float:
        """As of a ``RateControl``."""
        return self._control.rate

    @property
    def limit(self) -> float:
        """As of a ``RateControl``."""
        return self._control.limit

    @property
    def mode(self) -> Mode:
        """As of a ``RateControl``."""
        return self._control.mode

    @property
    def paused_until(self) -> float:
        """As of a ``RateControl``."""
        return self._control.paused_until

    @property
    def one_by_one(self) -> bool:
        """As of a ``RateControl``."""
        return self._control.one_by_one

    def hold_back(self) -> None:
        """As of a ``RateControl``."""
        self._held_back = True

    def send(self, now: float) -> None:
        """As of a ``RateControl``."""
        self._events.append(partial(self._control.send, now))
        self.catch_up(now * self._window)

    def accept(self, sent_at: float, now: float) -> None:
        """As of a ``RateControl``."""
        self._events.append(partial(self._control.accept, sent_at, now))
        self.catch_up(now * self._window)

    def refuse(self, sent_at: float, now: float, retry_after: float | None = None) -> None:
        """As of a ``RateControl``; told to the others at once."""
        self._events.append(partial(self._control.refuse, sent_at, now, retry_after))
        self._flush(now * self._window)

    def catch_up(self, now: float) -> None:
        """Exchange news with the others, if the last time is a moment ago.

        Args:
            now: Loop time, seconds.
        """
        if now - self._flushed_at >= BATCH:
            self._flush(now)

    def reserve(self, now: float) -> float:
        """Return from when on a call may leave: now, or in its turn among the others'.

        Args:
            now: Loop time, seconds.
        """
        if now >= self._others_until:
            return now
        with self._record.locked() as held:
            if not held:
                return now
            self._take_over(now)
            turn = max(now, self._next_at)
            self._next_at = turn + self._window / self._control.rate
            self._tell(now)
        return turn

    def close(self, now: float) -> None:
        """Leave behind what has been learned (``now`` in seconds)."""
        self._flush(now)

    # --- the file -----------------------------------------------------------------------

    def _join(self, now: float) -> None:
        """Go on with a lane that lives, or begin with what is remembered of it."""
        control, numbers = self._control, self._record.read()
        said = None if numbers is None else _learned(numbers)
        usable = said is not None and said.window == self._window
        if usable and said is not None and not said.is_live(now) and said.limit:
            limit = said.limit * self._window
            control = RateControl(control.prior, control.most, limit, control.rng)
        control.departures = self._record.departures()
        self._control = control
        if usable and said is not None and said.is_live(now):
            self._take_over(now)
        self._tell(now)

    def _flush(self, now: float) -> None:
        with self._record.locked() as held:
            if not held and len(self._events) < MOST_EVENTS:
                return  # its holder is stopped; next time, or for ourselves alone
            if held:
                self._take_over(now)
            if self._held_back:
                self._control.hold_back()
                self._held_back = False
            for event in self._events:
                event()
            self._events.clear()
            if held:
                self._tell(now)
        self._flushed_at = now

    def _take_over(self, now: float) -> None:
        """Make what the others have found out our own."""
        numbers = self._record.read()
        said = None if numbers is None else _learned(numbers)
        if numbers is None or said is None or not said.is_live(now):
            return
        if said.writer != self._writer and now - said.written_at < PRESENT:
            self._others_until = now + PRESENT
        load(self._control, numbers[HEAD : HEAD + CONTROL_NUMBERS])
        self._next_at = said.next_at

    def _tell(self, now: float) -> None:
        control = self._control
        known = control.limit if control.mode != Mode.SHARE else control.sharing.peak
        head = (boot(), time.time(), now, self._writer, self._window, self._next_at)
        numbers = (*head, known / self._window, *dump(control))
        self._record.write((*numbers, *(0.0,) * (NUMBERS - len(numbers))))


@cache
def boot() -> float:
    """Return a number that stands for this start of the machine.

    Times of the loop count from it, so they mean nothing in a file after the next one.
    """
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text("ascii")
    except OSError:  # not Linux: to the minute
        return float(round((time.time() - time.monotonic()) / 60))
    return float(int(text.replace("-", "")[:12], 16))
