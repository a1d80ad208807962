"""When a workspace counts as dead, and when it is asked again."""

import pytest

from asyncdbx.engine.circuit import Circuit
from asyncdbx.errors import (
    ApiError,
    BadAnswer,
    CallError,
    LoginFailed,
    ServerFailed,
    Throttled,
    Unauthenticated,
    Unavailable,
    Unreachable,
    WorkspaceDown,
)

LOST = Unreachable("no answer")
REFUSED = Unauthenticated("bad token", status=401)


def failing(*moments: float, error: CallError = LOST) -> Circuit:
    circuit = Circuit()
    for moment in moments:
        circuit.failed(error, moment)
    return circuit


@pytest.mark.parametrize(
    ("moments", "is_open"),
    [
        ((), False),
        ((0,), False),
        ((0, 0, 0, 0, 0, 0, 0), False),
        ((0, 20, 40, 60), False),
        ((0, 1, 2, 3, 14.9), False),
        ((0, 1, 2, 3, 15), True),
        ((100, 101, 102, 103, 104, 105, 115), True),
    ],
)
def test_five_failures_over_fifteen_seconds_open_it(
    moments: tuple[float, ...], *, is_open: bool
) -> None:
    """A burst of failures is one event; four slow ones are too few."""
    circuit = failing(*moments)

    assert bool(circuit.reason) is is_open
    assert (circuit.blocked(moments[-1] if moments else 0.0) is not None) is is_open


def test_any_answer_starts_the_count_again() -> None:
    """Also a refusal: the host is alive."""
    circuit = failing(0, 1, 2, 3)
    circuit.answered()
    for moment in (15, 16, 17, 18):
        circuit.failed(LOST, moment)
    assert not circuit.reason

    circuit.failed(REFUSED, 19)
    circuit.failed(LOST, 34)
    assert not circuit.reason


def test_a_permanent_failure_opens_it_at_once() -> None:
    """A certificate does not become valid by asking."""
    bad = Unreachable("certificate of h refused", definite=True, permanent=True)
    down = failing(5, error=bad).blocked(6)

    assert type(down) is WorkspaceDown
    assert str(down) == "not asked any more, the host is down: certificate of h refused"


def test_a_probe_goes_through_every_thirty_seconds() -> None:
    """One call may look; an answer closes the circuit, silence keeps it open."""
    circuit = failing(0, 1, 2, 3, 15)
    passed = [t for t in range(15, 120) if circuit.blocked(t) is None]
    assert passed == [45, 75, 105]

    circuit.failed(LOST, 106)
    assert [t for t in range(106, 140) if circuit.blocked(t) is None] == [136]
    circuit.answered()
    assert circuit.blocked(137) is None
    assert not circuit.reason


def test_three_401s_in_a_row_stop_the_workspace_for_good() -> None:
    """A credential that is refused is not tried every thirty seconds."""
    circuit = failing(0, 0, error=REFUSED)
    assert not circuit.reason
    circuit.failed(REFUSED, 1)

    assert circuit.reason
    assert [t for t in range(1, 1000) if circuit.blocked(t) is None] == []
    assert str(circuit.blocked(5)) == (
        "not asked any more, the credential is refused: bad token"
    )


def test_an_accepted_call_between_401s_keeps_it_closed() -> None:
    """Some endpoints answer 401 for what is not allowed."""
    circuit = Circuit()
    for moment in range(20):
        circuit.failed(REFUSED, moment)
        circuit.failed(REFUSED, moment)
        circuit.answered()

    assert not circuit.reason


def test_other_errors_are_none_of_its_business() -> None:
    """A 500 is an answer."""
    assert not failing(*range(100), error=ApiError("m", status=500)).reason


@pytest.mark.parametrize(
    ("error", "asks_again"),
    [
        (Unreachable("no answer"), True),
        (Throttled("slow", status=429), True),
        (Unavailable("later", status=503), True),
        (ServerFailed("oops", status=500), True),
        (ApiError("who?", status=401, error_code="invalid_client"), False),
        (LoginFailed("no variable"), True),
        (BadAnswer("a page for people"), True),
    ],
)
def test_without_a_login_nothing_is_asked(error: CallError, *, asks_again: bool) -> None:
    """At once; an issuer that may come back is asked again with the next probe."""
    circuit = Circuit()
    circuit.locked_out(error, 100.0)

    assert str(circuit.blocked(100.0)) == f"not asked any more, the login failed: {error}"
    assert circuit.blocked(129.9) is not None
    assert (circuit.blocked(130.0) is None) is asks_again
    circuit.answered()
    assert circuit.blocked(131.0) is None


def test_an_issuer_that_is_down_is_the_reason() -> None:
    """It is said once."""
    circuit = Circuit()
    circuit.locked_out(WorkspaceDown("not asked any more, the host is down: x"), 0.0)

    assert circuit.reason == "not asked any more, the host is down: x"
    assert circuit.blocked(30.0) is None


def test_what_is_shut_is_never_asked() -> None:
    """The account has said that the workspace does not run."""
    circuit = Circuit()
    circuit.shut("its account says FAILED")

    assert str(circuit.blocked(1e12)) == "not asked: its account says FAILED"


@pytest.mark.parametrize("last", ["lost", "locked out"])
def test_a_refusal_before_an_outage_does_not_end_the_probing(last: str) -> None:
    """The host was away and comes back, whatever it had said before."""
    circuit = Circuit()
    circuit.failed(REFUSED, 0.0)
    if last == "lost":
        for moment in (1.0, 2.0, 3.0, 4.0, 20.0):
            circuit.failed(LOST, moment)
    else:
        circuit.locked_out(LOST, 20.0)

    assert circuit.blocked(49.0) is not None
    assert circuit.blocked(50.0) is None


def test_a_refused_credential_is_not_probed() -> None:
    """It does not get better by asking."""
    circuit = failing(0, 1, 2, error=REFUSED)

    assert circuit.blocked(1e6) is not None
