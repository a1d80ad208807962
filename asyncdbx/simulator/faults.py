"""Things that go wrong, switched on per workspace by tests and demonstrations."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from asyncdbx.simulator.call import Call

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
    "timeout",  # the call is done, but too late for the gateway: 504 after ``seconds``
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
        argument: Name and value of an argument that a call must have, such as
            ``("path", "/mnt/big")``; of any call if left out.
        seconds: How long a timeout takes; of calls that have a limit group.
    """

    path_prefix: str
    kind: Kind
    times: int | None = None
    redirect_to: str = ""
    argument: Sequence[str] = ()
    seconds: float = 60.0

    def concerns(self, call: Call) -> bool:
        """Tell whether this goes wrong with a call."""
        if self.times == 0 or not unquote(call.path).startswith(self.path_prefix):
            return False
        return not self.argument or call.argument(self.argument[0]) == self.argument[1]

    @property
    def delay(self) -> float:
        """How long it holds an answer back, in seconds."""
        return self.seconds if self.kind == "timeout" else 0.0


def next_fault(faults: Iterable[Fault], call: Call) -> Fault | None:
    """Return what goes wrong with this call, and count it."""
    for fault in faults:
        if fault.concerns(call):
            if fault.times is not None:
                fault.times -= 1
            return fault
    return None
