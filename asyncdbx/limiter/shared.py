"""A rate control that processes of one host take turns with: its state is in a file.

Who is alone keeps the control to himself and writes it down now and then. While others are
there, what happens on the lane is told to the common control in small batches, so that a
call costs no lock of its own, and each departure is a place in a common queue.
"""

import itertools
import math
import os
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from asyncdbx.limiter.lane_file import FORGET, NUMBERS, Record
from asyncdbx.rate_control import CONTROL_NUMBERS, Mode, RateControl, dump, load

__all__ = ["Learned", "SharedControl", "learned_of"]

BATCH = 0.020  # seconds between two exchanges with others, for what is no refusal
ALONE = 0.500  # seconds between two times of writing down what nobody waits for
LIVE = 60.0  # seconds after which a record is a memory, and nobody goes on with it
PRESENT = 2.0  # seconds after which a process that writes nothing is gone
SANE = 1e6  # calls per second
MOST_EVENTS = 1_000  # noted while a record cannot be had

# What happens: a name and the arguments of a control's method.
Event = tuple[str, float, float, float | None]

_numbers = itertools.count()  # tells the controls of one process apart

# Before the control's own numbers: see ``Learned``.
HEAD = 7
WRITER = 3


@dataclass(frozen=True, slots=True)
class Learned:
    """What a record says of its lane.

    Attributes:
        boot: Which start of the machine its times count from.
        wall: When it was written, seconds since 1970.
        written_at: The same in loop time, seconds.
        writer: Process that wrote it.
        next_at: Loop time of the next free place for a departure.
        limit: The limit as measured, calls per second; 0 if it never was.
        bursty: 1 if the server has a token bucket.
        rate: The rate then, calls per second.
    """

    boot: float
    wall: float
    written_at: float
    writer: float
    next_at: float
    limit: float
    bursty: float
    rate: float

    def is_live(self, now: float) -> bool:
        """Return whether somebody is using the lane now, or was a moment ago.

        Another process can be ahead by milliseconds: a loop looks at its clock once a turn.
        """
        return self.boot == boot() and abs(now - self.written_at) < LIVE

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
    return said if sane and 0 <= said.limit <= SANE and said.age() < FORGET else None


class SharedControl:
    """Does what a ``RateControl`` does, together with other processes.

    Args:
        record: The lane's place in the file.
        control: This process's idea of the lane, with its prior; not used yet.
        now: Loop time, seconds.
    """

    __slots__ = (
        "_control",
        "_events",
        "_flushed_at",
        "_held_back",
        "_looked_at",
        "_next_at",
        "_others_until",
        "_record",
        "_writer",
    )

    def __init__(self, record: Record, control: RateControl, now: float) -> None:
        self._record = record
        self._control = control
        self._events: list[Event] = []
        self._flushed_at = self._looked_at = now
        self._held_back = False
        self._others_until = -math.inf
        self._next_at = 0.0
        self._writer = os.getpid() + next(_numbers) / 2**20
        with record.locked():
            self._join(now)

    @property
    def rate(self) -> float:
        """As of a ``RateControl``: the common rate, or what this process is held to."""
        return min(self._control.rate, self._control.most)

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
        if self._control.rate <= self._control.most:  # else it is we who hold back
            self._held_back = True
            self._control.hold_back()

    def send(self, now: float) -> None:
        """As of a ``RateControl``."""
        self._note(("send", now, now, None))

    def accept(self, sent_at: float, now: float) -> None:
        """As of a ``RateControl``."""
        self._note(("accept", sent_at, now, None))

    def refuse(self, sent_at: float, now: float, retry_after: float | None = None) -> None:
        """As of a ``RateControl``; told to the others at once."""
        self._note(("refuse", sent_at, now, retry_after))
        self._flush(now)

    def catch_up(self, now: float) -> None:
        """Exchange news with the others, if the last time is a moment ago.

        Args:
            now: Loop time, seconds.
        """
        if now - self._looked_at < BATCH:
            return
        self._looked_at = now
        quiet = self._is_alone(now) and self._record.number(WRITER) == self._writer
        if not quiet or now - self._flushed_at >= ALONE:
            self._flush(now)

    def _is_alone(self, now: float) -> bool:
        return now >= self._others_until

    def _note(self, event: Event) -> None:
        now = event[2]
        self._events.append(event)
        if self._is_alone(now):
            self._apply(event)
        self.catch_up(now)

    def _apply(self, event: Event) -> None:
        what, sent_at, now, retry_after = event
        if what == "send":
            self._control.send(now)
        elif what == "accept":
            self._control.accept(sent_at, now)
        else:
            self._control.refuse(self._told(sent_at), now, retry_after)

    def _told(self, sent_at: float) -> float:
        """Return when a refused call left, as far as it can teach something.

        A call that left after another process had cut the rate, but before we heard of
        that, says as little as one that left before the cut.
        """
        if self._flushed_at >= self._control.cut_at:
            return sent_at
        return min(sent_at, self._flushed_at)

    def reserve(self, now: float) -> float:
        """Return from when on a call may leave: now, or in its turn among the others'.

        Args:
            now: Loop time, seconds.
        """
        if self._is_alone(now):
            return now
        with self._record.locked() as held:
            if not held:
                return now
            self._take_over(now)
            turn = max(now, self._next_at)
            self._next_at = turn + 1 / self.rate
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
        if said is not None and said.limit and not said.is_live(now):
            control = RateControl(control.prior, control.most, said.limit, control.rng)
            control.bursty = bool(said.bursty)
        control.departures = self._record.departures()
        self._control = control
        if said is not None and said.is_live(now):
            self._take_over(now)
        self._tell(now)

    def _flush(self, now: float) -> None:
        """Tell what has happened since the last time, and hear what the others know."""
        done = self._is_alone(now)  # it has been told to our own control at once
        with self._record.locked() as held:
            if not held and not done and len(self._events) < MOST_EVENTS:
                return  # its holder has been stopped; later, or for ourselves alone
            if held and self._take_over(now):
                done = False
            if not done:
                self._retell()
            self._events.clear()
            self._held_back = False
            if held:
                self._tell(now)
        self._flushed_at = self._looked_at = now

    def _retell(self) -> None:
        if self._held_back:
            self._control.hold_back()
        for event in self._events:
            self._apply(event)

    def _take_over(self, now: float) -> bool:
        """Make what the others have found out our own; return if there was anything."""
        numbers = self._record.read()
        said = None if numbers is None else _learned(numbers)
        if numbers is None or said is None or not said.is_live(now):
            return False
        if said.writer == self._writer:
            return False
        if now - said.written_at < PRESENT:
            self._others_until = now + PRESENT
        load(self._control, numbers[HEAD : HEAD + CONTROL_NUMBERS])
        self._next_at = said.next_at
        return True

    def _tell(self, now: float) -> None:
        control = self._control
        known = control.limit if control.mode != Mode.SHARE else control.sharing.peak
        head = (
            boot(),
            time.time(),
            now,
            self._writer,
            self._next_at,
            known,
            control.bursty,
        )
        numbers = (*head, *dump(control))
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
