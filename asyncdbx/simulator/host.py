"""One host on one port of the loopback: from the socket to the desk and back."""

import asyncio
import base64
import os
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import partial
from random import Random
from time import monotonic
from typing import Any, cast

import orjson
from aiohttp import web
from aiohttp.web_request import BaseRequest, FileField

from asyncdbx.simulator.call import Call, Reply
from asyncdbx.simulator.dark import DarkPort
from asyncdbx.simulator.desk import Admitted, Desk, parse_query
from asyncdbx.simulator.ledger import Ledger
from asyncdbx.simulator.port import ADDRESS

Serve = Callable[[BaseRequest], Awaitable[web.StreamResponse]]
_LARGEST_BODY = 64 * 2**20  # bytes
_WORTH_COMPRESSING = 1024  # bytes
_PATIENCE = 0.01  # seconds until a handler is cancelled; 0 would mean for ever
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 s


@dataclass(slots=True)
class Fuse:
    """Switches a host off by itself: after so many requests, or seconds after the first."""

    requests: int | None = None
    seconds: float | None = None


class InPieces(web.StreamResponse):
    """An answer whose body is made while it is sent, no faster than it is read."""

    def __init__(
        self, pieces: Iterable[bytes], status: int, headers: Mapping[str, str]
    ) -> None:
        super().__init__(status=status, headers=headers)
        self.enable_chunked_encoding()
        self._pieces = pieces

    async def write_eof(self, data: bytes = b"") -> None:
        """Send the body, once."""
        pieces, self._pieces = self._pieces, ()
        for piece in pieces:
            await self.write(piece)
        await super().write_eof(data)


class Connections(web.Server):
    """The connections of a host; tells a ledger of each that ends."""

    def __init__(self, ledger: Ledger, serve: Serve, **options: Any) -> None:
        super().__init__(serve, access_log=None, **options)
        self._ledger = ledger

    def connection_lost(
        self, handler: web.RequestHandler, exc: BaseException | None = None
    ) -> None:
        """Note the end; a client that had read all it was sent ends without an error."""
        self._ledger.ended(handler, by_reset=exc is not None)
        super().connection_lost(handler, exc)


@dataclass
class Host:
    """A server that can be switched off, with its connections reset, and on again.

    Attributes:
        latency: Mean time an answer takes, in seconds; it varies by a fifth.
        compress: Whether a large answer is sent as gzip to whoever accepts it.
        ledger: What became of the calls that were let through.
    """

    desk: Desk
    random: Random
    latency: float = 0.0
    compress: bool = True
    port: int = 0
    fuse: Fuse = field(default_factory=Fuse)
    requests: int = 0
    ledger: Ledger = field(default_factory=Ledger)
    _server: asyncio.Server | None = None
    _protocols: Connections | None = None
    _dark: DarkPort | None = None

    @property
    def url(self) -> str:
        """Where it listens, or listened before it was switched off."""
        return f"http://{ADDRESS}:{self.port}"

    @property
    def running(self) -> bool:
        """Whether it accepts connections."""
        return self._server is not None

    async def start(self) -> None:
        """Listen; again on the same port if it listened before."""
        if self._server is not None:
            return
        self._end_darkness()
        loop = asyncio.get_running_loop()
        self._protocols = Connections(
            self.ledger,
            self._serve,
            request_factory=partial(BaseRequest, loop=loop, client_max_size=_LARGEST_BODY),
            handler_cancellation=False,
        )
        self._server = await loop.create_server(
            self._protocols, ADDRESS, self.port, backlog=1024, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def go_dark(self) -> None:
        """Reset open connections and let new ones wait for ever, as an unplugged host."""
        await self.stop()
        self._dark = DarkPort(self.port)
        self.port = self._dark.port

    def _end_darkness(self) -> None:
        if self._dark is not None:
            self._dark.close()
            self._dark = None

    async def stop(self) -> None:
        """Refuse new connections and reset those that are open."""
        self._end_darkness()
        server, protocols = self._server, self._protocols
        if server is None or protocols is None:
            return
        self._server = self._protocols = None
        server.close()
        for connection in protocols.connections:
            _reset(connection.transport)
        await protocols.shutdown(_PATIENCE)

    async def _serve(self, request: BaseRequest) -> web.StreamResponse:
        self._burn()
        self.ledger.asked(request.protocol)
        arrived = monotonic()  # uvloop's own clock ticks in whole milliseconds
        call = await self._call(request)
        admitted = self.desk.admit(call, request.headers, arrived)
        if isinstance(admitted, Reply):
            return self._response(request, admitted)
        self.ledger.accepted += 1
        reply = await self._done(admitted)
        return await self._handed_over(request, call, reply)

    async def _done(self, admitted: Admitted) -> Reply:
        try:
            seconds = self._latency() + admitted.delay
            if seconds:
                await asyncio.sleep(seconds)
            return self.desk.answer(admitted)
        finally:
            admitted.lane.leave()

    def _latency(self) -> float:
        if not self.latency:
            return 0.0
        return max(0.0, self.random.gauss(1.0, 0.2)) * self.latency

    async def _call(self, request: BaseRequest) -> Call:
        path, _, query = request.raw_path.partition("?")
        body = await _body(request) if request.body_exists else b""
        now = self.desk.world.now()
        return Call(request.method, path, {}, parse_query(query), body, now)

    def _burn(self) -> None:
        """Count a request, and switch off when the fuse has burnt down."""
        self.requests += 1
        loop = asyncio.get_running_loop()
        if self.requests == 1 and self.fuse.seconds is not None:
            loop.call_later(self.fuse.seconds, self._switch_off)
        if self.requests == self.fuse.requests:
            self._switch_off()

    def _switch_off(self) -> None:
        task = asyncio.get_running_loop().create_task(self.stop())
        task.add_done_callback(lambda done: done.exception())

    async def _handed_over(
        self, request: BaseRequest, call: Call, reply: Reply
    ) -> web.StreamResponse:
        """Send the answer of a call that was let through, and note what became of it."""
        response = self._response(request, reply)
        if reply.broken:
            return response
        try:
            await response.prepare(request)
            await response.write_eof()
        except ConnectionError:  # aiohttp tries again, and ends the connection
            self.ledger.unheard += self.running
        else:
            name, success = f"{call.method} {request.raw_path}", reply.status < 400
            self.ledger.answered(request.protocol, name, call.body, success=success)
        return response

    def _response(self, request: BaseRequest, reply: Reply) -> web.StreamResponse:
        if reply.broken:
            return broken(request, reply)
        headers, pieces = self._headers(reply), reply.pieces or (reply.body,)
        large = reply.pieces is not None or len(reply.body) > _WORTH_COMPRESSING
        if self.compress and large and _accepts_gzip(request):
            headers["Content-Encoding"] = "gzip"
            pieces = _gzip(pieces)
        if reply.pieces is not None:
            return InPieces(pieces, reply.status, headers)
        return web.Response(body=b"".join(pieces), status=reply.status, headers=headers)

    def _headers(self, reply: Reply) -> dict[str, str]:
        headers = {**reply.headers, "Content-Type": reply.content_type}
        if self.desk.world.skew:
            headers["Date"] = formatdate(self.desk.world.wall_clock(), usegmt=True)
        return headers


async def _body(request: BaseRequest) -> bytes:
    """Return the body; a multipart form as JSON, with files in base64."""
    if not request.content_type.startswith("multipart/"):
        return await request.read()
    form = await request.post()
    return orjson.dumps({key: _form_value(value) for key, value in form.items()})


def _form_value(value: Any) -> str:
    if isinstance(value, FileField):
        return base64.b64encode(value.file.read()).decode()
    return value.decode() if isinstance(value, bytes | bytearray) else str(value)


def _accepts_gzip(request: BaseRequest) -> bool:
    return "gzip" in request.headers.get("Accept-Encoding", "")


def _gzip(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Compress fast rather than well: the simulator also carries benchmarks."""
    compressor = zlib.compressobj(1, wbits=31)
    for piece in pieces:
        yield compressor.compress(piece)
    yield compressor.flush()


def broken(request: BaseRequest, reply: Reply) -> web.Response:
    """Break the connection; what is returned finds nobody to be sent to."""
    transport = request.transport
    if transport is not None and reply.broken == "cut":
        whole = len(reply.body)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {reply.content_type}\r\n"
        transport.write(f"{head}Content-Length: {whole}\r\n\r\n".encode())
        transport.write(reply.body[: whole // 2])
        transport.close()
    else:
        _reset(transport)
    return web.Response()


def _reset(transport: asyncio.BaseTransport | None) -> None:
    """Close a connection with RST, as a host does that went down."""
    if transport is None:
        return
    descriptor: int = transport.get_extra_info("socket").fileno()
    if descriptor >= 0:
        # The option belongs to the connection, so it can be set through a copy:
        # uvloop hands out sockets without setsockopt.
        with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as copy:
            copy.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    cast("asyncio.Transport", transport).abort()  # uvloop's are no subclass
