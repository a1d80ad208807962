"""What is found out about a workspace, and what that makes of it."""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.utils import formatdate
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson
import pytest
from desk_transport import desks_of
from inventoried import UNLIMITED
from scripted_server import Arrival, Script, answer, certificate, saying, serve

from asyncdbx.catalog.limits import Limits
from asyncdbx.config import M2M, Pat, Secret, WorkspaceConfig
from asyncdbx.doctor import Answer, Finding, examine, exit_code
from asyncdbx.doctor.finding import State
from asyncdbx.doctor.probe import Reached, Unreached, probe
from asyncdbx.engine import RetryPolicy
from asyncdbx.fleet import Fleet
from asyncdbx.inventory.resources import ACCOUNT, WORKSPACE
from asyncdbx.simulator import Fault, SimulatedWorkspace, Simulator
from asyncdbx.simulator.dark import DarkPort
from asyncdbx.transport import Timeouts

WITHIN = 1.0  # seconds; only what has to be waited for in vain takes them
PAT = Pat(Secret("dapi-canary"))
NO_TLS = ssl.create_default_context()

wire = pytest.mark.wire


# --- one host -----------------------------------------------------------------------------


async def unreached(host: str, tls: ssl.SSLContext = NO_TLS) -> str:
    """Return why a host is not reached."""
    with pytest.raises(Unreached) as caught:
        await probe(host, WITHIN, tls)
    return str(caught.value)


@wire
async def test_a_port_where_nobody_listens() -> None:
    """The system says so at once."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    assert await unreached(f"http://127.0.0.1:{port}") == "connection refused"


@wire
async def test_a_host_that_is_dark() -> None:
    """Nobody accepts, nobody refuses."""
    dark = DarkPort()
    try:
        said = await unreached(f"http://127.0.0.1:{dark.port}")
    finally:
        dark.close()

    assert said == "no connection within 1 s"


@wire
async def test_names_that_hang_hold_up_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that never answers costs a host its time-out, and nobody else's."""
    release, look_up = threading.Event(), socket.getaddrinfo

    def slow(machine: str, *more: Any, **options: Any) -> Any:
        if machine.startswith("dead"):
            release.wait(10)
        return look_up("127.0.0.1", *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    async with serve(saying(answer())) as server:
        dead = [f"http://dead{number}.example" for number in range(50)]
        alive = server.url("").replace("127.0.0.1", "alive.example")
        results = await asyncio.gather(
            *(probe(host, WITHIN, NO_TLS) for host in (*dead, alive)),
            return_exceptions=True,
        )
    release.set()

    assert {str(each) for each in results[:-1]} == {"no connection within 1 s"}
    assert isinstance(results[-1], Reached)


@wire
@pytest.mark.parametrize("error", [socket.gaierror(-2, "Name or service not known"), None])
async def test_a_name_that_does_not_resolve(
    monkeypatch: pytest.MonkeyPatch, error: OSError | None
) -> None:
    """Nobody knows it, or it is longer than a name can be, which Python finds out first."""
    host = "a" * 64 + ".example"
    if error is not None:

        def unknown(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr(socket, "getaddrinfo", unknown)

    assert await unreached(f"https://{host}") == f"the name {host} does not resolve"


async def hang(arrival: Arrival) -> None:
    await arrival.hang()


@wire
async def test_a_host_that_accepts_and_never_answers() -> None:
    """The connection stands, and that is all."""
    async with serve(hang) as server:
        said = await unreached(server.url(""))

    assert said == "connected, but no answer within 1 s"


@wire
@pytest.mark.parametrize(
    ("said", "says"),
    [
        (b"", "it was closed without an answer"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "what came is no HTTP answer"),
        (b"HELLO\r\n\r\n", "what came is no HTTP answer"),
        (b"HTTP/1.1 200 OK\r\n", "what came is no HTTP answer"),
        (b"HTTP/" + b"x" * 2**17, "what came is no HTTP answer"),
    ],
    ids=["nothing", "ssh", "rubbish", "half", "endless"],
)
async def test_a_host_that_is_no_web_server(said: bytes, says: str) -> None:
    """Gone, or talking of something else."""
    async with serve(saying(said)) as server:
        assert await unreached(server.url("")) == f"connected, but {says}"


@wire
async def test_a_host_without_tls() -> None:
    """OpenSSL's words; they change with its version."""
    listening = await asyncio.start_server(_in_the_clear, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        said = await unreached(f"https://127.0.0.1:{port}")

    assert said.startswith("no TLS: ")
    assert "_" not in said


def _in_the_clear(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


@wire
async def test_a_host_that_never_shakes_hands() -> None:
    """It accepts, and that is all: TLS is part of the connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        said = await unreached(f"https://127.0.0.1:{server.getsockname()[1]}")

    assert said == "no connection within 1 s"


@wire
@pytest.mark.parametrize(
    ("days", "machine", "says"),
    [
        (-1, "127.0.0.1", "certificate has expired"),
        (
            9,
            "127.0.0.2",
            "IP address mismatch, certificate is not valid for '127.0.0.1'.",
        ),
    ],
)
async def test_a_certificate_that_is_refused(
    tmp_path: Path, days: int, machine: str, says: str
) -> None:
    """Over, or somebody else's; in OpenSSL's words."""
    served = certificate(tmp_path, days=days, machine=machine)
    tls = ssl.create_default_context(cafile=tmp_path / "server.pem")
    async with serve(saying(answer()), tls=served) as server:
        said = await unreached(server.url(""), tls)

    assert said == f"its certificate is refused: {says}"


@wire
async def test_a_certificate_of_nobody_we_know(tmp_path: Path) -> None:
    """As of a proxy that reads along."""
    async with serve(saying(answer()), tls=certificate(tmp_path, days=9)) as server:
        said = await unreached(server.url(""))

    assert said == "its certificate is refused: self-signed certificate"


@wire
async def test_a_certificate_that_is_good(tmp_path: Path) -> None:
    """It is said when it ends."""
    served = certificate(tmp_path, days=9)
    tls = ssl.create_default_context(cafile=tmp_path / "server.pem")
    async with serve(saying(answer()), tls=served) as server:
        reached = await probe(server.url(""), WITHIN, tls)

    assert reached.certificate_ends == pytest.approx(time.time() + 9 * 86_400, abs=60)
    assert 0 < reached.seconds < WITHIN


async def reached_at(date: str) -> Reached:
    """Return what is known of a host that says it is this time there."""
    headers = [f"date: {date}"] if date else []
    async with serve(saying(answer(b"", "404 Not Found", *headers))) as server:
        reached = await probe(server.url(""), WITHIN, NO_TLS)
        [asked] = server.arrivals
    assert (asked.method, asked.headers) == (
        "HEAD",
        {"host": f"127.0.0.1:{server.port}", "connection": "close"},
    )
    return reached


@wire
@pytest.mark.parametrize("skew", [0, 3600, -3600])
async def test_the_clock_of_a_host(skew: float) -> None:
    """From the Date of its answer, to a second; whatever the status is."""
    reached = await reached_at(formatdate(time.time() + skew, usegmt=True))

    assert reached.skew == pytest.approx(skew, abs=2)


@wire
@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 99 Jan 2026 00:00:00 GMT"])
async def test_a_host_without_a_clock(date: str) -> None:
    """It need not have one to be there."""
    reached = await reached_at(date)

    assert (reached.skew, reached.certificate_ends) == (None, None)


# --- one workspace ------------------------------------------------------------------------


@pytest.fixture
def limits(tmp_path: Path) -> Limits:
    """None, so that nothing is waited for."""
    file = tmp_path / "limits.toml"
    file.write_text(UNLIMITED)
    return Limits.load(file)


Examined = Callable[..., Any]


@pytest.fixture
def examined(limits: Limits) -> Examined:
    """Examine workspaces, and return what was found out."""

    async def found(
        *configs: WorkspaceConfig, within: float = 10.0, total: float = 10.0
    ) -> list[Finding]:
        timeouts = Timeouts(connect=within, total=total)
        retry = RetryPolicy(attempts=1)
        async with Fleet(configs, limits=limits, timeouts=timeouts, retry=retry) as fleet:
            return await examine(fleet, within)

    return found


def by_pat(workspace: SimulatedWorkspace) -> WorkspaceConfig:
    account_id = workspace.account_id or None
    login = Pat(Secret(workspace.token))
    return WorkspaceConfig(workspace.name, workspace.host, account_id, login=login)


def by_oauth(workspace: SimulatedWorkspace) -> WorkspaceConfig:
    client_id, secret = workspace.logins.principal
    account_id = workspace.account_id or None
    login = M2M(client_id, Secret(secret))
    return WorkspaceConfig(workspace.name, workspace.host, account_id, login=login)


def asked(resources: tuple[Any, ...]) -> set[str]:
    """Return the resources that can be asked for without another's records."""
    return {
        each.name for each in resources if any(not source.follow for source in each.sources)
    }


@asynccontextmanager
async def simulated(*names: str, **options: Any) -> AsyncIterator[Simulator]:
    async with Simulator(names=names, scale=0.02, limits=False, **options) as simulator:
        yield simulator


@wire
async def test_a_workspace_that_is_well(examined: Examined) -> None:
    """Who we are, how long, and every service that an inventory asks."""
    async with simulated("prod") as simulator:
        [found] = await examined(by_oauth(simulator["prod"]))

    assert (found.state, found.problems, found.login) == ("ok", [], "oauth-m2m")
    assert (found.who, found.token_note) == ("nightly-inventory", "")
    assert found.token_ends == pytest.approx(3600, abs=30)
    assert found.services == dict.fromkeys(asked(WORKSPACE), "ok")
    assert simulator["prod"].logins.requests == 1


@wire
async def test_an_account_that_is_well(examined: Examined) -> None:
    """It does not say who we are."""
    async with simulated("prod") as simulator:
        [found] = await examined(by_oauth(simulator["account"]))

    assert (found.state, found.problems, found.who) == ("ok", [], "")
    assert found.services == dict.fromkeys(asked(ACCOUNT), "ok")


@wire
@pytest.mark.parametrize(
    ("fault", "answer", "problems"),
    [
        ("deny", "denied", []),
        ("disabled", "off", []),
        (
            "500",
            "failed",
            ["jobs.list on prod: HTTP 500 INTERNAL_ERROR: An internal error occurred."],
        ),
        ("html", "failed", ["jobs.list on prod: byte 0: HTML, not JSON"]),
    ],
)
async def test_a_service_that_is_not_well(
    examined: Examined, fault: Any, answer: Answer, problems: list[str]
) -> None:
    """The others are, so the workspace is limited."""
    async with simulated("prod") as simulator:
        simulator["prod"].faults.append(Fault("/api/2.2/jobs/list", fault))
        [found] = await examined(by_pat(simulator["prod"]))

    assert (found.state, found.of(answer)) == ("limited", ["jobs"])
    assert len(found.of("ok")) == len(asked(WORKSPACE)) - 1
    assert found.problems == problems


@wire
@pytest.mark.parametrize(
    ("path", "fault", "answer"),
    [
        ("/api/2.1/unity-catalog/models", "disabled", "ok"),
        ("/api/2.1/unity-catalog/models", "deny", "denied"),
        ("/api/2.0/mlflow/registered-models", "deny", "denied"),
        ("/api/2.0/mlflow/registered-models", "500", "failed"),
    ],
)
async def test_a_resource_of_two_services(
    examined: Examined, path: str, fault: Any, answer: Answer
) -> None:
    """As an inventory has it: what is off may be elsewhere, what is denied is missing."""
    async with simulated("prod") as simulator:
        simulator["prod"].faults.append(Fault(path, fault))
        [found] = await examined(by_pat(simulator["prod"]))

    assert found.services["registered_models"] == answer


@wire
@pytest.mark.parametrize(
    ("skew", "says"),
    [
        (7200.0, "its clock is 7200 s ahead of ours"),
        (-7200.0, "its clock is 7200 s behind ours"),
    ],
)
async def test_a_clock_that_is_wrong(examined: Examined, skew: float, says: str) -> None:
    """To the second, or nearly."""
    async with simulated("prod") as simulator:
        simulator["prod"].skew = skew
        [found] = await examined(by_pat(simulator["prod"]))

    assert found.state == "limited"
    assert [
        each.replace("7199", "7200").replace("7201", "7200") for each in found.problems
    ] == [says]


@wire
@pytest.mark.parametrize("status", [401, 403])
async def test_a_token_that_is_refused(examined: Examined, status: int) -> None:
    """The platform has two ways to say so; services are not asked any more."""
    async with simulated("prod") as simulator:
        simulator["prod"].logins.invalid_status = status
        simulator["prod"].logins.pat_valid = False
        [found] = await examined(by_pat(simulator["prod"]))

    [problem] = found.problems
    assert (found.state, found.services, found.who) == ("refused", {}, "")
    assert problem.startswith(f"current_user.me on prod: HTTP {status}: ")
    assert simulator["prod"].requests <= 4  # one probe, and one call more than once


@wire
@pytest.mark.parametrize("name", ["prod", "account"])
async def test_a_login_that_is_refused(examined: Examined, name: str) -> None:
    """A workspace that the principal is no member of says what it says of a bad secret."""
    async with simulated("prod") as simulator:
        simulator[name].logins.assigned = False
        [found] = await examined(by_oauth(simulator[name]))

    assert (found.state, found.problems) == (
        "refused",
        [f"login on {name}: HTTP 401 invalid_client: Client authentication failed"],
    )
    assert simulator[name].logins.requests == 1


@wire
@pytest.mark.parametrize(
    ("path", "fault", "state"),
    [
        ("/api/2.0/preview/scim", "deny", "refused"),
        ("/api/2.0/preview/scim", "500", "failed"),
        ("/api/2.0/preview/scim", "reset", "unreachable"),
        ("/oidc/v1/token", "503", "failed"),
        ("/oidc/v1/token", "html", "failed"),
        ("/oidc/v1/token", "reset", "unreachable"),
        ("/oidc/v1/token", "echo", "refused"),
    ],
)
async def test_a_workspace_that_does_not_say_who_we_are(
    examined: Examined, path: str, fault: Any, state: State
) -> None:
    """Whose fault that is decides what can be done about it."""
    async with simulated("prod") as simulator:
        simulator["prod"].faults.append(Fault(path, fault))
        [found] = await examined(by_oauth(simulator["prod"]))

    assert (found.state, found.services, len(found.problems)) == (state, {}, 1)
    assert simulator.client_secret not in found.problems[0]


@wire
async def test_a_workspace_that_its_account_has_closed(examined: Examined) -> None:
    """Nothing is sent there."""
    async with serve(saying(answer())) as server:
        config = WorkspaceConfig(
            "ws", server.url(""), login=PAT, closed="its account says so"
        )
        [found] = await examined(config)

    assert (found.state, found.problems, found.reached) == (
        "closed",
        ["its account says so"],
        None,
    )
    assert server.connections == 0


def api(answers: dict[str, Any], silent: str = "no path") -> Script:
    """Return a script that has an answer by path, else {}; one path has none at all."""

    async def script(arrival: Arrival) -> bool:
        path = arrival.target.partition("?")[0]
        if path.startswith(silent) and arrival.method != "HEAD":
            await arrival.hang()
        await arrival.say(answer(orjson.dumps(answers.get(path, {}))))
        return True

    return script


@wire
async def test_a_service_that_never_answers(examined: Examined) -> None:
    """It costs its own time-out, and the others are told all the same."""
    async with serve(api({}, silent="/api/2.2/jobs/list")) as server:
        config = WorkspaceConfig("ws", server.url(""), login=PAT)
        [found] = await examined(config, total=0.5)

    assert (found.state, found.of("failed")) == ("limited", ["jobs"])
    assert found.problems == ["jobs.list on ws: no whole answer within 0.5 s"]


@wire
async def test_a_workspace_where_nothing_is_answered(examined: Examined) -> None:
    """It is there, but no use."""
    async with serve(api({}, silent="/api/")) as server:
        config = WorkspaceConfig("ws", server.url(""), login=PAT)
        [found] = await examined(config, total=0.5)

    assert (found.state, found.problems) == (
        "unreachable",
        ["current_user.me on ws: no whole answer within 0.5 s"],
    )
    assert found.reached is not None


@wire
@pytest.mark.parametrize("said", [[], "admin", 7])
async def test_a_host_that_talks_of_something_else(examined: Examined, said: Any) -> None:
    """It is JSON, and that is all."""
    async with serve(api({"/api/2.0/preview/scim/v2/Me": said})) as server:
        [found] = await examined(WorkspaceConfig("ws", server.url(""), login=PAT))

    assert (found.state, found.problems) == (
        "failed",
        ["who we are is no JSON object; is that a Databricks host?"],
    )


DAY = 86_400


def expiry(days: int | None) -> int:
    """Return when a token ends, as the platform says it; -1 is never."""
    return -1 if days is None else int(1000 * (time.time() + days * DAY))


@wire
@pytest.mark.parametrize(
    ("days", "ends", "note"),
    [
        ([3], 3, ""),
        ([9, 3], 3, "the first of 2"),
        ([9, None], None, ""),
        ([], None, ""),
    ],
)
async def test_when_a_personal_token_ends(
    examined: Examined, days: list[int | None], ends: int | None, note: str
) -> None:
    """Nobody says which of ours it is: the first to end, if all do."""
    tokens = [{"expiry_time": expiry(each)} for each in days]
    script = api({"/api/2.0/token/list": {"token_infos": tokens}})
    async with serve(script) as server:
        [found] = await examined(WorkspaceConfig("ws", server.url(""), login=PAT))

    expected = None if ends is None else pytest.approx(ends * DAY, abs=60)
    assert (found.state, found.token_ends, found.token_note) == ("ok", expected, note)


@wire
@pytest.mark.parametrize("said", [[7], [[1]], 7, [{"expiry_time": "soon"}]])
async def test_a_list_of_tokens_that_is_none(examined: Examined, said: Any) -> None:
    """When a token ends is a nicety; that nobody knows ends nothing."""
    async with serve(api({"/api/2.0/token/list": {"token_infos": said}})) as server:
        [found] = await examined(WorkspaceConfig("ws", server.url(""), login=PAT))

    assert (found.who, found.token_ends) == ("", None)


# --- many workspaces ----------------------------------------------------------------------


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """Fifty workspaces on virtual time; connecting to the first twenty is in vain."""
    simulator = Simulator(50, scale=0.02, limits=False)
    monkeypatch.setattr("asyncdbx.fleet.fleet.Transport", desks_of(simulator))
    dark = {each.host for each in simulator.workspaces[:20]}

    async def slow(host: str, within: float, tls: ssl.SSLContext) -> Reached:
        if host in dark:
            await asyncio.sleep(within)
            raise Unreached(f"no connection within {within:g} s")
        return Reached(0.01, None, 0.0)

    monkeypatch.setattr(import_module("asyncdbx.doctor.examine"), "probe", slow)
    return simulator


@pytest.mark.parametrize(
    ("connections", "within", "took"),
    [(256, 10.0, pytest.approx(10.0, abs=0.001)), (2, 1.0, pytest.approx(24, abs=4))],
)
async def test_the_dead_cost_their_time_out_once(
    many: Simulator, limits: Limits, connections: int, within: float, took: Any
) -> None:
    """Nobody waits for them; that others wait for one another is nobody's fault."""
    configs = [by_oauth(each) for each in many.workspaces]
    async with Fleet(configs, limits=limits, connections=connections) as fleet:
        begun = asyncio.get_running_loop().time()
        found = await examine(fleet, within)
        assert asyncio.get_running_loop().time() - begun == took

    assert [each.state for each in found] == ["unreachable"] * 20 + ["ok"] * 30
    assert [each.logins.requests for each in many.workspaces] == [0] * 20 + [1] * 30


# --- what it comes to ---------------------------------------------------------------------


def made(services: dict[str, Answer], skew: float | None = None) -> Finding:
    reached = Reached(0.1, None, skew)
    finding = Finding("ws", "https://ws.example", "pat", reached, services=services)
    finding.conclude()
    return finding


@pytest.mark.parametrize(
    ("services", "skew", "state"),
    [
        ({"jobs": "ok", "dbfs": "ok"}, None, "ok"),
        ({"jobs": "ok", "dbfs": "ok"}, 60.0, "ok"),
        ({"jobs": "ok", "dbfs": "ok"}, -61.0, "limited"),
        ({"jobs": "ok", "dbfs": "off"}, 0.0, "limited"),
        ({"jobs": "off", "dbfs": "denied"}, 0.0, "failed"),
        ({"jobs": "failed", "dbfs": "denied"}, 3600.0, "failed"),
    ],
)
def test_what_services_and_clock_make_of_it(
    services: dict[str, Answer], skew: float | None, state: State
) -> None:
    """Of what can be used nothing may be missing; where nothing is left it is no use."""
    assert made(services, skew).state == state


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ([], 0),
        (["ok", "ok"], 0),
        (["ok", "closed"], 3),
        (["limited"], 3),
        (["limited", "refused"], 3),
        (["refused"], 1),
        (["failed", "unreachable", "closed", "refused"], 1),
    ],
)
def test_exit_code(states: list[State], code: int) -> None:
    """0 all is well, 3 something is missing, 1 nothing can be used."""
    findings = [Finding("ws", "https://ws.example", "pat", state=state) for state in states]

    assert exit_code(findings) == code
