"""The rate of one lane, learned from its answers. Pure: time is an argument.

A 429 is a measurement. In the second before a refused call left, the server let through
exactly what it lets through in a second; so a single refusal tells the limit, and no search
is needed. What remains is to pace evenly just below it, to look upwards now and then, and
to tell apart what a refusal can mean:

* the rate had been growing: the limit is found (``GROW`` to ``HOLD``);
* right after that: it is left over from the event, or the measure was too high, because a
  token bucket had been full;
* the rate had been held for a while: an accident of the network, or somebody shares the
  limit (``HOLD`` to ``SHARE``);
* nothing is let through at all: one call at a time asks whether it is over (``DARK``).

A call that left before the last decision teaches nothing new: one cut for each event.
"""

import math
from dataclasses import dataclass, field
from enum import IntEnum
from random import Random

from asyncdbx.rate_control.credit import Credit
from asyncdbx.rate_control.darkness import DAWN, Darkness
from asyncdbx.rate_control.departures import Departures
from asyncdbx.rate_control.growth import (
    LARGEST_STEP,
    PROBE_STEP,
    ROUND,
    SEARCH_STEP,
    Growth,
)
from asyncdbx.rate_control.measure import SLOWEST, WINDOW, let_through
from asyncdbx.rate_control.residue import SHIFT, Residue
from asyncdbx.rate_control.sharing import DECREASE, Sharing
from asyncdbx.rate_control.strays import NUDGE, Strays

__all__ = ["Mode", "RateControl"]

# Pace below the limit by this much. The network shifts arrivals by some milliseconds, and
# calls that are spaced wider than the limit by less than that meet a full window: 1 % below
# 4 % of them are refused, 2 % below one in 6,000 (a shift of 4 ms, standard deviation).
BELOW = 0.02

MARGIN = 0.020  # seconds, for the same reason, added to when a full window has room again

# The first calls leave at this share of the prior: if that is ten times too high, only half
# as many are refused before the first refusal is heard. It costs an eighth of a second.
FIRST_SHARE = 0.5
SLOWEST_START = 1.0  # calls per second

# Never pace faster than this times what the last second let through: growth by doublings
# runs ahead of its own evidence, and what it overshoots by is refused.
LEAD = 3.0

HOLD_TIME = 4.0  # seconds between two looks for more

# With Retry-After each look stops the lane: 60 times as long between two costs 1.7 %.
STOPS_APART = 60.0

# A measure that contradicts the last one by this, or that was made in the first second of a
# lane's life, may be of somebody else's doing: look again soon, whatever it costs.
SURPRISE = 0.07
YOUNG = 0.8  # seconds; a lane that begins right at its limit hears of it after 0.9
UNSURE_TIME = 1.0  # seconds

# Found, but less than this share of what was expected: others may have the rest.
FAR_BELOW = 0.5

# A measure is at least this share of what was known before it.
LEAST_OF_KNOWN = 0.5

# After a cut: until the server's second is over, and at least so many calls.
SETTLE_CALLS = 8.0


class Mode(IntEnum):
    """What a lane's rate is doing."""

    GROW = 0
    HOLD = 1
    SHARE = 2
    DARK = 3


@dataclass(slots=True, eq=False)
class RateControl:
    """Finds the rate of one lane and keeps just below it.

    Attributes:
        prior: Published or otherwise expected limit, calls per second.
        most: Never faster than this, calls per second.
        limit: What the server was last measured to let through; 0 if never. Given at
            the start, it is what an earlier run has learned.
        rng: Source of jitter.
        rate: How fast calls may leave, evenly, in calls per second.
        paused_until: Time before which none may leave.
        mode: What the rate is doing.
        departures: What left during the last seconds.
        credit, growth, residue, strays, sharing, darkness: See there.
        born_at: When the first call left; -1 before.
        held_back: A call has waited for nothing but the rate since the last step.
        cut_at: When the rate was last decided on; calls that left before teach nothing.
        settled_at: Until then a refusal may be left over from the last cut.
        emptied_at: When a call left that found the limit used up.
        calls: Let through since, as far as is known.
        stop: Seconds of the last Retry-After.
        unsure: The last measure may be of somebody else's doing: look again soon.
        crowded: Found far below the prior, so others may have the rest: share.
        owed: A measure was taken back, so the next look need not be paid for.
        bursty: The server has a token bucket: what is not used is saved up. Learned, too.
        corrected: The last measure is no longer to be taken for a full bucket's.
        measured: It became dark right after a measure, which holds when it is over.
    """

    prior: float
    most: float = math.inf
    limit: float = 0.0
    rng: Random = field(default_factory=Random)
    rate: float = 0.0
    paused_until: float = 0.0
    mode: Mode = Mode.GROW
    departures: Departures = field(default_factory=Departures)
    credit: Credit = field(default_factory=Credit)
    growth: Growth = field(default_factory=Growth)
    residue: Residue = field(default_factory=Residue)
    strays: Strays = field(default_factory=Strays)
    sharing: Sharing = field(default_factory=Sharing)
    darkness: Darkness = field(default_factory=Darkness)
    born_at: float = -1.0
    held_back: bool = False
    cut_at: float = -1.0
    settled_at: float = 0.0
    emptied_at: float = 0.0
    calls: float = 0.0
    stop: float = 0.0
    unsure: bool = False
    crowded: bool = False
    owed: bool = False
    bursty: bool = False
    corrected: bool = False
    measured: bool = False

    def __post_init__(self) -> None:
        self.prior = max(SLOWEST, min(self.prior, self.most))
        if self.limit:
            self.mode = Mode.HOLD
            self.credit.balance = 0.0  # it need not look at once
            self.sharing.peak = self.limit
            self._set_rate((1 - BELOW) * self.limit)
        else:
            self._set_rate(max(SLOWEST_START, FIRST_SHARE * self.prior))

    @property
    def one_by_one(self) -> bool:
        """Return whether only one may be in flight: it asks if the darkness is over."""
        return self.mode == Mode.DARK

    # --- what happens -------------------------------------------------------------------

    def hold_back(self) -> None:
        """Note that a call waits for nothing but the rate: only then may the rate grow."""
        self.held_back = True

    def send(self, now: float) -> None:
        """Note a call that leaves now (time in seconds)."""
        if self.born_at < 0:
            self.born_at = self.cut_at = now
        self.departures.add(now)
        self.calls += 1
        self.growth.calls += 1

    def accept(self, sent_at: float, now: float) -> None:
        """Learn from a call that was let through.

        Args:
            sent_at: When it left.
            now: Time, seconds.
        """
        self.credit.earn()
        self.darkness.accept(sent_at)
        if self.mode == Mode.DARK:
            if sent_at >= self.darkness.since:
                self._dawn(sent_at, now)
        elif not self.held_back:
            return
        elif self.mode == Mode.HOLD:
            self._look(now)
        elif self.mode == Mode.SHARE:
            self._increase(now)
        elif self.growth.round_ends(sent_at, now, self.rate):
            self._grow(now)

    def refuse(self, sent_at: float, now: float, retry_after: float | None = None) -> None:
        """Learn from a 429.

        Args:
            sent_at: When the refused call left.
            now: Time, seconds.
            retry_after: Seconds the server asked for; None if it did not say.
        """
        self.departures.refuse(sent_at)
        self.calls -= 1
        self.growth.calls -= 1
        if retry_after:
            self.stop = retry_after
            self.pause(now + retry_after * (1 + 0.1 * self.rng.random()))
        if self.mode != Mode.HOLD or now < self.settled_at:
            self.credit.pay(self.rate)
        if self.mode == Mode.DARK:
            if sent_at > self.darkness.since:
                self._darken(now)
        elif sent_at <= self.cut_at:
            return
        elif self.darkness.falls(sent_at):
            self.measured = now < self.settled_at and not self.corrected
            self._darken(now)
        elif self.mode == Mode.GROW:
            self._find(sent_at, now)
        elif now < self.settled_at:
            self._settle(sent_at, now)
        elif self.mode == Mode.HOLD:
            self._meet(sent_at, now)
        else:
            self._hit(sent_at, now)

    def pause(self, until: float) -> None:
        """Let nothing leave before a time."""
        self.paused_until = max(self.paused_until, until)

    # --- growing ------------------------------------------------------------------------

    def _look(self, now: float) -> None:
        """Begin to grow if it is time, and the refusal it will end with is paid for."""
        held = now - max(self.cut_at, self.paused_until)
        if self.rate >= self.most or held < UNSURE_TIME:
            return
        if self.crowded:
            self._begin_to_share(now)
        elif self.unsure:
            self._begin(now, SEARCH_STEP, before=0.0)
        elif held >= max(HOLD_TIME, STOPS_APART * self.stop) and (
            self.owed or self.credit.affords_a_look
        ):
            self._begin(now, PROBE_STEP, before=self.limit)

    def _begin(self, now: float, step: float, *, before: float) -> None:
        self.growth = Growth(step, now, before, now, now - self.cut_at)
        self.mode = Mode.GROW
        self.cut_at = now
        self.held_back = self.unsure = self.owed = False

    def _grow(self, now: float) -> None:
        growth = self.growth
        if not growth.step:
            self._set_rate(max(self.rate, self.prior))
            growth.step = SEARCH_STEP
        else:
            rate = min(self.rate * (1 + growth.step), LEAD * self._lately(now))
            if self.bursty and growth.is_saved_up(now):
                rate = growth.drained(rate)
            self._set_rate(max(self.rate, rate))
            growth.step = min(LARGEST_STEP, 2 * growth.step)
        growth.round_at = now
        self.held_back = False

    def _lately(self, now: float) -> float:
        """Return the calls per second of the last second, or of a life that is shorter."""
        life = min(WINDOW, max(0.1, now - self.born_at))
        return self.departures.within(now - WINDOW, now) / life

    # --- finding the limit --------------------------------------------------------------

    def _find(self, sent_at: float, now: float) -> None:
        """Growing was refused: here is the limit."""
        before = self.growth.before
        if before:
            # Between two moments at which it was empty a bucket let through its refill.
            refilled = self.calls / max(WINDOW, sent_at - self.emptied_at)
            before = self.growth.before = max(before, refilled)
        if self.bursty and self.growth.is_saved_up(sent_at):
            self._cut(before, sent_at, now)
            self.corrected = True
            return
        self.bursty = self.bursty and not before
        limit = self._measure(sent_at)
        changed = bool(self.limit) and abs(limit - self.limit) > max(
            1.01, SURPRISE * self.limit
        )
        young = sent_at - self.born_at < YOUNG
        far_below = limit < FAR_BELOW * self.prior
        if changed and limit < self.limit:
            self.sharing.agreeing = 0.0
            self._share(limit, sent_at, now)
        elif far_below and not changed and not young:
            self.sharing.agreeing = 1.0
            self._share(limit, sent_at, now)
        else:
            self._keep(limit, sent_at, now)
            self.unsure = young or (changed and bool(before))
            self.crowded = far_below and not self.unsure

    def _keep(self, limit: float, sent_at: float, now: float) -> None:
        """Hold the rate below a limit that is ours alone."""
        self._cut(limit, sent_at, now)
        self.corrected = False
        self._make_room(sent_at, now)

    def _measure(self, sent_at: float) -> float:
        """Return what the server let through before it refused a call.

        A lane that had little to do, or that had been paused, sent less than it might
        have: then it is no measure, and half of what was known is the least to believe.
        """
        known = self.growth.before if self.mode == Mode.GROW else self.rate
        found = let_through(self.departures, sent_at, self.rate, self.born_at)
        return max(found, LEAST_OF_KNOWN * known)

    def _cut(
        self, limit: float, sent_at: float, now: float, most: float = math.inf
    ) -> None:
        """Hold the rate below a limit that a call refused just now has shown."""
        self._set_rate(min(most, (1 - BELOW) * limit))
        self.limit = limit
        self.crowded = False
        self.sharing.remember(limit)
        self.mode = Mode.HOLD
        self.cut_at = now
        self.emptied_at, self.calls = sent_at, 0.0
        self.residue = Residue()
        self._begin_to_settle(now)

    def _begin_to_settle(self, now: float) -> None:
        wait = max(WINDOW, SETTLE_CALLS / self.rate)
        self.settled_at = max(now, self.paused_until) + wait

    def _make_room(self, sent_at: float, now: float) -> None:
        """Wait until an even pace meets a window with room for each call."""
        start = self.departures.next_start(self.rate, sent_at, MARGIN)
        self.pause(min(start, now + WINDOW))
        self._begin_to_settle(now)

    def _set_rate(self, rate: float) -> None:
        self.rate = max(SLOWEST, min(rate, self.most))

    # --- refused right after a cut ------------------------------------------------------

    def _settle(self, sent_at: float, now: float) -> None:
        """Step aside for what is left of the event, or correct the measure."""
        residue = self.residue
        if not residue.note(sent_at):
            return
        calls = self.departures.within(residue.first - 1e-9, sent_at)
        if self.corrected:
            true = self.rate / 2
        else:
            true = max(self.growth.before, self.departures.refilled(sent_at))
        if residue.convicts(calls, self.limit, true):
            self._correct(true, residue.share(calls), sent_at, now)
        else:
            self.pause(now + SHIFT)
            residue.shifted_at = now

    def _correct(self, true: float, share: float, sent_at: float, now: float) -> None:
        """Take back a measure that the answers since have shown to be too high."""
        mode, limit = self.mode, self._measure(sent_at)
        if self.corrected:
            self._cut(limit, sent_at, now, self.rate * max(0.5, 1 - share))
        else:
            self._cut(max(SLOWEST, min(limit, true)), sent_at, now)
            self.corrected = self.bursty = True
            self.unsure = False
        self.owed = True
        if mode == Mode.SHARE:
            self.mode = mode
            self.growth.round_at = now

    # --- sharing ------------------------------------------------------------------------

    def _meet(self, sent_at: float, now: float) -> None:
        """Refused out of the blue: tell an accident from somebody who shares the limit."""
        if self.strays.is_accident(now, self.rate):
            self._set_rate((1 - NUDGE) * self.rate)
            return
        self.strays = Strays()
        self.sharing.agreeing = 0.0
        self._share(self._measure(sent_at), sent_at, now)

    def _share(self, limit: float, sent_at: float, now: float) -> None:
        """Give way, and come back slowly."""
        self._cut(limit, sent_at, now, (1 - DECREASE) * self.rate)
        self._begin_to_share(now)
        self._make_room(sent_at, now)

    def _begin_to_share(self, now: float) -> None:
        self.mode = Mode.SHARE
        self.corrected = True
        self.growth.round_at = now
        self.held_back = False

    def _hit(self, sent_at: float, now: float) -> None:
        """Refused while sharing: give way, unless nobody is there any more."""
        limit = self._measure(sent_at)
        if self.sharing.is_alone(limit, self.limit):
            self._keep(limit, sent_at, now)
        else:
            self._share(limit, sent_at, now)

    def _increase(self, now: float) -> None:
        elapsed = now - self.growth.round_at
        if elapsed < ROUND:
            return
        if now > self.settled_at:
            speed = self.sharing.increase(self.prior, now - self.cut_at)
            step = speed * min(elapsed, 2 * ROUND)
            self._set_rate(self.rate + min(step, self.rate))
        self.growth.round_at = now
        self.held_back = False

    # --- darkness -----------------------------------------------------------------------

    def _darken(self, now: float) -> None:
        """Let a single call ask, after a pause."""
        self.mode = Mode.DARK
        self.pause(now + self.darkness.pause(now, self.rng))

    def _dawn(self, sent_at: float, now: float) -> None:
        """Go on with what had just been measured, or search anew from far below."""
        if self.measured:
            self.mode = Mode.HOLD
            self.cut_at = now
            self.held_back = False
            self._begin_to_settle(now)
            return
        self._set_rate(DAWN * self.rate)
        self.limit = 0.0
        self.born_at = sent_at
        self._begin(now, SEARCH_STEP, before=0.0)
