"""One token for all who need it: fetched once, and again ahead of its end."""

import asyncio
from collections.abc import Awaitable, Callable

from asyncdbx.auth.token import Token
from asyncdbx.errors import AsyncdbxError, LoginFailed

__all__ = ["TokenSource"]

Fetch = Callable[[], Awaitable[Token]]

# Azure Databricks refuses a token that ends within 30 s, so the SDK lets go of one 40 s
# before its end, and asks for the next one in its last 20 minutes or the last half of its
# life, whichever is shorter (databricks-sdk 0.162.0, oauth.py).
MARGIN = 40.0
AHEAD = 20 * 60.0
TRY_AGAIN = 60.0  # after a refresh that failed while the token is still good
UNKNOWN_LIFE = 15 * 60.0  # of a token that does not say
DOUBTED = 60.0  # a token that was refused is replaced; one that is this young, only once


class TokenSource:
    """Keeps one token valid, from the first moment it is asked for.

    However many wait, one request is under way. A refresh that fails leaves the token as
    long as it lasts; after that, whoever asks is told.

    Attributes:
        token: One that can be sent now; None if there is none.
        ends_at: Loop time at which it ends; None if nobody said.
    """

    def __init__(self, fetch: Fetch) -> None:
        self.token: Token | None = None
        self.ends_at: float | None = None
        self._fetch = fetch
        self._fetching: asyncio.Task[Token] | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._watchers: list[Callable[[], None]] = []
        self._got_at = 0.0
        self._instead = False  # of one that was refused

    def watch(self, changed: Callable[[], None]) -> None:
        """Have ``changed`` called whenever ``token`` has become another one, or None."""
        self._watchers.append(changed)

    async def get(self) -> Token:
        """Return a token that can be sent, as soon as there is one.

        Raises:
            AsyncdbxError: There is none to be had; the next one who asks tries again.
        """
        if self.token is not None:
            return self.token
        request = self._refresh()
        try:
            # A caller that is cancelled leaves the request to the others who wait for it.
            return await asyncio.shield(request)
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if request.cancelled() and not (me and me.cancelling()):
                raise LoginFailed("the fleet was left before there was a token") from None
            raise

    def refuse(self, token: Token) -> bool:
        """Note that a token was refused before its end; return whether asking anew helps.

        It does if another one is there, or on its way, or can be asked for: not if this
        one has just replaced another that was refused, too.
        """
        if token is not self.token:
            return True
        now = asyncio.get_running_loop().time()
        if self._instead and now - self._got_at < DOUBTED:
            return False
        self._drop()
        self._instead = True
        return True

    def close(self) -> None:
        """End what is under way."""
        self._cancel_timers()
        if self._fetching is not None:
            self._fetching.cancel()

    def _refresh(self) -> "asyncio.Task[Token]":
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetched())
            self._fetching.add_done_callback(self._ended)
        return self._fetching

    async def _fetched(self) -> Token:
        try:
            token = await self._fetch()
        except AsyncdbxError:
            raise
        except Exception as error:
            # Of one workspace, so it must not end a run over all of them.
            raise LoginFailed(f"{type(error).__name__} in the login") from error
        self._keep(token)
        return token

    def _ended(self, task: "asyncio.Task[Token]") -> None:
        self._fetching = None
        if task.cancelled() or task.exception() is None:
            return
        if self.token is not None:
            loop = asyncio.get_running_loop()
            self._timers.append(loop.call_later(TRY_AGAIN, self._refresh))

    def _keep(self, token: Token) -> None:
        """Have a new token, and plan its end."""
        loop = asyncio.get_running_loop()
        now = self._got_at = loop.time()
        self._instead = self._instead and self.token is None
        self._cancel_timers()
        life = token.life or UNKNOWN_LIFE
        self.ends_at = None if token.life is None else now + token.life
        self._timers = [
            loop.call_later(life - min(life / 2, AHEAD), self._refresh),
            loop.call_later(life - min(life / 4, MARGIN), self._expire),
        ]
        self._change(token)

    def _expire(self) -> None:
        self._instead = False
        self._drop()

    def _drop(self) -> None:
        self._cancel_timers()
        self.ends_at = None
        self._change(None)

    def _cancel_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _change(self, token: Token | None) -> None:
        self.token = token
        for changed in self._watchers:
            changed()
