"""Whether and when a failed call is sent again, as a table."""

from random import Random

import pytest

from asyncdbx.engine.retry import RetryPolicy, worth_repeating
from asyncdbx.errors import (
    ApiError,
    BadAnswer,
    CallError,
    ConcurrencyExceeded,
    Denied,
    Disabled,
    Incomplete,
    NotFound,
    ServerFailed,
    Throttled,
    Unauthenticated,
    Unavailable,
    Unreachable,
    WorkspaceDown,
)

NEVER, IF_SAFE, ALWAYS = (False, False), (True, False), (True, True)


def api(kind: type[ApiError], status: int, code: str = "", **more: float) -> ApiError:
    return kind("m", status=status, error_code=code, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "repeated"),
    [
        (Unreachable("refused", definite=True), ALWAYS),
        (Unreachable("cut"), IF_SAFE),
        (Unreachable("certificate", definite=True, permanent=True), NEVER),
        (WorkspaceDown("down"), NEVER),
        (api(Throttled, 429), ALWAYS),
        (api(ConcurrencyExceeded, 500), ALWAYS),
        (api(Unavailable, 503, "TEMPORARILY_UNAVAILABLE"), ALWAYS),
        (api(Unavailable, 400, "WORKSPACE_TEMPORARILY_UNAVAILABLE"), ALWAYS),
        (api(Unavailable, 503), IF_SAFE),
        # A proxy's own page ("ERROR: the URL could not be retrieved") is no promise.
        (api(Unavailable, 503, "ERROR"), IF_SAFE),
        (api(Unavailable, 503, "DEADLINE_EXCEEDED"), IF_SAFE),
        (api(ServerFailed, 500, "INTERNAL_ERROR"), IF_SAFE),
        (api(ServerFailed, 502), IF_SAFE),
        (api(ServerFailed, 504, "DEADLINE_EXCEEDED"), IF_SAFE),
        (api(ApiError, 409, "ABORTED"), IF_SAFE),
        (api(ApiError, 400, "COULD_NOT_ACQUIRE_LOCK"), IF_SAFE),
        (api(ApiError, 400, "PARTIAL_DELETE"), IF_SAFE),
        (api(ApiError, 400, "PERMISSION_NOT_PROPAGATED"), IF_SAFE),
        (api(ApiError, 400, "INVALID_STATE"), NEVER),
        (api(ApiError, 409, "RESOURCE_ALREADY_EXISTS"), NEVER),
        (api(ApiError, 400), NEVER),
        (api(Unauthenticated, 401), NEVER),
        (api(Denied, 403), NEVER),
        (api(NotFound, 404), NEVER),
        (api(Disabled, 501), NEVER),
        (BadAnswer("html"), NEVER),
        (Incomplete("cycle"), NEVER),
        (CallError("?"), NEVER),
    ],
    ids=lambda value: value.message if isinstance(value, CallError) else None,
)
def test_what_is_worth_repeating(error: CallError, repeated: tuple[bool, bool]) -> None:
    """Definite failures always, ambiguous ones if the endpoint is safe, answers never."""
    safe, unsafe = repeated

    assert worth_repeating(error, safe=True) is safe
    assert worth_repeating(error, safe=False) is unsafe


class Widest(Random):
    """Jitter at its upper end."""

    def uniform(self, a: float, b: float) -> float:
        return b


WIDEST = Widest()
CUT = Unreachable("cut")


@pytest.mark.parametrize(
    ("failures", "longest"),
    [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 8.0), (6, None), (7, None)],
)
def test_waits_double_until_there_are_enough(failures: int, longest: float | None) -> None:
    """Six attempts: waits of up to 0.5, 1, 2, 4 and 8 s between them."""
    assert (
        RetryPolicy().wait(CUT, safe=True, failures=failures, in_vain=0, rng=WIDEST)
        == longest
    )


def test_no_wait_is_longer_than_the_longest() -> None:
    """A patient policy waits at most 30 s each time."""
    policy = RetryPolicy(attempts=100)
    waits = [
        policy.wait(CUT, safe=True, failures=n, in_vain=0, rng=WIDEST)
        for n in (6, 7, 8, 99)
    ]

    assert waits == [16.0, 30.0, 30.0, 30.0]


def test_jitter_is_full_and_seeded() -> None:
    """A wait is anything between 0 and its bound, and a seed makes it the same again."""
    policy = RetryPolicy()
    waits = [
        policy.wait(CUT, safe=True, failures=3, in_vain=0, rng=rng)
        for rng in (Random(seed) for seed in range(200))  # noqa: S311 - the seed matters
    ]

    assert waits == [Random(seed).uniform(0, 2.0) for seed in range(200)]  # noqa: S311
    assert min(waits, default=None) < 0.1  # type: ignore[operator,type-var]


@pytest.mark.parametrize("asked", [0.0, 7.0, 60.0])
def test_retry_after_is_never_shrunk(asked: float) -> None:
    """Jitter is only added to it, at most half a second."""
    error = api(Unavailable, 503, retry_after=asked)
    policy = RetryPolicy()
    for seed in range(200):
        rng = Random(seed)  # noqa: S311 - the seed matters
        wait = policy.wait(error, safe=True, failures=5, in_vain=0, rng=rng)
        assert wait is not None
        assert asked <= wait <= asked + 0.5


@pytest.mark.parametrize("safe", [False, True])
def test_what_is_not_worth_it_is_given_up_at_once(*, safe: bool) -> None:
    """The first failure is the last."""
    error = api(Denied, 403)

    assert RetryPolicy().wait(error, safe=safe, failures=1, in_vain=0, rng=WIDEST) is None


def test_one_attempt_means_no_repeat() -> None:
    """A policy without patience."""
    policy = RetryPolicy(attempts=1)

    assert policy.wait(CUT, safe=True, failures=1, in_vain=0, rng=WIDEST) is None


def test_a_server_that_tried_for_long_is_asked_once_more() -> None:
    """A directory that takes it longer than it has is no faster the sixth time."""
    policy = RetryPolicy()

    def wait(failures: int, in_vain: int) -> float | None:
        late = api(ServerFailed, 504)
        return policy.wait(late, safe=True, failures=failures, in_vain=in_vain, rng=WIDEST)

    assert wait(1, 1) is not None
    assert wait(2, 2) is None
    assert wait(5, 1) is not None
    assert policy.is_in_vain(api(ServerFailed, 504), 45)
    assert not policy.is_in_vain(api(ServerFailed, 504), 44)
    assert not policy.is_in_vain(CUT, 600)  # a long body that broke off may come whole
