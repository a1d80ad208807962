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
    """

    path_prefix: str
    kind: Kind
    times: int | None = None


def next_fault(faults: Iterable[Fault], path: str) -> Kind | None:
    """Return what goes wrong with this call, and count it."""
    for fault in faults:
        if fault.times != 0 and path.startswith(fault.path_prefix):
            if fault.times is not None:
                fault.times -= 1
            return fault.kind
    return None
