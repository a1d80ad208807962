"""Every exception asyncdbx raises.

AsyncdbxError
├── ConfigError            a profile, a file or a setting cannot be used
├── UsageError             what was asked for does not exist or makes no sense
│   └── QueryError         an SQL statement that cannot be run
├── StoreError             the folder of an inventory cannot be used
│   ├── DiskFailed         it is full or broken; what is done is kept and can be resumed
│   └── LockHeld           another run holds it
├── DeadlineReached        time is up; what is done is kept and can be resumed
└── CallError              one call did not give a result
    ├── Unreachable        no whole HTTP answer arrived
    │   └── WorkspaceDown  earlier calls found the host dead or the credential refused
    ├── LoginFailed        there is no token to send; nothing was sent
    ├── BadAnswer          an answer arrived that is not what the endpoint promises
    │   ├── Redirected     the host sends us elsewhere; nothing was sent there
    │   └── Incomplete     a listing that cannot be followed to its end
    │       └── Changed    it broke off, and was another one when it was asked for again
    └── ApiError           the server said no
        ├── Unauthenticated    401
        ├── Denied             403
        ├── NotFound           404, or "does not exist" by error code
        ├── Disabled           the service or feature is not enabled here
        ├── Throttled          429: too many calls
        │   └── ConcurrencyExceeded   too many at the same time
        ├── Unavailable        503 and its codes: this call was not processed
        └── ServerFailed       any other 5xx: nobody knows whether it was processed

An error says which endpoint on which workspace; its cause, if any, is ``__cause__``.
"""

__all__ = [
    "ApiError",
    "AsyncdbxError",
    "BadAnswer",
    "CallError",
    "Changed",
    "ConcurrencyExceeded",
    "ConfigError",
    "DeadlineReached",
    "Denied",
    "Disabled",
    "DiskFailed",
    "Incomplete",
    "LockHeld",
    "LoginFailed",
    "NotFound",
    "QueryError",
    "Redirected",
    "ServerFailed",
    "StoreError",
    "Throttled",
    "Unauthenticated",
    "Unavailable",
    "Unreachable",
    "UsageError",
    "WorkspaceDown",
]


class AsyncdbxError(Exception):
    """Anything asyncdbx raises on purpose."""


class ConfigError(AsyncdbxError):
    """A profile, a file or a setting cannot be used."""


class UsageError(AsyncdbxError):
    """What was asked for does not exist or makes no sense."""


class QueryError(UsageError):
    """An SQL statement that cannot be run; the lines below the first say where."""


class StoreError(AsyncdbxError):
    """The folder of an inventory cannot be used."""


class DiskFailed(StoreError):
    """The disk is full or broken; what is done is kept and can be resumed."""


class LockHeld(StoreError):
    """Another run holds the folder."""


class DeadlineReached(AsyncdbxError):
    """Time is up; what is done is kept and can be resumed."""


class CallError(AsyncdbxError):
    """One call did not give a result.

    Attributes:
        message: What happened, without endpoint and workspace.
        endpoint: Name of the endpoint, e.g. ``"jobs.list"``; empty until known.
        workspace: Name of the workspace; empty until known.
        calls: Requests that were sent for it.
    """

    def __init__(self, message: str, *, endpoint: str = "", workspace: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.endpoint = endpoint
        self.workspace = workspace
        self.calls = 0

    def __str__(self) -> str:
        """Return ``endpoint on workspace: message``."""
        if not self.endpoint:
            return self.message
        return f"{self.endpoint} on {self.workspace}: {self.message}"

    def twin(self) -> "CallError":
        """Return an equal error, for another call that ends by the same cause."""
        twin = type(self).__new__(type(self), *self.args)
        twin.__dict__.update(self.__dict__)
        return twin

    def of(self, *, endpoint: str, workspace: str) -> "CallError":
        """Say which call this was, once that is known, and return the error itself."""
        self.endpoint = endpoint
        self.workspace = workspace
        return self


class Unreachable(CallError):
    """No whole HTTP answer arrived.

    Attributes:
        definite: True if the server certainly did not process the call (name not
            resolved, connection refused, TLS refused); False if nobody knows.
        permanent: True if asking again cannot help (a certificate that is not valid).
    """

    def __init__(
        self, message: str, *, definite: bool = False, permanent: bool = False
    ) -> None:
        super().__init__(message)
        self.definite = definite
        self.permanent = permanent


class WorkspaceDown(Unreachable):
    """Earlier calls found the host dead or the credential refused; nothing was sent."""

    def __init__(self, message: str) -> None:
        super().__init__(message, definite=True, permanent=True)


class LoginFailed(CallError):
    """There is no token to send, and asking again cannot help."""


class BadAnswer(CallError):
    """An answer arrived that is not what the endpoint promises (HTML, a cut body)."""


class Redirected(BadAnswer):
    """The host sends us elsewhere; nothing was sent there.

    Attributes:
        location: Where to; as the host said it.
    """

    def __init__(self, message: str, *, location: str) -> None:
        super().__init__(message)
        self.location = location


class Incomplete(BadAnswer):
    """A listing that cannot be followed to its end: a repeated or missing page token."""


class Changed(Incomplete):
    """A page broke off, and was another one when it was asked for again.

    Records of it have left that may not be there any more, and others stand before them.
    """


class Moved(Incomplete):
    """A listing whose pages are asked for by position is not where it was.

    Something before that has been added or deleted since: go on, and one record would come
    twice or never. It can be listed from its beginning.
    """


class ApiError(CallError):
    """The server said no.

    Attributes:
        status: HTTP status, e.g. 400.
        error_code: The platform's word, e.g. ``"INVALID_PARAMETER_VALUE"``; may be "".
        retry_after: Seconds the server asked to wait, already clamped; None if it did
            not say.
        request_id: The server's name for this request, for a support ticket; may be "".
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        error_code: str = "",
        retry_after: float | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error_code = error_code
        self.retry_after = retry_after
        self.request_id = request_id

    def __str__(self) -> str:
        """Return the call, the status, the code and the server's words."""
        is_word = self.error_code not in {"", str(self.status)}
        code = f" {self.error_code}" if is_word else ""
        where = f"{self.endpoint} on {self.workspace}: " if self.endpoint else ""
        return f"{where}HTTP {self.status}{code}: {self.message}"


class Unauthenticated(ApiError):
    """401, or a 403 that says so: the credential is missing, wrong or expired."""


class Denied(ApiError):
    """403: the credential is good, the permission is missing."""


class NotFound(ApiError):
    """404, or "does not exist" by error code."""


class Disabled(ApiError):
    """The service or feature is not enabled on this workspace."""


class Throttled(ApiError):
    """429: too many calls in too short a time; certainly not processed."""


class ConcurrencyExceeded(Throttled):
    """Too many calls at the same time; concerns the in-flight gate, not the rate.

    Attributes:
        limit: How many the server lets in at once, if it said so.
    """

    limit: int | None = None


class Unavailable(ApiError):
    """503 and its codes: not processed, worth asking again."""


class ServerFailed(ApiError):
    """Any other 5xx: nobody knows whether the call was processed."""
