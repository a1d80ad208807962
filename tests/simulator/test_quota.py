"""Limits: at most N in any window, whatever the order of arrivals."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncdbx.simulator.lanes import RULES, rule_of
from asyncdbx.simulator.quota import (
    Lane,
    Quota,
    SlidingWindow,
    TokenBucket,
    retry_after_seconds,
)

GAPS = st.lists(st.floats(0, 0.4), min_size=1, max_size=200)


@settings(max_examples=100, deadline=None)
@given(GAPS, st.integers(1, 9), st.integers(1, 3))
def test_a_sliding_window_never_lets_more_than_n_through(
    gaps: list[float], calls: int, seconds: int
) -> None:
    """The call after N others is at least a window younger than the first of them."""
    limiter, now = SlidingWindow(Quota(calls, seconds)), 0.0
    accepted: list[float] = []
    for gap in gaps:
        now += gap
        if limiter.admit(now) == 0:
            accepted.append(now)
    later = accepted[calls:]
    assert [b - a < seconds for a, b in zip(accepted, later, strict=False)] == [
        False
    ] * len(later)


def test_a_sliding_window_says_when_the_next_call_fits() -> None:
    """Waiting exactly as long as it says is enough, and refused calls cost nothing."""
    limiter = SlidingWindow(Quota(2, 1))
    assert [limiter.admit(t) for t in (0.0, 0.25, 0.5, 0.5)] == [0.0, 0.0, 0.5, 0.5]
    assert limiter.admit(1.0) == 0.0
    assert limiter.admit(1.0) == 0.25


@pytest.mark.parametrize("before", [2, 4, 9])
def test_a_quota_that_changes_counts_what_was_let_through_before(before: int) -> None:
    """A window that held more than the new quota is full until enough of it is old."""
    limiter = SlidingWindow(Quota(before, 1))
    assert [limiter.admit(n / 10) for n in range(before)] == [0.0] * before
    limiter.quota = Quota(3, 1)
    expected = 0.0 if before < 3 else max(0, before - 3) / 10 + 1 - 0.95

    assert limiter.admit(0.95) == pytest.approx(expected)


def test_a_token_bucket_bursts_once_and_then_refills() -> None:
    """N at once after a quiet spell, then one per 1/N."""
    limiter = TokenBucket(Quota(4, 1))
    assert [limiter.admit(10.0) for _ in range(5)] == [0.0] * 4 + [0.25]
    assert [limiter.admit(10.25), limiter.admit(10.25)] == [0.0, 0.25]
    assert [limiter.admit(99.0) for _ in range(5)] == [0.0] * 4 + [0.25]


def test_per_minute_numbers_use_their_shortest_whole_window() -> None:
    """The rate is exact, and a burst shows within seconds."""
    assert Quota.per_minute(255) == Quota(17, 4)
    assert Quota.per_minute(1100) == Quota(55, 3)
    assert Quota.per_minute(10) == Quota(1, 6)
    assert Quota.per_minute(240) == Quota(4, 1)


def test_a_lane_counts_what_it_lets_through_and_what_it_refuses() -> None:
    """Rate and concurrency are two limits with two counters."""
    lane = Lane("x", Quota(3, 1), 2, "sliding")
    assert [lane.enter(5.0), lane.enter(5.5), lane.enter(5.5)] == [0.0, 0.0, None]
    lane.leave()
    assert [lane.enter(5.75), lane.running] == [0.0, 2]
    lane.leave()
    assert lane.enter(5.75) == 0.25
    stats = lane.stats()
    assert (stats.accepted, stats.too_fast, stats.too_many, stats.refused) == (3, 1, 1, 2)
    assert (stats.first, stats.last, stats.accepted_at) == (5.0, 5.75, (5.0, 5.5, 5.75))
    assert stats.utilisation() == pytest.approx(2 / (3 * 0.75))


def test_a_lane_without_limits_only_counts() -> None:
    """Nothing is refused, and no time is kept."""
    lane = Lane("x", Quota(1, 1), 1, None)
    assert [lane.enter(1.0) for _ in range(50)] == [0.0] * 50
    stats = lane.stats()
    assert (stats.accepted, stats.refused, stats.accepted_at) == (50, 0, ())
    assert (stats.per_second, stats.most_in_flight, stats.utilisation()) == (None, 50, 0.0)


def test_retry_after_is_whole_seconds_and_never_zero() -> None:
    """Rounded up: whoever obeys is not early."""
    assert [retry_after_seconds(wait) for wait in (0.01, 1.0, 1.2)] == [1, 1, 2]


@pytest.mark.parametrize(
    ("method", "template", "group", "per_second", "in_flight"),
    [
        ("GET", "/api/2.0/dbfs/list", "dbfs", 30, 20),
        ("POST", "/api/2.0/dbfs/add-block", "dbfs", 30, 20),
        ("POST", "/api/2.2/jobs/create", "jobs.create", 20, 20),
        ("POST", "/api/2.2/jobs/run-now", "jobs.run_now", 20, 20),
        ("GET", "/api/2.2/jobs/runs/get", "jobs.get_run", 100, 20),
        ("POST", "/api/2.2/jobs/runs/submit", "jobs.submit", 35, 20),
        ("GET", "/api/2.0/permissions/{kind}/{id}", "permissions.read", 100, 20),
        ("PATCH", "/api/2.0/permissions/{kind}/{id}", "permissions.write", 30, 20),
        ("GET", "/api/2.0/secrets/acls/list", "secrets.acls", 1100 / 60, 20),
        ("GET", "/api/2.0/preview/scim/v2/Groups", "groups.read", 4.25, 4),
        ("GET", "/api/2.0/token-management/tokens", "token_management", 40, 20),
        ("POST", "/api/2.0/mlflow/experiments/search", "mlflow.experiments", 7, 20),
        (
            "GET",
            "/api/2.0/mlflow/databricks/registered-models/get",
            "mlflow.registry",
            40,
            20,
        ),
        ("GET", "/api/2.0/serving-endpoints", "serving", 200, 20),
        ("GET", "/api/2.0/accounts/{account_id}/scim/v2/Users", "account_scim.list", 4, 4),
        (
            "GET",
            "/api/2.0/accounts/{account_id}/scim/v2/Users/{id}",
            "account_scim.get",
            20,
            4,
        ),
        ("GET", "/api/2.1/clusters/list", "GET /api/2.1/clusters/list", 15, 20),
        ("GET", "/api/2.0/sql/queries", "GET /api/2.0/sql/queries", 15, 9),
        (
            "GET",
            "/api/2.0/jobs/runs/get-output",
            "GET /api/2.0/jobs/runs/get-output",
            15,
            20,
        ),
    ],
)
def test_endpoints_have_their_published_limits(
    method: str, template: str, group: str, per_second: float, in_flight: int
) -> None:
    """Which quota holds, for one endpoint of every published group and for the rest."""
    rule = rule_of(method, template)
    assert (rule.group, rule.quota.per_second, rule.in_flight) == (
        group,
        per_second,
        in_flight,
    )


def test_no_two_rules_share_a_name() -> None:
    """A group is one quota."""
    groups = sorted(rule.group for rule in RULES)
    assert [a for a, b in pairwise(groups) if a == b] == []
