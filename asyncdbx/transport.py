"""One HTTP exchange: a request goes out, a whole answer comes back, or it is said why not.

The only module that knows aiohttp. It sends once: whether to send again is decided above,
where the endpoint's repeat-safety is known.
"""

import asyncio
import ssl
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from asyncdbx.errors import BadAnswer, CallError, Unreachable

__all__ = ["Answer", "Request", "Timeouts", "Transport"]

# A refused encoding cannot surprise us; "br" without its library would look like a 400.
ENCODINGS = frozenset({"", "gzip", "identity"})

PIECE = 2**16  # bytes decoded at a time, so that a gzip bomb is noticed while it is small

# A listing shrinks to a tenth; one of jobs that differ in nothing but their ids, to a 140th
# (gzip -9, measured); a bomb of zeros, to a 1,030th.
BOMB_RATIO = 500
BOMB_SIZE = 8 * 2**20  # bytes decoded before the ratio counts

Feed = Callable[[bytes], Awaitable[None] | None]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long an exchange may take.

    Attributes:
        connect: Seconds until the connection stands, TLS included.
        total: Seconds until a buffered answer is whole, or a streamed one begins. DBFS
            listings are cut by the server after about 60 s, so it must be more.
        minimum_rate: Bytes per second that a streamed body must bring in each stretch of
            ``grace`` seconds. A server that drips one byte now and then resets every read
            time-out; it cannot meet this one, however much it sent before.
        grace: Seconds over which ``minimum_rate`` is measured.
    """

    connect: float = 10.0
    total: float = 120.0
    minimum_rate: float = 500.0
    grace: float = 20.0


@dataclass(slots=True)  # not frozen: that costs a microsecond for each one
class Request:
    """What to send.

    Attributes:
        method: HTTP method.
        url: Encoded, absolute.
        headers: Of this request: credential, content type.
        body: Encoded body, or None.
        once: This request must not reach the server twice.
        task: The one that sends it, if it is known: to ask costs a microsecond.
    """

    method: str
    url: URL
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
    once: bool = False
    task: "asyncio.Task[None] | None" = None


@dataclass(slots=True)
class Answer:
    """What the server said.

    Attributes:
        status: HTTP status.
        headers: Response headers, case-insensitive.
        body: The decoded body; empty if it was fed to a reader.
        fed: True if the body went to the reader, chunk by chunk.
        head: True if only the headers were asked for.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    fed: bool = False
    head: bool = False


class _Exchange:
    """One exchange under the eyes of the watchdog."""

    __slots__ = (
        "_cancels",
        "_counted",
        "held",
        "late",
        "received",
        "since",
        "streamed",
        "task",
    )

    def __init__(self, task: "asyncio.Task[object]", now: float) -> None:
        self.task = task
        self.since = now
        self.streamed = False
        self.held = False
        self.received = 0
        self.late = ""
        self._counted = 0
        self._cancels = task.cancelling()

    def stream(self, now: float) -> None:
        """Note that the body begins now and is handed on as it comes."""
        self.streamed = True
        self.since = now

    def hold(self) -> None:
        """Note that nothing is read for a while: the consumer is slow, not the server."""
        self.held = True

    def go_on(self, now: float) -> None:
        """Note that the body is read again; a new stretch begins."""
        self.held = False
        self.since, self._counted = now, self.received

    def look(self, now: float, limits: Timeouts) -> None:
        """End the exchange if it takes too long."""
        if not self.late and (late := self._overdue(now, limits)):
            self.late = late
            self.task.cancel()

    def was_late(self) -> bool:
        """Return whether a cancellation was ours alone, and take it back if so."""
        return bool(self.late) and self.task.uncancel() <= self._cancels

    def _overdue(self, now: float, limits: Timeouts) -> str:
        elapsed = now - self.since
        if not self.streamed:
            late = elapsed > limits.total
            return f"no whole answer within {limits.total:g} s" if late else ""
        if self.held or elapsed <= limits.grace:
            return ""
        rate = (self.received - self._counted) / elapsed
        if rate < limits.minimum_rate:
            return f"the body came at {rate:.0f} bytes/s, below {limits.minimum_rate:g}"
        self.since, self._counted = now, self.received  # the next stretch begins
        return ""


class _Gunzip:
    """Decodes a gzip body in bounded pieces, and knows whether it is whole.

    aiohttp's own decoder takes a body that is cut in half, with a Content-Length to match,
    for a whole one.
    """

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)
        self._packed = 0
        self._unpacked = 0

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what the next bytes decode to, at most ``PIECE`` at a time."""
        self._packed += len(chunk)
        try:
            while chunk:
                if self._member.eof:  # gzip files may be joined
                    self._member = zlib.decompressobj(wbits=31)
                piece = self._member.decompress(chunk, PIECE)
                self._unpacked += len(piece)
                if self._unpacked > max(BOMB_SIZE, BOMB_RATIO * self._packed):
                    raise BadAnswer(
                        f"a decompression bomb: {self._packed:,} bytes of gzip unpack to"
                        f" more than {self._unpacked:,}"
                    )
                yield piece
                chunk = self._member.unconsumed_tail or self._member.unused_data
        except zlib.error as error:
            raise BadAnswer(f"the body is no valid gzip: {error}") from error

    def close(self) -> None:
        """Raise Unreachable unless the body was whole or empty."""
        if self._packed and not self._member.eof:
            raise Unreachable("the gzip body ends too early")


class Transport:
    """Sends requests over kept-alive connections, without retry and without redirect.

    There is no limit on connections here: the engine has one, and a second limit below it
    would only make calls wait where nobody sees them.

    Two pools: calls that may be repeated reuse connections; a call that must not happen
    twice gets a fresh one, because when a reused connection closes nobody can tell whether
    the request was read. aiohttp would resend idempotent methods silently; that is
    switched off, so every request counts against its lane.

    Args:
        timeouts: See ``Timeouts``.
        user_agent: Sent with every request.
        max_body: Bytes, decoded, that a collected body may have; a streamed one is bounded
            by its reader.
    """

    def __init__(
        self,
        *,
        timeouts: Timeouts | None = None,
        user_agent: str = "asyncdbx",
        max_body: int = 256 * 2**20,
    ) -> None:
        self.max_body = max_body
        self.timeouts = timeouts or Timeouts()
        self._user_agent = user_agent
        self._in_flight: set[_Exchange] = set()
        self._watchdog: asyncio.TimerHandle | None = None
        self._reused: aiohttp.ClientSession | None = None
        self._fresh: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._reused = self._session(force_close=False)
        self._fresh = self._session(force_close=True)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
            self._watchdog = None
        for session in (self._reused, self._fresh):
            if session is not None:
                await session.close()

    def _session(self, *, force_close: bool) -> aiohttp.ClientSession:
        """Return a session with the fastest settings that were measured."""
        connector = aiohttp.TCPConnector(
            limit=0, ttl_dns_cache=300, force_close=force_close
        )
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "gzip", "User-Agent": self._user_agent},
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self.timeouts.connect),
            trust_env=False,
        )
        # The only switch there is against the silent second send (aiohttp #10790);
        # tests/test_transport.py counts arrivals, so a renamed attribute is noticed.
        session._retry_connection = False  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        return session

    async def send(self, request: Request, *, feed: Feed | None = None) -> Answer:
        """Send one request and return its whole answer.

        Args:
            request: What to send.
            feed: Takes the decoded body of a 200 chunk by chunk instead of having it
                collected; what it raises ends the exchange and goes to the caller. If it
                returns something to wait for, nothing is read meanwhile: the socket fills,
                and the server waits too.

        Raises:
            Unreachable: no whole answer; says whether the server can have seen the call.
            BadAnswer: what came is not HTTP, not decodable, or larger than ``max_body``.
        """
        session = self._fresh if request.once else self._reused
        if session is None:
            msg = "the transport is used outside its `async with`"
            raise RuntimeError(msg)
        exchange = self._watch(request.task or asyncio.current_task())
        response = None
        try:
            response = await session.request(
                request.method,
                request.url,
                headers=request.headers,
                data=request.body,
                allow_redirects=False,
            )
            if feed is None and _is_all_there(response):
                body = response.content.read_nowait()
            else:
                body = await self._read(response, feed, exchange)
            fed = feed is not None and response.status == 200
            head = response.method == "HEAD"
            return Answer(response.status, response.headers, body, fed, head)
        except asyncio.CancelledError:
            if not exchange.was_late():
                raise
            raise Unreachable(exchange.late) from None
        except aiohttp.ClientResponseError as error:
            # Not as the cause: its repr holds the headers of the request, the token too.
            raise told(error) from None
        except (aiohttp.ClientError, OSError) as error:
            if response is not None:
                raise  # not ours: _read has told its own, this is the feed's
            raise told(error) from error
        finally:
            self._in_flight.discard(exchange)
            # An answer read to its end has given its connection back already.
            if response is not None and response.connection is not None:
                response.close()

    async def _read(
        self, response: aiohttp.ClientResponse, feed: Feed | None, exchange: _Exchange
    ) -> bytes:
        """Return the body, or b"" if ``feed`` got it."""
        encoding = response.headers.get("Content-Encoding", "").lower()
        if encoding not in ENCODINGS:
            raise BadAnswer(f"the body has encoding {encoding!r}, which was not asked for")
        gunzip = _Gunzip() if encoding == "gzip" else None
        if feed is not None and response.status == 200:
            exchange.stream(asyncio.get_running_loop().time())
            await self._pour(response.content, gunzip, feed, exchange)
            return b""
        chunks: list[bytes] = []
        await self._pour(response.content, gunzip, chunks.append, exchange)
        return b"".join(chunks)

    async def _pour(
        self,
        content: aiohttp.StreamReader,
        gunzip: _Gunzip | None,
        feed: Feed,
        exchange: _Exchange,
    ) -> None:
        """Hand the body on as it comes; a gzip bomb ends at ``max_body`` if collected."""
        while chunk := await _next_chunk(content):
            for piece in (chunk,) if gunzip is None else gunzip.pieces(chunk):
                exchange.received += len(piece)
                if exchange.received > self.max_body and not exchange.streamed:
                    raise BadAnswer(f"the answer is larger than {self.max_body:,} bytes")
                if (room := feed(piece)) is not None:
                    exchange.hold()
                    await room
                    exchange.go_on(asyncio.get_running_loop().time())
        if gunzip is not None:
            gunzip.close()

    def _watch(self, task: "asyncio.Task[None] | None") -> _Exchange:
        """Note an exchange; one timer looks at all of them once a second.

        A timer per request costs 7 % of a request; a second of slack costs nobody.
        """
        if task is None:
            msg = "an exchange needs a task, so that it can be ended"
            raise RuntimeError(msg)
        loop = asyncio.get_running_loop()
        exchange = _Exchange(task, loop.time())
        self._in_flight.add(exchange)
        if self._watchdog is None:
            self._watchdog = loop.call_later(1.0, self._look)
        return exchange

    def _look(self) -> None:
        self._watchdog = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        for exchange in self._in_flight:
            exchange.look(now, self.timeouts)
        if self._in_flight:
            self._watchdog = loop.call_later(1.0, self._look)


async def _next_chunk(content: aiohttp.StreamReader) -> bytes:
    """Return what has come of the body, b"" at its end."""
    try:
        return await content.readany()
    except (aiohttp.ClientError, OSError) as error:
        raise told(error) from error


def _is_all_there(response: aiohttp.ClientResponse) -> bool:
    """Return whether a plain body came with its headers, as small ones do."""
    content = response.content
    return (
        content.is_eof()
        and content.total_bytes < PIECE
        and content.exception() is None
        and "Content-Encoding" not in response.headers
    )


def told(error: Exception) -> CallError:
    """Return our error for one of aiohttp's or the system's.

    Definite means that the server certainly did not process the request: the connection
    never stood. Everything after the first byte went out is not definite.
    """
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return _not_connected(error)
    match error:
        case aiohttp.ServerDisconnectedError():
            return Unreachable("the server closed the connection without an answer")
        case aiohttp.ClientPayloadError():
            return Unreachable("the connection broke in the middle of the body")
        case aiohttp.ClientResponseError():
            words = " ".join(error.message.split())
            return BadAnswer(f"what came is not a usable HTTP answer ({words})")
        case aiohttp.InvalidURL():
            return BadAnswer("the URL of the call is not valid")
        case _:
            return Unreachable(f"the connection broke ({type(error).__name__}: {error})")


def _not_connected(
    error: aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError,
) -> Unreachable:
    match error:
        case aiohttp.ConnectionTimeoutError():
            words = "no connection within the time-out"
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return Unreachable(_tls_words(error), definite=True, permanent=True)
        case aiohttp.ClientConnectorDNSError():
            words = f"the name {error.host} does not resolve"
        case _:
            reason = error.os_error.strerror or type(error.os_error).__name__
            words = f"cannot connect to {error.host}:{error.port} ({reason})"
    return Unreachable(words, definite=True)


def _tls_words(error: aiohttp.ClientConnectorError) -> str:
    cause = error.__cause__ or getattr(error, "certificate_error", None)
    reason = getattr(cause, "verify_message", "") or str(cause or error.os_error)
    kind = "certificate" if isinstance(cause, ssl.SSLCertVerificationError) else "TLS"
    return f"{kind} of {error.host} refused: {reason}"
