"""Who calls a workspace: the headers that say so, and what must not be seen of them."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Protocol

from multidict import CIMultiDict, CIMultiDictProxy

from asyncdbx.auth.source import TokenSource
from asyncdbx.auth.token import Token
from asyncdbx.config import Secret

__all__ = ["Credential", "StaticCredential", "TokenCredential"]

Headers = Mapping[str, str]


class Credential(Protocol):
    """Who calls a workspace.

    A caller waits for ``headers`` first if ``ready`` is None.
    """

    @property
    def ready(self) -> Headers | None:
        """Headers that can be sent now, or None if ``headers`` has to wait for them."""
        ...

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What must not be seen of any headers, for ``redact``."""
        ...

    @property
    def ends_at(self) -> float | None:
        """Loop time at which they end if nothing replaces them; None if nobody said."""
        ...

    async def headers(self) -> Headers:
        """Return the headers to send, as soon as there are valid ones in ``ready``.

        Raises:
            AsyncdbxError: There are none to be had.
        """
        ...

    def refused(self, headers: Headers) -> bool:
        """Note that a call with these was answered with 401; return whether others help."""
        ...


class StaticCredential:
    """A credential that never changes.

    Attributes:
        ready: The headers; cannot be changed, because all calls share them.
        secrets: Every form in which the secret could be echoed.
        ends_at: None.
    """

    __slots__ = ("ends_at", "ready", "secrets")

    def __init__(self, headers: Headers, secrets: tuple[Secret, ...]) -> None:
        self.ready: Headers = _frozen(headers)
        self.secrets: tuple[Secret, ...] = secrets
        self.ends_at: float | None = None

    async def headers(self) -> Headers:
        """Return the headers; nothing is waited for."""
        return self.ready

    def refused(self, headers: Headers) -> bool:
        """Return False: there are no others."""
        return False

    def __repr__(self) -> str:
        return f"StaticCredential({', '.join(self.ready)})"


class TokenCredential:
    """Headers of one or more tokens that end and are replaced.

    Attributes:
        ready: The headers of the present tokens, with the fixed ones; None while one of
            the tokens is missing.
        sources: The tokens, which other workspaces may share.

    Args:
        fixed: Headers that do not change.
        secrets: What else must not be seen, such as a client's secret.
    """

    def __init__(
        self,
        sources: Sequence[TokenSource],
        fixed: Headers,
        secrets: tuple[Secret, ...] = (),
    ) -> None:
        self.ready: Headers | None = None
        self.sources = tuple(sources)
        self._fixed = fixed
        self._secrets = secrets
        # A call that left with the token before the present one may still be echoed.
        self._seen = [deque[Token](maxlen=2) for _ in self.sources]
        for source in self.sources:
            source.watch(self._changed)
        self._changed()

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Secrets of this login, and of the last two tokens of each source."""
        tokens = (token for seen in self._seen for token in seen)
        return sum((token.secrets for token in tokens), self._secrets)

    @property
    def ends_at(self) -> float | None:
        """Loop time at which the first of the tokens ends; None if nobody said."""
        ends = [source.ends_at for source in self.sources if source.ends_at is not None]
        return min(ends, default=None)

    async def headers(self) -> Headers:
        """Return headers of valid tokens, fetched if need be.

        Raises:
            AsyncdbxError: There are none to be had.
        """
        while self.ready is None:
            for source in self.sources:
                await source.get()
        return self.ready

    def refused(self, headers: Headers) -> bool:
        """Note a 401; return whether other headers are there or can be had."""
        if headers is not self.ready:
            return True
        helps = [_refuse(source) for source in self.sources]  # nobody says which it was
        return any(helps)

    def _changed(self) -> None:
        tokens = [source.token for source in self.sources]
        for token, seen in zip(tokens, self._seen, strict=True):
            if token is not None and token not in seen:
                seen.append(token)
        present = [token for token in tokens if token is not None]
        complete = len(present) == len(tokens)
        self.ready = _frozen(_merged(self._fixed, present)) if complete else None

    def __repr__(self) -> str:
        return f"TokenCredential({len(self.sources)} tokens)"


def _refuse(source: TokenSource) -> bool:
    return source.token is None or source.refuse(source.token)


def _merged(fixed: Headers, tokens: Sequence[Token]) -> dict[str, str]:
    headers = dict(fixed)
    for token in tokens:
        headers |= token.headers
    return headers


def _frozen(headers: Headers) -> Headers:
    # Of this type aiohttp makes no copy for each request.
    return CIMultiDictProxy(CIMultiDict(headers))
