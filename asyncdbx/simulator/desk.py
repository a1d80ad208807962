"""Decides what a host answers: credential, faults, limits, route, handler. No sockets."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from time import time
from typing import Literal
from urllib.parse import parse_qsl, unquote

from asyncdbx.simulator import failures
from asyncdbx.simulator.call import Call, Json, Refusal, Reply, missing, sent
from asyncdbx.simulator.faults import Fault, Kind, next_fault
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
    fault: Kind | None


@dataclass
class Desk:
    """The front desk of one host."""

    world: World
    router: Router
    token: str
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
        if not call.path.startswith("/api/"):
            return self._without_login(call)
        try:
            return self._admit(call, headers, clock)
        except Refusal as refusal:
            return failures.refused(refusal, call.path)

    def _admit(
        self, call: Call, headers: Mapping[str, str], clock: float
    ) -> Admitted | Reply:
        if headers.get("Authorization") != f"Bearer {self.token}":
            raise failures.unauthenticated()
        fault = next_fault(self.faults, unquote(call.path)) if self.faults else None
        if fault and (reply := instead(fault)):
            return reply
        found = self.router.find(call.method, call.path)
        if found is None:
            return self._lost(call)
        route, call.args = found
        self._check_account(call)
        lane = self._lane(route)
        wait = lane.enter(clock)
        if wait is None:
            raise failures.too_many(call.path, self.world.workspace_id, lane.in_flight)
        if wait > 0:
            return self._throttled(call, wait)
        return Admitted(call, route, lane, fault)

    def _check_account(self, call: Call) -> None:
        named = call.args.get("account_id")
        if named is not None and named != self.world.facts["account_id"]:
            raise missing(f"Account {named} does not exist.")

    def _without_login(self, call: Call) -> Reply:
        """Answer what needs no credential: discovery. Any other path is for browsers."""
        if call.path != "/.well-known/databricks-config":
            return failures.login_page()
        facts: Json = {"account_id": self.world.facts.get("account_id"), "cloud": "aws"}
        if self.world.workspace_id:
            facts["workspace_id"] = str(self.world.workspace_id)
        return sent(facts)

    def _lost(self, call: Call) -> Reply:
        """An account host shows its login page to paths of a workspace, as a 200."""
        if self.world.workspace_id == 0 and "/accounts/" not in call.path:
            return failures.login_page()
        raise failures.no_such_endpoint(call.method, call.path)

    def _throttled(self, call: Call, wait: float) -> Reply:
        refusal = failures.too_fast(call.path, self.world.workspace_id)
        reply = failures.refused(refusal, call.path)
        if self.policy.retry_after == "none":
            return reply
        seconds = retry_after_seconds(wait)
        date = formatdate(time() + seconds, usegmt=True)
        value = date if self.policy.retry_after == "date" else str(seconds)
        return replace(reply, headers={"Retry-After": value})

    def answer(self, admitted: Admitted) -> Reply:
        """Do an admitted call and return its answer; the lane stays occupied."""
        call, fault = admitted.call, admitted.fault
        if fault:
            call = forget_token(fault, call)
        try:
            state = self.world.state(admitted.route.service)
            reply = sent(admitted.route.handler(state, call))
        except Refusal as refusal:
            reply = failures.refused(refusal, call.path)
        return spoil(fault, admitted.call, reply) if fault else reply

    def _lane(self, route: Route) -> Lane:
        rule = route.lane
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
