"""One workspace's health: when to stop asking a host that is dead or a token that is bad.

Pure: time is an argument. Without it, a workspace that is switched off would cost every one
of its 10,000 waiting calls all of their attempts, and the run its night.
"""

import math
from dataclasses import dataclass

from asyncdbx.errors import (
    ApiError,
    CallError,
    ServerFailed,
    Throttled,
    Unauthenticated,
    Unavailable,
    Unreachable,
    WorkspaceDown,
)

__all__ = ["Circuit"]


@dataclass(slots=True)
class Circuit:
    """Closed while calls go through; open once they only fail.

    Attributes:
        patience: Seconds without any answer, all calls failing, after which it opens. A
            gateway that restarts takes some seconds; a dead host should not take minutes.
        failures: Calls without an answer, in a row, that it takes besides.
        refusals: 401s in a row, from no matter which lanes, before a credential counts as
            bad. An issuer of tokens hears of many credentials, good and bad.
        probe_every: Seconds after which one call may look whether the host is back.
        reason: Why it is open; "" while it is closed.
        troubled: Something has failed since the last answer.
    """

    patience: float = 15.0
    failures: int = 5
    refusals: float = 3
    probe_every: float = 30.0
    reason: str = ""
    troubled: bool = False
    _failed: int = 0
    _since: float = 0.0
    _refused: int = 0
    _probe_at: float = 0.0

    def blocked(self, now: float) -> WorkspaceDown | None:
        """Return the error for a call that need not be sent, or None if it may be.

        Args:
            now: Loop time, seconds.
        """
        if not self.reason:
            return None
        if now >= self._probe_at:
            self._probe_at = now + self.probe_every
            return None
        return WorkspaceDown(self.reason)

    def answered(self) -> None:
        """Note an answer, whatever it says: the host is alive, the credential is known."""
        self._failed = 0
        self._refused = 0
        self.reason = ""
        self.troubled = False

    def failed(self, error: CallError, now: float) -> None:
        """Note a call that got no answer, or a 401.

        Args:
            error: What happened.
            now: Loop time, seconds.
        """
        self.troubled = True
        if isinstance(error, Unauthenticated):
            self._failed = 0  # the host answers
            self._refused += 1
            if self._refused >= self.refusals:
                self.reason = (
                    f"not asked any more, the credential is refused: {error.message}"
                )
                self._probe_at = math.inf
            return
        if not isinstance(error, Unreachable):
            return
        self._refused = 0
        if self._failed == 0:
            self._since = now
        self._failed += 1
        long_enough = now - self._since >= self.patience and self._failed >= self.failures
        if error.permanent or long_enough:
            self.reason = f"not asked any more, the host is down: {error.message}"
            self._probe_at = now + self.probe_every

    def locked_out(self, error: CallError, now: float) -> None:
        """Note that there is no login, after all attempts.

        Args:
            error: Why not. What an issuer has refused it will refuse again; whatever else
                it was may pass, and is tried again with the next probe.
            now: Loop time, seconds.
        """
        self.troubled = True
        down = isinstance(error, WorkspaceDown)  # says all of it: the issuer is dead
        self.reason = (
            f"{error}" if down else f"not asked any more, the login failed: {error}"
        )
        self._refused = 0
        passing = isinstance(error, Throttled | ServerFailed | Unavailable)
        refused = isinstance(error, ApiError) and not passing
        self._probe_at = math.inf if refused else now + self.probe_every

    def shut(self, reason: str) -> None:
        """Note why nothing needs to be asked at all."""
        self.troubled = True
        self.reason = f"not asked: {reason}"
        self._probe_at = math.inf
