"""Whether a host is there at all: one connection, no login, the head of one answer."""

import asyncio
import contextlib
import email.utils
import os
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from asyncdbx.daemon import in_thread

__all__ = ["Reached", "Unreached", "probe"]

DEFAULT_PORT = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Reached:
    """A host that answers.

    Attributes:
        seconds: Until the connection stood, TLS included.
        certificate_ends: When its certificate ends, seconds since 1970; None without TLS.
        skew: Seconds by which its clock is ahead of ours, give or take one and the time of
            the answer; None if it does not say.
    """

    seconds: float
    certificate_ends: float | None
    skew: float | None


class Unreached(Exception):
    """A host that does not answer; says why."""


async def probe(host: str, within: float, tls: ssl.SSLContext) -> Reached:
    """Connect to a host, look at its certificate and at its clock.

    Args:
        host: ``https://name[:port]``.
        within: Seconds until the connection has to stand, and again until the answer.
        tls: Whom to believe; making one takes as long as many a connection.

    Raises:
        Unreached: It does not resolve, connect, prove who it is, or answer.
    """
    parts = urlsplit(host)
    secure = parts.scheme == "https"
    port = parts.port or DEFAULT_PORT[parts.scheme]
    begun = time.monotonic()
    try:
        async with asyncio.timeout(within):
            reader, writer = await _connection(
                parts.hostname or "", port, tls if secure else None
            )
    except TimeoutError:
        raise Unreached(f"no connection within {within:g} s") from None
    except (OSError, UnicodeError) as error:
        raise Unreached(_words(error, parts.hostname or "")) from None
    connected = time.monotonic() - begun
    try:
        async with asyncio.timeout(within):
            skew = await _skew(reader, writer, parts.netloc)
        return Reached(connected, _certificate_ends(writer), skew)
    except TimeoutError:
        raise Unreached(f"connected, but no answer within {within:g} s") from None
    except OSError as error:
        raise Unreached(f"connected, but {_words(error, '')}") from None
    finally:
        writer.transport.abort()  # a farewell could take as long as it likes


async def _connection(
    machine: str, port: int, tls: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the first address of a name that takes us.

    A resolver that hangs must not hold up the names of other hosts, as it does in the few
    threads that an event loop has for this.
    """
    found = await in_thread(
        lambda: socket.getaddrinfo(machine, port, type=socket.SOCK_STREAM)
    )
    found.sort(key=lambda each: each[0] != socket.AF_INET)  # IPv6 may lead nowhere
    name = machine if tls else None
    *others, last = (str(each[4][0]) for each in found)
    for address in others:
        with contextlib.suppress(OSError):
            return await asyncio.open_connection(
                address, port, ssl=tls, server_hostname=name
            )
    return await asyncio.open_connection(last, port, ssl=tls, server_hostname=name)


async def _skew(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, netloc: str
) -> float | None:
    """Return by how much the host's clock is ahead, from the Date of any answer."""
    request = (
        f"HEAD /.well-known/databricks-config HTTP/1.1\r\nHost: {netloc}\r\n"
        "Connection: close\r\n\r\n"
    )
    sent = time.time()
    writer.write(request.encode("ascii"))
    await writer.drain()
    for line in await _head(reader):
        name, _, value = line.partition(":")
        if name.lower() == "date":
            return _seconds(value.strip(), sent, time.time())
    return None


async def _head(reader: asyncio.StreamReader) -> list[str]:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        head = error.partial
    except asyncio.LimitOverrunError:
        head = b"too much"
    if not head:
        raise ConnectionError("it was closed without an answer")
    if not (head.startswith(b"HTTP/") and head.endswith(b"\r\n\r\n")):
        raise ConnectionError("what came is no HTTP answer")
    return head.decode("latin-1").split("\r\n")


def _seconds(date: str, sent: float, received: float) -> float | None:
    """Return how far a date, which has whole seconds, is outside the time of the answer."""
    try:
        said = email.utils.parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    if said + 1 < sent:
        return said + 1 - sent
    return max(0.0, said - received)


def _certificate_ends(writer: asyncio.StreamWriter) -> float | None:
    certificate: dict[str, Any] | None = writer.get_extra_info("peercert")
    ends = (certificate or {}).get("notAfter")
    return ssl.cert_time_to_seconds(ends) if isinstance(ends, str) else None


def _words(error: OSError | UnicodeError, machine: str) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate is refused: {error.verify_message}"
        case ssl.SSLError():
            return f"no TLS: {(error.reason or str(error)).replace('_', ' ').lower()}"
        case socket.gaierror() | UnicodeError():
            return f"the name {machine} does not resolve"
        case OSError(errno=int(number)) if number > 0:
            return os.strerror(number).lower()
        case _:
            return str(error) or type(error).__name__
