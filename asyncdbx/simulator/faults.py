"""Things that go wrong, switched on per workspace by tests and demonstrations."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "deny",  # 403 PERMISSION_DENIED
    "disabled",  # 404 FEATURE_DISABLED
    "500",  # INTERNAL_ERROR
    "503",  # TEMPORARILY_UNAVAILABLE, plain
    "429",  # refused although there is quota
    "html",  # 200 with the login page
    "login",  # 302 to the login page of private link
    "302",  # found elsewhere: at ``redirect_to``
    "307",  # the same, but a POST stays a POST and takes its body along
    "echo",  # 403 (400 of a login) that repeats the request's Authorization header
    "cut",  # half of the body, then the connection is reset
    "reset",  # no answer at all, the connection is reset
    "lost",  # the call is done, but its answer never arrives
    "repeat_token",  # the same page and the same token for ever
    "endless_tokens",  # a new token and an empty page for ever
    "lost_token",  # has_more, but no token
    "no_key",  # a 200 whose list key is missing though it is not {}
]


@dataclass(slots=True)
class Fault:
    """One fault: on every path that starts with ``path_prefix``, ``times`` times.

    Attributes:
        times: How often; None = until it is taken away.
        redirect_to: The URL that a 302 or 307 names.
    """

    path_prefix: str
    kind: Kind
    times: int | None = None
    redirect_to: str = ""


def next_fault(faults: Iterable[Fault], path: str) -> Fault | None:
    """Return what goes wrong with this call, and count it."""
    for fault in faults:
        if fault.times != 0 and path.startswith(fault.path_prefix):
            if fault.times is not None:
                fault.times -= 1
            return fault
    return None
