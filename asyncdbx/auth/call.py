"""A request that a login needs, as data; who sends it is not auth's business."""

from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from asyncdbx.config import Secret

__all__ = ["LoginCall", "Send", "basic"]


@dataclass(frozen=True, slots=True)
class LoginCall:
    """One request to an issuer of tokens.

    Attributes:
        name: For which workspace it is, for people.
        url: Absolute, encoded.
        headers: Hidden in repr, because secrets are among them.
        form: Sent with POST if it is there; else it is a GET.
        secrets: What must not be seen, wherever an answer may repeat it.
    """

    name: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    secrets: tuple[Secret, ...] = ()

    @property
    def method(self) -> str:
        """HTTP method."""
        return "GET" if self.form is None else "POST"

    @property
    def body(self) -> bytes | None:
        """The form as it is sent."""
        return None if self.form is None else urlencode(self.form).encode()


# Sends a call and returns the body of its answer, if it is a 200; raises CallError.
Send = Callable[[LoginCall], Awaitable[bytes]]


def basic(username: str, password: Secret) -> tuple[str, tuple[Secret, ...]]:
    """Return the Authorization header of a login by name, and what to hide of it.

    Source:
        RFC 7617, in UTF-8.
    """
    pair = Secret(b64encode(f"{username}:{password.reveal()}".encode()).decode())
    return f"Basic {pair.reveal()}", (pair, password)
