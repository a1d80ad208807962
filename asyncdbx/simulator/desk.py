"""Decides what a host answers: credential, faults, limits, route, handler. No sockets."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import Literal
from urllib.parse import parse_qsl

from asyncdbx.simulator import failures
from asyncdbx.simulator.call import Call, Refusal, Reply, missing, sent
from asyncdbx.simulator.faults import Fault, next_fault
from asyncdbx.simulator.lanes import LaneRule
from asyncdbx.simulator.misbehaviour import forget_token, instead, spoil
from asyncdbx.simulator.quota import (
    Lane,
    LaneStats,
    LimiterKind,
    Quota,
    retry_after_seconds,
)
from asyncdbx.simulator.router import Route, Router
from asyncdbx.simulator.world import World

RetryAfter = Literal["seconds", "none", "date"]


@dataclass(frozen=True, slots=True)
class Policy:
    """How strict the hosts of a fleet are.

    Attributes:
        limiter: None = no limits.
        retry_after: How a 429 for the rate says when to come back.
    """

    limiter: LimiterKind | None = "sliding"
    retry_after: RetryAfter = "seconds"


@dataclass(slots=True)
class Admitted:
    """A call that passed credential, faults and limits, and occupies its lane."""

    call: Call
    route: Route
    lane: Lane
    fault: Fault | None

    @property
    def delay(self) -> float:
        """How long its answer must be held back, in seconds."""
        return self.fault.delay if self.fault else 0.0


@dataclass
class Desk:
    """The front desk of one host."""

    world: World
    router: Router
    policy: Policy
    faults: list[Fault]
    _lanes: dict[str, Lane] = field(default_factory=dict[str, Lane])
    _quotas: dict[str, Quota] = field(default_factory=dict[str, Quota])

    def admit(
        self, call: Call, headers: Mapping[str, str], clock: float
    ) -> Admitted | Reply:
        """Return the call with its lane occupied, or at once the answer of one that is not.

        ``clock`` is monotonic, in seconds.
        """
        call.headers, call.epoch = headers, self.world.epoch
        try:
            return self._admit(call, clock)
        except Refusal as refusal:
            return failures.refused(refusal, call.path)

    def _admit(self, call: Call, clock: float) -> Admitted | Reply:
        self._identify(call)
        fault = next_fault(self.faults, call)
        if fault and (reply := instead(fault, call)):
            return reply
        found = self.router.find(call.method, call.path)
        if found is None:
            return self._lost(call)
        route, call.args = found
        self._check_account(call)
        if route.lane is None:
            return self._done(call, route, fault)
        lane = self._lane(route.lane)
        wait = lane.enter(clock)
        if wait is None:
            raise failures.too_many(call.path, self.world.workspace_id, lane.in_flight)
        if wait > 0:
            return self._throttled(call, wait)
        return Admitted(call, route, lane, fault)

    def _identify(self, call: Call) -> None:
        """Find out who calls; what tells how to log in is open to everybody."""
        logins = self.world.logins
        if call.path.startswith("/api/"):
            call.caller = logins.caller(call.headers)
        elif call.method == "POST" and call.path.endswith("/v1/token"):
            logins.requests += 1

    def _check_account(self, call: Call) -> None:
        named = call.args.get("account_id")
        if named is not None and named != self.world.facts["account_id"]:
            raise missing(f"Account {named} does not exist.")

    def _lost(self, call: Call) -> Reply:
        """Show the login page to a browser's path, and on the account to a workspace's."""
        browser = not call.path.startswith("/api/")
        if browser or (self.world.workspace_id == 0 and "/accounts/" not in call.path):
            return failures.login_page()
        raise failures.no_such_endpoint(call.method, call.path)

    def _throttled(self, call: Call, wait: float) -> Reply:
        refusal = failures.too_fast(call.path, self.world.workspace_id)
        reply = failures.refused(refusal, call.path)
        if self.policy.retry_after == "none":
            return reply
        seconds = retry_after_seconds(wait)
        date = formatdate(self.world.wall_clock() + seconds, usegmt=True)
        value = date if self.policy.retry_after == "date" else str(seconds)
        return replace(reply, headers={"Retry-After": value})

    def answer(self, admitted: Admitted) -> Reply:
        """Do an admitted call and return its answer; the lane stays occupied."""
        return self._done(admitted.call, admitted.route, admitted.fault)

    def _done(self, call: Call, route: Route, fault: Fault | None) -> Reply:
        asked = forget_token(fault.kind, call) if fault else call
        try:
            state = self.world.state(route.service)
            reply = sent(route.handler(state, asked))
        except Refusal as refusal:
            reply = failures.refused(refusal, call.path)
        return spoil(fault.kind, call, reply) if fault else reply

    def _lane(self, rule: LaneRule) -> Lane:
        lane = self._lanes.get(rule.group)
        if lane is None:
            quota = self._quotas.get(rule.group, rule.quota)
            lane = Lane(rule.group, quota, rule.in_flight, self.policy.limiter)
            self._lanes[rule.group] = lane
        return lane

    def change(self, group: str, quota: Quota) -> None:
        """Change the quota of a limit group, whether a call has come or not."""
        self._quotas[group] = quota
        if group in self._lanes:
            self._lanes[group].change(quota)

    def stats(self) -> dict[str, LaneStats]:
        """Return what every lane that saw a call let through and refused."""
        return {group: lane.stats() for group, lane in self._lanes.items()}


def parse_query(text: str) -> Mapping[str, str]:
    """Return a query string as a mapping; the last value of a repeated key wins."""
    return dict(parse_qsl(text, keep_blank_values=True)) if text else {}
