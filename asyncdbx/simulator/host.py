"""One host on one port of the loopback: from the socket to the desk and back."""

import asyncio
import base64
import os
import socket
import struct
import zlib
from collections.abc import Iterable, Iterator
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
from asyncdbx.simulator.desk import Desk, parse_query
from asyncdbx.simulator.port import ADDRESS

_LARGEST_BODY = 64 * 2**20  # bytes
_WORTH_COMPRESSING = 1024  # bytes
_PATIENCE = 0.01  # seconds until a handler is cancelled; 0 would mean for ever
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 s


@dataclass(slots=True)
class Fuse:
    """Switches a host off by itself: after so many requests, or seconds after the first."""

    requests: int | None = None
    seconds: float | None = None


@dataclass
class Host:
    """A server that can be switched off, with its connections reset, and on again.

    Attributes:
        latency: Mean time an answer takes, in seconds; it varies by a fifth.
        compress: Whether a large answer is sent as gzip to whoever accepts it.
    """

    desk: Desk
    random: Random
    latency: float = 0.0
    compress: bool = True
    port: int = 0
    fuse: Fuse = field(default_factory=Fuse)
    requests: int = 0
    _server: asyncio.Server | None = None
    _protocols: web.Server | None = None
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
        self._protocols = web.Server(
            self._serve,
            request_factory=partial(BaseRequest, loop=loop, client_max_size=_LARGEST_BODY),
            access_log=None,
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
        arrived = monotonic()  # uvloop's own clock ticks in whole milliseconds
        call = await self._call(request)
        admitted = self.desk.admit(call, request.headers, arrived)
        if isinstance(admitted, Reply):
            return self._response(request, admitted)
        try:
            seconds = self._latency() + admitted.delay
            if seconds:
                await asyncio.sleep(seconds)
            reply = self.desk.answer(admitted)
        finally:
            admitted.lane.leave()
        if reply.pieces is not None:
            return await self._streamed(request, reply)
        return self._response(request, reply)

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

    def _response(self, request: BaseRequest, reply: Reply) -> web.Response:
        if reply.broken:
            return broken(request, reply)
        body, headers = reply.body, self._headers(reply)
        if len(body) > _WORTH_COMPRESSING and self._compresses(request):
            body = b"".join(_gzip([body]))
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=body, status=reply.status, headers=headers)

    async def _streamed(self, request: BaseRequest, reply: Reply) -> web.StreamResponse:
        """Send an answer while it is made, no faster than it is read."""
        pieces, headers = reply.pieces or (), self._headers(reply)
        if self._compresses(request):
            pieces = _gzip(pieces)
            headers["Content-Encoding"] = "gzip"
        response = web.StreamResponse(status=reply.status, headers=headers)
        response.enable_chunked_encoding()
        with suppress(ConnectionError):  # aiohttp finds out by itself that nobody is there
            await response.prepare(request)
            for piece in pieces:
                await response.write(piece)
            await response.write_eof()
        return response

    def _headers(self, reply: Reply) -> dict[str, str]:
        headers = {**reply.headers, "Content-Type": reply.content_type}
        if self.desk.world.skew:
            headers["Date"] = formatdate(self.desk.world.wall_clock(), usegmt=True)
        return headers

    def _compresses(self, request: BaseRequest) -> bool:
        return self.compress and "gzip" in request.headers.get("Accept-Encoding", "")


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
