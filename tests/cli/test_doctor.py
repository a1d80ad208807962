"""``asyncdbx doctor``: what it prints, what it says, and its exit code."""

import csv
import io
import json
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_process import started
from cli_ran import Asyncdbx
from inventoried import in_thread
from scripted_server import Arrival, answer, certificate, saying, serve

from asyncdbx.simulator import Fault, Simulator
from asyncdbx.simulator.dark import DarkPort

pytestmark = pytest.mark.wire

StartAccount = Callable[..., Simulator]

ME = "/api/2.0/preview/scim/v2/Me"  # which has no page token to lose
NAMES = (
    *("closed", "dark", "denied", "failed", "late", "off", "prod", "refused", "silent"),
    "useless",
)


@pytest.fixture
def account(start_account: StartAccount) -> Simulator:
    """An account whose workspaces are each unwell in another way, but for prod."""
    fleet = start_account(*NAMES, statuses={"closed": "FAILED"}, dark=["dark"])
    fleet["denied"].faults.append(Fault("/api/2.1/clusters/list", "deny"))
    fleet["failed"].faults.append(Fault("/api/2.1/clusters/list", "500"))
    fleet["late"].skew = -7200
    fleet["off"].faults.append(Fault("/api/2.1/unity-catalog", "disabled"))
    fleet["refused"].logins.assigned = False
    fleet["silent"].faults.append(Fault(ME, "reset"))
    fleet["useless"].faults += [Fault(ME, "lost_token"), Fault("/api/2.", "deny")]
    return fleet


STATES = {
    "closed": "closed",
    "dark": "unreachable",
    "denied": "limited",
    "failed": "limited",
    "late": "limited",
    "off": "limited",
    "prod": "ok",
    "refused": "refused",
    "silent": "unreachable",
    "useless": "failed",
}
DOCTOR = ("doctor", "--account", "account", "--timeout", "1")


def test_json_has_all_that_is_known(asyncdbx: Asyncdbx, account: Simulator) -> None:
    """A line for each workspace, in the order of their names."""
    ran = asyncdbx(*DOCTOR)

    assert ran.code == 3
    assert {line["workspace"]: line["state"] for line in ran.lines} == STATES
    assert [line["workspace"] for line in ran.lines] == sorted(STATES)
    prod, dark = (
        next(line for line in ran.lines if line["workspace"] == name)
        for name in ("prod", "dark")
    )
    assert prod | {"connect_seconds": 0, "services": {}} == {
        "workspace": "prod",
        "host": account["prod"].host,
        "state": "ok",
        "problems": [],
        "connect_seconds": 0,
        "certificate_ends": None,
        "clock_skew_seconds": pytest.approx(0, abs=2),
        "login": "oauth-m2m",
        "who": "nightly-inventory",
        "token_ends_in_seconds": pytest.approx(3600, abs=30),
        "token_note": None,
        "services": {},
    }
    assert 0 < prod["connect_seconds"] < 1
    assert set(prod["services"].values()) == {"ok"}
    assert dark == dict.fromkeys(prod) | {
        "workspace": "dark",
        "host": account["dark"].host,
        "state": "unreachable",
        "problems": ["no connection within 1 s"],
        "login": "oauth-m2m",
        "services": {},
    }


def test_stderr_names_what_is_not_well(asyncdbx: Asyncdbx, account: Simulator) -> None:
    """One sentence for each, with the reason; those that are well are not named."""
    ran = asyncdbx(*DOCTOR)

    *sentences, last = ran.err.splitlines()
    said = dict(each.removeprefix("asyncdbx: ").split(" is ", 1) for each in sentences)
    assert re.fullmatch(
        "limited: its clock is (7199|7200|7201) s behind ours", said.pop("late")
    )
    assert said == {
        "closed": "closed: its account says FAILED (Workspace is failed.)",
        "dark": "unreachable: no connection within 1 s",
        "denied": "limited: denied: clusters",
        "failed": "limited: clusters.list: HTTP 500 INTERNAL_ERROR: An internal"
        " error occurred.",
        "off": "limited: off: catalogs",
        "refused": "refused: login: HTTP 401 invalid_client: Client authentication failed",
        "silent": "unreachable: current_user.me: the connection broke"
        " (ClientOSError: [Errno 104] Connection reset by peer)",
        "useless": f"failed: denied: {', '.join(_services(ran.lines, 'useless'))}",
    }
    assert last == "asyncdbx: 9 of 10 workspaces are not well"


def _services(lines: list[Any], workspace: str) -> list[str]:
    [line] = (each for each in lines if each["workspace"] == workspace)
    return list(line["services"])


def test_a_table_for_people(asyncdbx: Asyncdbx, account: Simulator) -> None:
    """A heading and one row for each; the name leads, the services end it."""
    ran = asyncdbx(*DOCTOR, "-o", "table")

    heading, *rows = ran.out.splitlines()
    assert re.split("  +", heading) == [
        "workspace",
        "state",
        "answers",
        "certificate",
        "clock",
        "login",
        "who",
        "token ends",
        "services",
    ]
    assert [tuple(row.split()[:2]) for row in rows] == sorted(STATES.items())
    ends = {row.split()[0]: re.split("  +", row)[-1] for row in rows}
    count = len(json.loads(asyncdbx(*DOCTOR, "--match", "prod").out)["services"])
    assert ends["prod"] == f"{count} ok"
    assert ends["denied"] == f"{count - 1} ok, 1 denied"
    assert ends["failed"] == f"{count - 1} ok, 1 failed"
    assert ends["off"] == f"{count - 1} ok, 1 off"
    assert ends["useless"] == f"0 ok, {count} denied"


def test_csv_for_programs(asyncdbx: Asyncdbx, account: Simulator) -> None:
    """The facts, the services that are not well, and why."""
    ran = asyncdbx(*DOCTOR, "-o", "csv")

    rows = {row["workspace"]: row for row in csv.DictReader(io.StringIO(ran.out))}
    assert {name: row["state"] for name, row in rows.items()} == STATES
    assert list(rows["prod"]) == [
        "workspace",
        "host",
        "state",
        "connect_seconds",
        "certificate_ends",
        "clock_skew_seconds",
        "login",
        "who",
        "token_ends_in_seconds",
        "token_note",
        "denied",
        "off",
        "failed",
        "problems",
    ]
    assert (rows["denied"]["denied"], rows["off"]["off"]) == ("clusters", "catalogs")
    assert rows["dark"]["problems"] == "no connection within 1 s"


@pytest.mark.parametrize(
    ("match", "code", "last"),
    [
        ("prod", 0, ""),
        ("prod|denied", 3, "asyncdbx: 1 of 2 workspaces is not well"),
        ("prod|closed", 3, "asyncdbx: 1 of 2 workspaces is not well"),
        ("refused|useless", 1, "asyncdbx: 2 of 2 workspaces are not well"),
        ("closed", 1, "asyncdbx: 1 of 1 workspaces is not well"),
    ],
)
def test_exit_codes(
    asyncdbx: Asyncdbx, account: Simulator, match: str, code: int, last: str
) -> None:
    """0 if all is well, 3 if something is missing, 1 if nothing can be used."""
    ran = asyncdbx(*DOCTOR, "--match", match)

    assert (ran.code, (ran.err.splitlines() or [""])[-1]) == (code, last)


def test_an_account_itself(asyncdbx: Asyncdbx, account: Simulator) -> None:
    """Its own services, by its own profile."""
    ran = asyncdbx("doctor", "-p", "account")

    assert (ran.code, ran.err) == (0, "")
    [line] = ran.lines
    assert (line["state"], line["who"]) == ("ok", None)
    assert line["services"]["workspaces"] == "ok"


def test_forty_problems_are_three_and_a_number(
    asyncdbx: Asyncdbx, start_account: StartAccount
) -> None:
    """On stderr; the data has them all."""
    fleet = start_account("prod")
    fleet["prod"].faults += [Fault(ME, "lost_token"), Fault("/api/2.", "500")]
    ran = asyncdbx("doctor", "-p", "prod", "--limits", "/dev/null")

    [line] = ran.lines
    assert (ran.code, line["state"]) == (1, "failed")
    first, _ = ran.err.splitlines()
    count = len(line["problems"]) - 3
    assert first.count("HTTP 500") == 3
    assert first.endswith(f"; and {count} more problems, which -o jsonl tells")


# --- beyond the simulator -----------------------------------------------------------------


@pytest.fixture
def odd_hosts(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Hosts that are no workspaces, and one that is, over TLS."""
    folders = {name: tmp_path / name for name in ("good", "expired", "other")}
    for folder in folders.values():
        folder.mkdir()
    tls = {
        "good": certificate(folders["good"], days=9),
        "expired": certificate(folders["expired"], days=-1),
        "other": certificate(folders["other"], days=9, machine="127.0.0.2"),
    }
    known = b"".join((folder / "server.pem").read_bytes() for folder in folders.values())
    (tmp_path / "known.pem").write_bytes(known)
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        hosts = {"nobody": f"http://127.0.0.1:{nobody.getsockname()[1]}"}
    dark = DarkPort()
    hosts["dark"] = f"http://127.0.0.1:{dark.port}"
    hosts["endless"] = f"https://{'a' * 64}.example"
    say = saying(answer(), keep=True)
    with (
        in_thread(serve(say, tls=tls["good"])) as good,
        in_thread(serve(say, tls=tls["expired"])) as expired,
        in_thread(serve(say, tls=tls["other"])) as other,
        in_thread(serve(_hang)) as silent,
        in_thread(serve(saying(b"SSH-2.0\r\n"))) as ssh,
    ):
        servers = {
            "good": good,
            "expired": expired,
            "other": other,
            "silent": silent,
            "ssh": ssh,
        }
        yield hosts | {name: server.url("") for name, server in servers.items()}
    dark.close()


async def _hang(arrival: Arrival) -> None:
    await arrival.hang()


def test_hosts_of_all_kinds(
    odd_hosts: dict[str, str],
    profiles: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """None of them keeps another from being examined; the good one's certificate ends."""
    sections = (
        f"[{name}]\nhost = {host}\ntoken = dapiCANARY\n" for name, host in odd_hosts.items()
    )
    profiles.write_text("".join(sections))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "known.pem"))
    line = ("doctor", "--all-profiles", "--timeout", "1")
    with started(*line, folder=tmp_path) as process:
        out, err = process.communicate(timeout=30)
    found = {each["workspace"]: each for each in map(json.loads, out.splitlines())}

    assert process.returncode == 3
    assert {name: "; ".join(line["problems"]) for name, line in found.items()} == {
        "nobody": "connection refused",
        "dark": "no connection within 1 s",
        "endless": f"the name {'a' * 64}.example does not resolve",
        "good": "",
        "expired": "its certificate is refused: certificate has expired",
        "other": "its certificate is refused: IP address mismatch, certificate is not valid"
        " for '127.0.0.1'.",
        "silent": "connected, but no answer within 1 s",
        "ssh": "connected, but what came is no HTTP answer",
    }
    assert (found["good"]["state"], found["good"]["who"]) == ("ok", None)
    assert re.fullmatch(
        r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", found["good"]["certificate_ends"]
    )
    assert {line["state"] for line in found.values()} == {"ok", "unreachable"}
    assert b"CANARY" not in out + err
    assert b"Traceback" not in err


# --- bad input ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("--timeout 0", "0.0 is not in the range 0.1<=x<=600"),
        ("--timeout soon", "'soon' is not a valid float"),
        ("-p nix", "has no profile 'nix'"),
        ("-o xml", "'xml' is not one of"),
        ("prod", "unexpected extra argument"),
    ],
)
def test_what_makes_no_sense_is_said(
    asyncdbx: Asyncdbx, fleet: Simulator, arguments: str, says: str
) -> None:
    """One sentence, exit code 2."""
    ran = asyncdbx("doctor", *arguments.split())

    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err
