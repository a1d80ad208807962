"""The transport against a server that says exactly the bytes it is told to."""

import asyncio
import gc
import gzip
import re
import resource
import socket
import ssl
import traceback
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from scripted_server import Arrival, Script, Server, answer, certificate, saying, serve
from yarl import URL

from asyncdbx.errors import BadAnswer, CallError, Unreachable
from asyncdbx.transport import (
    Request,
    Timeouts,
    Transport,
    _Exchange,
    told,
)

pytestmark = pytest.mark.wire

CANARY = "dapi0123456789canary"
BODY = b'{"clusters": [1, 2, 3]}'


def get(server: Server, path: str = "/api") -> Request:
    return Request("GET", URL(server.url(path)), {"Authorization": f"Bearer {CANARY}"})


def head(*lines: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode()


@asynccontextmanager
async def ready(
    script: Script, *, tls: ssl.SSLContext | None = None, max_body: int = 2**20
) -> AsyncGenerator[tuple[Server, Transport]]:
    """A server and a transport; afterwards nothing is left of either."""
    async with serve(script, tls=tls) as server:
        async with Transport(max_body=max_body) as transport:
            yield server, transport
            assert not transport._in_flight
        await server.until(lambda: server.open == 0)
    gc.collect()  # an unclosed transport would warn now


async def failure(server: Server, transport: Transport) -> CallError:
    with pytest.raises(CallError) as caught:
        await transport.send(get(server))
    return caught.value


# --- connections ------------------------------------------------------------------------


async def test_many_calls_share_one_connection() -> None:
    """Keep-alive: a hundred calls one after the other, one connection."""
    async with ready(saying(answer(BODY), keep=True)) as (server, transport):
        answers = [await transport.send(get(server)) for _ in range(100)]

        assert {(a.status, a.body, a.fed, a.head) for a in answers} == {
            (200, BODY, False, False)
        }
        assert (len(server.arrivals), server.connections) == (100, 1)


async def test_calls_at_the_same_time_have_a_connection_each() -> None:
    """There is no limit on connections here."""
    async with ready(saying(answer(BODY), keep=True)) as (server, transport):
        await asyncio.gather(*(transport.send(get(server)) for _ in range(120)))

        assert (len(server.arrivals), server.connections) == (120, 120)


async def test_a_call_that_must_not_happen_twice_has_a_fresh_connection() -> None:
    """Each ``once`` request opens its own connection and asks for it to be closed."""
    async with ready(saying(answer(BODY), keep=True)) as (server, transport):
        await transport.send(get(server))
        for _ in range(3):
            await transport.send(Request("POST", URL(server.url()), {}, b"{}", once=True))

        assert [a.connection for a in server.arrivals] == [1, 2, 3, 4]
        assert [a.headers.get("connection") for a in server.arrivals[1:]] == ["close"] * 3


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "POST", "PATCH"])
async def test_nothing_is_sent_a_second_time(method: str, *, once: bool) -> None:
    """A reused connection that closes after the request was read: one arrival, no more."""

    async def script(arrival: Arrival) -> bool:
        if arrival.target == "/first":
            await arrival.say(answer(BODY))
            return True
        return False

    async with ready(script) as (server, transport):
        await transport.send(get(server, "/first"))
        with pytest.raises(Unreachable) as caught:
            await transport.send(Request(method, URL(server.url()), {}, once=once))

        assert [a.method for a in server.arrivals] == ["GET", method]
        assert (caught.value.definite, caught.value.permanent) == (False, False)


async def test_the_request_is_what_was_asked_for() -> None:
    """Path and query stay as encoded; only gzip is asked for; the body arrives whole."""
    async with ready(saying(answer(BODY), keep=True)) as (server, transport):
        url = URL(server.url("/a%2Fb/c%20d?page_token=x%2By%2F"), encoded=True)
        headers = {"Authorization": "Bearer t", "Content-Type": "application/json"}
        await transport.send(Request("POST", url, headers, b'{"a":1}'))

        (arrival,) = server.arrivals
        assert arrival.method == "POST"
        assert arrival.target == "/a%2Fb/c%20d?page_token=x%2By%2F"
        assert arrival.body == b'{"a":1}'
        assert arrival.headers["accept-encoding"] == "gzip"
        assert arrival.headers["user-agent"] == "asyncdbx"
        assert arrival.headers["content-type"] == "application/json"


async def test_a_redirect_is_an_answer_and_the_token_stays_here() -> None:
    """A 307 to another server is not followed: that one hears nothing."""
    async with serve(saying(answer(), keep=True)) as other:
        moved = answer(b"", "307 Temporary Redirect", f"Location: {other.url()}")
        async with ready(saying(moved, keep=True)) as (server, transport):
            got = await transport.send(get(server))

            assert (got.status, got.headers["Location"]) == (307, other.url())
            assert other.arrivals == []


async def test_proxies_netrc_and_cookies_are_none_of_our_business(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither the environment nor an earlier answer changes what is sent."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    script = saying(answer(b"{}", "200 OK", "Set-Cookie: a=b"), keep=True)
    async with ready(script) as (server, transport):
        # A name, because cookie jars keep nothing of an address.
        bare = Request("GET", URL(server.url().replace("127.0.0.1", "localhost")), {})
        await transport.send(bare)
        await transport.send(bare)

        for arrival in server.arrivals:
            assert not {"authorization", "cookie"} & arrival.headers.keys()


async def test_a_transport_is_used_inside_its_block_only() -> None:
    """Before the block, sending is a bug of the caller."""
    with pytest.raises(RuntimeError, match="outside its `async with`"):
        await Transport().send(Request("GET", URL("http://127.0.0.1/"), {}))


# --- bodies -----------------------------------------------------------------------------


async def test_gzip_is_decoded() -> None:
    """One member, two joined ones, and an empty body."""
    packed = gzip.compress(BODY)
    for sent, expected in ((packed, BODY), (packed * 2, BODY * 2), (b"", b"")):
        script = saying(answer(sent, "200 OK", "Content-Encoding: gzip"), keep=True)
        async with ready(script) as (server, transport):
            assert (await transport.send(get(server))).body == expected


async def test_gzip_is_decoded_whatever_the_pieces() -> None:
    """A gzip body that comes byte by byte is the same body."""
    plain = b"".join(b'{"id": %d}' % n for n in range(200))
    packed = gzip.compress(plain)
    chunks = [b"1\r\n%c\r\n" % byte for byte in packed]
    start = head("Transfer-Encoding: chunked", "Content-Encoding: GZip")
    async with ready(saying(start, *chunks, b"0\r\n\r\n")) as (server, transport):
        assert (await transport.send(get(server))).body == plain


async def test_a_feed_gets_the_body_of_a_200_and_only_that() -> None:
    """A 200 is poured; the body of any other status is collected."""
    fed: list[bytes] = []
    async with ready(saying(answer(BODY), keep=True)) as (server, transport):
        got = await transport.send(get(server), feed=fed.append)
        assert (got.body, got.fed, b"".join(fed)) == (b"", True, BODY)

    fed.clear()
    script = saying(answer(b"no", "404 Not Found"), keep=True)
    async with ready(script) as (server, transport):
        got = await transport.send(get(server), feed=fed.append)
        assert (got.status, got.body, got.fed, fed) == (404, b"no", False, [])


async def test_head_has_headers_and_no_body() -> None:
    """The Content-Length of a HEAD's answer announces nothing."""
    script = saying(head("Content-Length: 100", "X-Size: 7"), keep=True)
    async with ready(script) as (server, transport):
        got = await transport.send(Request("HEAD", URL(server.url()), {}))

        assert (got.head, got.body, got.headers["x-size"]) == (True, b"", "7")


@pytest.mark.parametrize("encoding", ["br", "banana", "deflate", "zstd", "gzip, gzip"])
async def test_an_encoding_that_was_not_asked_for_is_refused(encoding: str) -> None:
    """Bytes that nobody decodes must not pass for a body."""
    script = saying(answer(BODY, "200 OK", f"Content-Encoding: {encoding}"))
    async with ready(script) as (server, transport):
        error = await failure(server, transport)

    assert type(error) is BadAnswer
    assert str(error) == f"the body has encoding {encoding!r}, which was not asked for"


GZIP = gzip.compress(bytes(range(256)) * 400)
CUTS: dict[str, tuple[bytes, str]] = {
    "length": (
        head("Content-Length: 100") + BODY,
        "the connection broke in the middle of the body",
    ),
    "inside a chunk": (
        head("Transfer-Encoding: chunked") + b"50\r\n" + BODY,
        "the connection broke in the middle of the body",
    ),
    "before the last chunk": (
        head("Transfer-Encoding: chunked") + b"17\r\n" + BODY + b"\r\n",
        "the connection broke in the middle of the body",
    ),
    "gzip, with a length to match": (
        answer(GZIP[: len(GZIP) // 2], "200 OK", "Content-Encoding: gzip"),
        "the gzip body ends too early",
    ),
    "gzip, with a proper last chunk": (
        head("Transfer-Encoding: chunked", "Content-Encoding: gzip")
        + b"%x\r\n" % 40 + GZIP[:40] + b"\r\n0\r\n\r\n",
        "the gzip body ends too early",
    ),
    "gzip, all but the checksum": (
        answer(GZIP[:-8], "200 OK", "Content-Encoding: gzip"),
        "the gzip body ends too early",
    ),
    "inside the head": (
        b"HTTP/1.1 200 OK\r\nContent-Le",
        "the server closed the connection without an answer",
    ),
    "before the head": (b"", "the server closed the connection without an answer"),
}  # fmt: skip


@pytest.mark.parametrize("fed", [False, True])
@pytest.mark.parametrize("cut", CUTS)
async def test_a_cut_answer_is_no_answer(cut: str, *, fed: bool) -> None:
    """Nobody knows what became of the call, and asking again may help."""
    raw, words = CUTS[cut]
    pieces: list[bytes] = []
    async with ready(saying(raw)) as (server, transport):
        with pytest.raises(Unreachable) as caught:
            await transport.send(get(server), feed=pieces.append if fed else None)

    error = caught.value
    assert (error.message, error.definite, error.permanent) == (words, False, False)


async def test_a_reset_in_the_body_is_no_answer() -> None:
    """As a cut one."""

    async def script(arrival: Arrival) -> None:
        await arrival.say(head("Content-Length: 100"), BODY)
        arrival.reset()

    async with ready(script) as (server, transport):
        error = await failure(server, transport)

    assert isinstance(error, Unreachable)
    assert (error.definite, error.permanent) == (False, False)


@pytest.mark.parametrize("body", [GZIP[:-8] + b"12345678", BODY, GZIP + b"rubbish"])
async def test_a_body_that_is_no_gzip_is_a_bad_answer(body: bytes) -> None:
    """A wrong checksum, plain text, rubbish behind the end: asking again will not help."""
    script = saying(answer(body, "200 OK", "Content-Encoding: gzip"))
    async with ready(script) as (server, transport):
        error = await failure(server, transport)

    assert type(error) is BadAnswer
    assert error.message.startswith("the body is no valid gzip: ")


async def test_a_gzip_bomb_ends_at_the_cap() -> None:
    """A megabyte that decodes to a gigabyte is given up after ``max_body``, cheaply."""
    packer = zlib.compressobj(wbits=31)
    start, more = (
        packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2)
    )
    bomb = start + more * 1023
    script = saying(answer(bomb, "200 OK", "Content-Encoding: gzip"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with ready(script, max_body=2**22) as (server, transport):
        error = await failure(server, transport)

    assert type(error) is BadAnswer
    assert error.message == "the answer is larger than 4,194,304 bytes"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB


async def test_a_reader_of_a_gzip_bomb_sees_small_pieces_and_can_stop() -> None:
    """What is poured comes in pieces of 64 KiB at most, so that the reader is asked."""
    seen: list[int] = []

    def feed(piece: bytes) -> None:
        seen.append(len(piece))
        if len(seen) == 3:
            msg = "enough"
            raise ValueError(msg)

    bomb = gzip.compress(bytes(2**25))
    script = saying(answer(bomb, "200 OK", "Content-Encoding: gzip"))
    async with ready(script) as (server, transport):
        with pytest.raises(ValueError, match="enough"):
            await transport.send(get(server), feed=feed)

    assert seen == [2**16] * 3


async def test_a_plain_body_ends_at_the_cap() -> None:
    """Also without gzip, and without a length; one byte less is fine."""
    for size, fits in ((1000, True), (1001, False)):
        script = saying(head(), b"x" * size)
        async with ready(script, max_body=1000) as (server, transport):
            if fits:
                assert len((await transport.send(get(server))).body) == size
            else:
                assert type(await failure(server, transport)) is BadAnswer


@pytest.mark.parametrize("wrong", [OSError("disk full"), KeyError("bug"), TimeoutError()])
async def test_what_a_reader_raises_goes_to_the_caller(wrong: Exception) -> None:
    """It is never taken for a fault of the network, and the connection is not reused."""

    def feed(_: bytes) -> None:
        raise wrong

    async with ready(saying(answer(BODY), keep=True)) as (server, transport):
        with pytest.raises(type(wrong)) as caught:
            await transport.send(get(server), feed=feed)
        assert caught.value is wrong
        await transport.send(get(server))


# --- no connection ----------------------------------------------------------------------


@asynccontextmanager
async def listening(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncGenerator[int]:
    """A port where ``talk`` speaks without waiting for HTTP."""
    tasks: list[asyncio.Task[None]] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        try:
            await talk(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await asyncio.gather(*tasks)


async def refusal(url: str, *, once: bool = False) -> Unreachable:
    async with Transport(timeouts=Timeouts(connect=0.2)) as transport:
        with pytest.raises(Unreachable) as caught:
            await transport.send(Request("GET", URL(url), {}, once=once))
    return caught.value


@pytest.mark.parametrize("once", [False, True])
async def test_a_refused_connection_is_definite(*, once: bool) -> None:
    """Nobody listens: the call was certainly not processed, and later it may be."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        error = await refusal(f"http://127.0.0.1:{port}/", once=once)

    assert error.message.startswith(f"cannot connect to 127.0.0.1:{port} (")
    assert (error.definite, error.permanent) == (True, False)


async def test_a_name_that_does_not_resolve_is_definite(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DNS says no: nothing was sent, and DNS recovers."""

    async def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "getaddrinfo", unknown, raising=False)
    error = await refusal("https://no-such-host.invalid/")

    assert error.message == "the name no-such-host.invalid does not resolve"
    assert (error.definite, error.permanent) == (True, False)


async def test_a_handshake_that_never_comes_runs_into_the_time_out() -> None:
    """The connect time-out covers TLS, and says that nothing was sent."""

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(silent) as port:
        error = await refusal(f"https://127.0.0.1:{port}/")

    assert error.message == "no connection within the time-out"
    assert (error.definite, error.permanent) == (True, False)


async def test_tls_to_a_plain_port_is_permanent() -> None:
    """Something else than TLS answers: a matter of configuration."""

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer(b"speak HTTP", "400 Bad Request"))
        await reader.read()

    async with listening(plain) as port:
        error = await refusal(f"https://127.0.0.1:{port}/")

    assert error.message.startswith("TLS of 127.0.0.1 refused: ")
    assert (error.definite, error.permanent) == (True, True)


async def test_a_handshake_that_breaks_off_is_definite_but_not_permanent() -> None:
    """A gateway that restarts closes handshakes; the workspace is not to be given up."""

    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async with listening(closing) as port:
        error = await refusal(f"https://127.0.0.1:{port}/")

    assert error.message == f"cannot connect to 127.0.0.1:{port} (ConnectionResetError)"
    assert (error.definite, error.permanent) == (True, False)


async def test_plain_to_a_tls_port_gives_no_answer(tmp_path: Path) -> None:
    """The server hangs up; nothing is claimed beyond that."""
    tls = certificate(tmp_path, days=1)
    async with serve(saying(answer()), tls=tls) as server:
        error = await refusal(server.url().replace("https:", "http:"))

    assert (error.definite, error.permanent) == (False, False)


async def test_a_certificate_nobody_signed_is_permanent(tmp_path: Path) -> None:
    """Fail fast, never ask again, say what is wrong."""
    async with ready(saying(answer()), tls=certificate(tmp_path, days=1)) as (
        server,
        transport,
    ):
        error = await failure(server, transport)

        assert isinstance(error, Unreachable)
        assert error.message == (
            "certificate of 127.0.0.1 refused: self-signed certificate"
        )
        assert (error.definite, error.permanent) == (True, True)
        assert server.arrivals == []


@pytest.mark.parametrize(
    ("days", "host", "words"),
    [
        (1, "127.0.0.1", ""),
        (-1, "127.0.0.1", "certificate of 127.0.0.1 refused: certificate has expired"),
        (1, "localhost", "certificate of localhost refused: Hostname mismatch"),
    ],
)
async def test_a_trusted_certificate_must_be_valid_and_of_this_host(
    days: int, host: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A good one is accepted; an expired one and another host's are permanent failures."""
    tls = certificate(tmp_path, days=days)
    trusting = ssl.create_default_context(cafile=tmp_path / "server.pem")
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", trusting)
    async with ready(saying(answer(BODY), keep=True), tls=tls) as (server, transport):
        url = URL(server.url().replace("127.0.0.1", host))
        if not words:
            assert (await transport.send(Request("GET", url, {}))).body == BODY
            return
        with pytest.raises(Unreachable) as caught:
            await transport.send(Request("GET", url, {}))

    assert caught.value.message.startswith(words)
    assert (caught.value.definite, caught.value.permanent) == (True, True)


# --- not HTTP ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        head("X-Big: " + "a" * 10_000, "Content-Length: 0"),
        head(*[f"X-{n}: a" for n in range(300)], "Content-Length: 0"),
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x28\r\n\r\n",
        head("Content-Length: -5"),
        head("Content-Length: 3", "Content-Length: 4") + b"abcd",
    ],
    ids=["long header", "many headers", "ssh", "no status", "tls", "negative", "two"],
)
async def test_what_is_not_http_is_a_bad_answer(raw: bytes) -> None:
    """It is not the API's 400, though aiohttp calls it so."""
    async with ready(saying(raw)) as (server, transport):
        error = await failure(server, transport)

    assert type(error) is BadAnswer
    assert error.message.startswith("what came is not a usable HTTP answer (")
    assert "\n" not in error.message


async def test_an_endless_head_ends() -> None:
    """A server that sends headers for ever is stopped by the limits, not by memory."""

    async def script(arrival: Arrival) -> None:
        await arrival.say(b"HTTP/1.1 200 OK\r\n")
        while not arrival.writer.is_closing():
            await arrival.say(b"X-More: and more\r\n" * 1000)

    async with ready(script) as (server, transport):
        assert type(await failure(server, transport)) is BadAnswer


async def test_the_token_is_in_no_error_text_and_no_cause() -> None:
    """Neither the traceback nor the repr of any cause shows what was sent."""
    for raw in (
        b"rubbish\r\n\r\n",
        b"",
        head("Content-Length: 5"),
        head("X: " + "a" * 9999),
    ):
        async with ready(saying(raw)) as (server, transport):
            error = await failure(server, transport)
        shown = "".join(traceback.format_exception(error))
        cause: BaseException | None = error
        while cause is not None:
            shown += repr(cause)
            cause = cause.__cause__
        assert CANARY not in shown


async def test_a_token_with_a_line_break_is_refused_unseen() -> None:
    """It would smuggle a header in; the error does not print it, and nothing is sent."""
    async with ready(saying(answer(), keep=True)) as (server, transport):
        for bad in (f"Bearer {CANARY}\r\nX-Admin: 1", f"Bearer {CANARY}\n", f"{CANARY}\0"):
            request = Request("GET", URL(server.url()), {"Authorization": bad})
            with pytest.raises(ValueError) as caught:
                await transport.send(request)
            assert CANARY not in "".join(traceback.format_exception(caught.value))
        assert server.arrivals == []


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (aiohttp.InvalidURL("http://["), BadAnswer, "the URL of the call is not valid"),
        (BrokenPipeError(32, "Broken pipe"), Unreachable, "the connection broke (Broken"),
        (TimeoutError(), Unreachable, "the connection broke (TimeoutError: )"),
    ],
)
def test_the_rest_of_the_errors(error: Exception, kind: type, words: str) -> None:
    """What has no words of its own keeps those of its cause."""
    ours = told(error)

    assert type(ours) is kind
    assert ours.message.startswith(words)


# --- time -------------------------------------------------------------------------------


async def test_what_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence, a dripped answer, a dripped or stalled stream: each ends for its reason."""
    stopped = asyncio.Event()

    async def script(arrival: Arrival) -> None:
        if arrival.target != "/silent":
            await arrival.say(head("Content-Length: 100000"))
        if arrival.target == "/stalled":
            await arrival.say(b"x" * 50_000)
        while not stopped.is_set() and arrival.target.startswith("/drip"):
            await arrival.say(b"x")
            await asyncio.sleep(0.05)
        await arrival.hang()

    limits = Timeouts(connect=1, total=0.4, minimum_rate=1000, grace=0.3)
    async with serve(script) as server:
        async with Transport(timeouts=limits) as transport:
            loop = asyncio.get_running_loop()
            # The watchdog looks once a second; here the loop's second is shorter.
            monkeypatch.setattr(
                loop, "call_later", _hurried(loop.call_later), raising=False
            )

            async def send(path: str, *, fed: bool) -> str:
                with pytest.raises(Unreachable) as caught:
                    feed = (lambda _: None) if fed else None
                    await transport.send(get(server, path), feed=feed)
                assert (caught.value.definite, caught.value.permanent) == (False, False)
                return caught.value.message

            said = await asyncio.gather(
                send("/silent", fed=False),
                send("/drip", fed=False),
                send("/drip-stream", fed=True),
                send("/stalled", fed=True),
            )
            stopped.set()
            assert not transport._in_flight
        await server.until(lambda: server.open == 0)

    assert said[0] == said[1] == "no whole answer within 0.4 s"
    assert re.fullmatch(r"the body came at \d+ bytes/s, below 1000", said[2])
    assert said[3] == "the body came at 0 bytes/s, below 1000"


def _hurried(call_later: Callable[..., asyncio.TimerHandle]) -> Callable[..., object]:
    def hurried(delay: float, *rest: object, **more: object) -> asyncio.TimerHandle:
        return call_later(min(delay, 0.1), *rest, **more)

    return hurried


async def test_a_stream_that_is_fast_enough_may_take_longer_than_the_total(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``total`` ends where the stream begins; the rate counts for each stretch."""

    async def script(arrival: Arrival) -> bool:
        await arrival.say(head("Content-Length: 1200"))
        for _ in range(12):
            await arrival.say(b"x" * 100)
            await asyncio.sleep(0.02)
        return True

    limits = Timeouts(total=0.05, minimum_rate=50, grace=0.05)
    async with serve(script) as server, Transport(timeouts=limits) as transport:
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "call_later", _hurried(loop.call_later), raising=False)
        sizes: list[int] = []
        got = await transport.send(get(server), feed=lambda piece: sizes.append(len(piece)))

    assert (got.fed, sum(sizes)) == (True, 1200)


async def test_a_cancelled_call_frees_everything() -> None:
    """While the head is awaited, and in the middle of a body: the connection is closed."""

    async def script(arrival: Arrival) -> None:
        if arrival.target == "/body":
            await arrival.say(head("Content-Length: 100"), BODY)
        await arrival.hang()

    async with ready(script) as (server, transport):
        for count, path in enumerate(("/head", "/body"), start=1):
            task = asyncio.create_task(transport.send(get(server, path)))
            await server.arrived(count)
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not transport._in_flight
            await server.until(lambda: server.open == 0)


async def test_a_call_cancelled_while_it_connects_frees_everything() -> None:
    """The handshake hangs, the call is cancelled: the server sees the connection go."""
    gone = asyncio.Event()
    came = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        came.set()
        await reader.read()
        gone.set()

    async with listening(silent) as port, Transport() as transport:
        url = URL(f"https://127.0.0.1:{port}/")
        task = asyncio.create_task(transport.send(Request("GET", url, {})))
        await came.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not transport._in_flight
        await gone.wait()


async def test_our_own_cancellation_does_not_hide_the_callers() -> None:
    """The time-out and the caller cancel in the same moment: the caller's word counts."""

    async def script(arrival: Arrival) -> None:
        await arrival.hang()

    async with serve(script) as server, Transport(timeouts=Timeouts(total=0)) as transport:
        task = asyncio.create_task(transport.send(get(server)))
        await server.arrived(1)
        transport._look()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not transport._in_flight


async def test_a_late_call_leaves_its_task_uncancelled() -> None:
    """The time-out is an error like any other: the task goes on, and can be cancelled."""

    async def script(arrival: Arrival) -> None:
        await arrival.hang()

    async with serve(script) as server, Transport(timeouts=Timeouts(total=0)) as transport:

        async def work() -> int:
            with pytest.raises(Unreachable, match="no whole answer within 0 s"):
                await transport.send(get(server))
            task = asyncio.current_task()
            assert task is not None
            return task.cancelling()

        task = asyncio.create_task(work())
        await server.arrived(1)
        transport._look()
        transport._look()
        assert await task == 0


async def test_a_slow_consumer_is_not_the_servers_fault() -> None:
    """While it is waited for no time counts; then a new stretch begins."""
    limits = Timeouts(minimum_rate=100, grace=10)
    task = asyncio.current_task()
    assert task is not None
    exchange = _Exchange(task, 0.0)
    exchange.stream(0.0)
    exchange.received = 10
    exchange.hold()
    assert exchange._overdue(1000.0, limits) == ""
    exchange.go_on(1000.0)
    assert exchange._overdue(1009.0, limits) == ""
    assert exchange._overdue(1011.0, limits) == ("the body came at 0 bytes/s, below 100")


async def test_nothing_is_read_while_the_reader_waits() -> None:
    """What the reader gives back is waited for, and other exceptions of it go through."""
    rooms: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()
    fed: list[bytes] = []

    def feed(piece: bytes) -> asyncio.Future[None]:
        fed.append(piece)
        room: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        rooms.put_nowait(room)
        return room

    script = saying(answer(gzip.compress(bytes(2**18)), "200 OK", "Content-Encoding: gzip"))
    async with ready(script) as (server, transport):
        task = asyncio.create_task(transport.send(get(server), feed=feed))
        for number in range(1, 5):
            room = await rooms.get()
            await asyncio.sleep(0.01)
            assert len(fed) == number
            room.set_result(None)
        assert (await task).fed

    assert sum(map(len, fed)) == 2**18


async def test_a_bomb_is_noticed_by_its_ratio_while_it_is_poured() -> None:
    """Whatever its reader would let pass: 32 MB out of 32 kB are no records."""
    poured = 0

    def feed(piece: bytes) -> None:
        nonlocal poured
        poured += len(piece)

    bomb = gzip.compress(bytes(2**25))
    script = saying(answer(bomb, "200 OK", "Content-Encoding: gzip"))
    async with ready(script) as (server, transport):
        with pytest.raises(
            BadAnswer, match=r"^a decompression bomb: [0-9,]+ bytes of gzip"
        ):
            await transport.send(get(server), feed=feed)

    assert 2**23 <= poured <= 500 * len(bomb) + 2**16


async def test_a_listing_that_shrinks_well_is_no_bomb() -> None:
    """Sixteen megabytes of records that differ in a few digits only."""
    poured: list[bytes] = []
    body = b",".join(
        b'{"path":"/mnt/a/b/c/part-%08d","is_dir":false}' % n for n in range(400_000)
    )
    script = saying(answer(gzip.compress(body), "200 OK", "Content-Encoding: gzip"))
    async with ready(script) as (server, transport):
        await transport.send(get(server), feed=poured.append)

    assert b"".join(poured) == body


async def test_the_watchdog_sleeps_when_nothing_is_in_flight() -> None:
    """After the last call it looks once more and sets no timer."""
    async with ready(saying(answer(), keep=True)) as (server, transport):
        await transport.send(get(server))
        assert transport._watchdog is not None
        transport._look()
        assert transport._watchdog is None


async def test_sending_needs_a_task() -> None:
    """Without one there is nothing that a time-out could end."""
    async with Transport() as transport:
        failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def send() -> None:
            try:
                transport.send(Request("GET", URL("http://127.0.0.1/"), {})).send(None)
            except RuntimeError as error:
                failed.set_result(str(error))

        asyncio.get_running_loop().call_soon(send)
        assert await failed == "an exchange needs a task, so that it can be ended"
