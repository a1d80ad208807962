"""A server on loopback that says exactly the bytes it is told to, and counts arrivals."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(eq=False)
class Arrival:
    """A request that was read to its end, and the wire to answer it on."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int
    reader: asyncio.StreamReader = field(repr=False)
    writer: asyncio.StreamWriter = field(repr=False)

    async def say(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    def reset(self) -> None:
        """End the connection with an RST."""
        self.writer.transport.abort()

    async def hang(self) -> None:
        """Say nothing more until the client goes away."""
        await self.reader.read()


Script = Callable[[Arrival], Awaitable[bool | None]]
"""What to do with an arrival; returns True to keep the connection alive."""


@dataclass(eq=False)
class Server:
    """What a scripted server saw."""

    script: Script
    port: int = 0
    scheme: str = "http"
    connections: int = 0
    open: int = 0
    arrivals: list[Arrival] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, path: str = "/api") -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something that the server sees has come about."""
        async with asyncio.timeout(5):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def arrived(self, count: int) -> None:
        """Wait until so many requests have arrived."""
        await self.until(lambda: len(self.arrivals) >= count)

    async def connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        self.open += 1
        self._news.set()
        number = self.connections
        try:
            keep = True
            while keep:
                arrival = await _read_request(reader, writer, number)
                self.arrivals.append(arrival)
                self._news.set()
                keep = bool(await self.script(arrival))
        except (asyncio.IncompleteReadError, OSError):
            pass  # the client went away
        finally:
            writer.close()
            self.open -= 1
            self._news.set()


async def _read_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
) -> Arrival:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Arrival(method, target, headers, body, number, reader, writer)


@asynccontextmanager
async def serve(
    script: Script, *, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[Server]:
    """Run a scripted server; at the end every connection is closed."""
    server = Server(script, scheme="https" if tls else "http")
    tasks: set[asyncio.Task[None]] = set()

    # Not a coroutine function: asyncio 3.11 stumbles over a cancelled one.
    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(server.connected(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listening = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls, backlog=1024)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answer(body: bytes = b"{}", status: str = "200 OK", *headers: str) -> bytes:
    """Return the bytes of a whole answer that keeps the connection alive."""
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", "")
    return "\r\n".join(lines).encode() + body


def saying(*pieces: bytes, keep: bool = False) -> Script:
    """Return a script that says the same to everything."""

    async def script(arrival: Arrival) -> bool:
        await arrival.say(*pieces)
        return keep

    return script


def certificate(folder: Path, *, days: int, machine: str = "127.0.0.1") -> ssl.SSLContext:
    """Return a server's TLS with a self-signed certificate that is good for ``days``.

    Whoever is to believe it has to be given ``server.pem`` of the folder.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    # Of two that are believed and share a name, OpenSSL takes the first for both.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{machine} {serial:x}")])
    address = x509.IPAddress(ipaddress.IPv4Address(machine))
    public = key.public_key()
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(serial)
        .not_valid_before(now - dt.timedelta(days=30))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context
