"""Whether and when a failed call is sent again. Pure: what failed is an argument."""

import itertools
from dataclasses import dataclass
from random import Random

import backoff

from asyncdbx.engine.judgement import UNAVAILABLE_CODES
from asyncdbx.errors import (
    ApiError,
    CallError,
    ServerFailed,
    Throttled,
    Unavailable,
    Unreachable,
)

__all__ = ["RetryPolicy"]

# Codes that ask for a repeat whatever their status, of a call that may be repeated.
TRANSIENT_CODES = frozenset(
    {
        "ABORTED",
        "COULD_NOT_ACQUIRE_LOCK",
        "DEADLINE_EXCEEDED",
        "PARTIAL_DELETE",
        "PERMISSION_NOT_PROPAGATED",
    }
)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient a call is. All times in seconds.

    A 429 does not count as an attempt: it is the lane that waits, and a call that is
    refused ten times in a storm has done nothing wrong.

    Attributes:
        attempts: Sends that may fail before the failure is final.
        first_wait: Upper bound of the first wait; it doubles with each failure.
        longest_wait: Upper bound of any wait.
        throttled_for: How long one call may be answered with nothing but 429; and a lane,
            before all that wait in it are given up.
        slow: A server that fails only after so long has tried: a directory that it cannot
            list in its own minute is not listed in the next one either (DBFS).
        slow_attempts: Sends that may fail in that way.
    """

    attempts: int = 6
    first_wait: float = 0.5
    longest_wait: float = 30.0
    throttled_for: float = 900.0
    slow: float = 45.0
    slow_attempts: int = 2

    def wait(
        self, error: CallError, *, safe: bool, failures: int, in_vain: int, rng: Random
    ) -> float | None:
        """Return the seconds to wait before sending again, or None to give up.

        Args:
            error: The last failure; not a 429, which the lane answers.
            safe: The endpoint may be repeated though the call may have been processed.
            failures: Sends that have failed so far; 1 after the first.
            in_vain: How many of them were so slow that the server had tried.
            rng: Source of jitter, so that a test can seed it.

        Source:
            Full jitter: Brooker, "Exponential Backoff And Jitter", AWS Architecture
            Blog, 2015. Retry-After is never shrunk by it: a call sent early is refused.
        """
        enough = failures >= self.attempts or in_vain >= self.slow_attempts
        if enough or not worth_repeating(error, safe=safe):
            return None
        retry_after = error.retry_after if isinstance(error, ApiError) else None
        if retry_after is not None:
            return retry_after + rng.uniform(0, self.first_wait)
        return rng.uniform(0, self._bound(failures))

    def is_in_vain(self, error: CallError, took: float) -> bool:
        """Return whether a server has tried, and failed after so many seconds."""
        return took >= self.slow and isinstance(error, ApiError)

    def _bound(self, failures: int) -> float:
        waits = backoff.expo(base=2, factor=self.first_wait, max_value=self.longest_wait)
        # The generator's first value primes its send(); the waits begin with the second.
        return next(itertools.islice(waits, failures, None))


def worth_repeating(error: CallError, *, safe: bool) -> bool:
    """Return whether sending again can help and cannot hurt.

    Definite failures (the server did not process the call) may always be repeated. An
    ambiguous one (nobody knows) only if the endpoint is safe to repeat.

    Args:
        error: What failed.
        safe: The endpoint may be repeated though the call may have been processed.
    """
    match error:
        case Throttled():
            return True
        case Unreachable():
            return not error.permanent and (error.definite or safe)
        case Unavailable():
            # Without one of these a 503 may be a proxy's, after the handler ran.
            return safe or error.error_code in UNAVAILABLE_CODES
        case ServerFailed():
            return safe
        case ApiError():
            return safe and error.error_code in TRANSIENT_CODES
        case _:
            return False
