"""No secret is in what the program prints, writes or is called with, whatever happens."""

import gzip
import sqlite3
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from arro3.core import Array, Field, RecordBatch, Schema
from cli_process import started, until
from deltalake import write_deltalake
from secret_search import Search

from asyncdbx.inventory.rows import TEXT
from asyncdbx.simulator import Fault, Simulator

pytestmark = pytest.mark.wire

StartAccount = Callable[..., Simulator]

SUBJECT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c3ViamVjdC1jYW5hcnk"
LISTINGS = ("/api/2.1/clusters/list", "/api/2.2/jobs/list", "/api/2.0/token")


@pytest.fixture
def fleet(
    start_account: StartAccount,
    profiles: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Simulator:
    """An account whose hosts repeat what they were sent; profiles of all kinds of login."""
    fleet = start_account("prod", "dev", "gateway", "refusing")
    fleet.trust(SUBJECT)
    subject = tmp_path / "subject"
    subject.write_text(SUBJECT)
    federation = f"auth_type = file-oidc\noidc_token_filepath = {subject}\n"
    prod, gateway = fleet["prod"], fleet["gateway"]
    profiles.write_text(
        fleet.databrickscfg("oauth-m2m")
        + f"[pat]\nhost = {prod.host}\ntoken = {prod.token}\n"
        + f"[federated]\nhost = {prod.host}\n{federation}"
        + f"[federated-gateway]\nhost = {gateway.host}\n{federation}"
    )
    for path in LISTINGS:
        fleet["prod"].faults.append(Fault(path, "echo"))
    fleet["gateway"].faults.append(Fault("/oidc/v1/token", "echo"))
    fleet["refusing"].logins.refuses = True
    monkeypatch.setenv("ASYNCDBX_DEBUG", "1")
    return fleet


def search_of(fleet: Simulator) -> Search:
    """Return what looks for every secret that there is by now."""
    pair = f"{fleet.client_id}:{fleet.client_secret}"
    secrets = {
        "client secret": fleet.client_secret,
        "basic pair": b64encode(pair.encode()).decode(),
        "subject token": SUBJECT,
    }
    for each in fleet.everyone:
        secrets[f"PAT of {each.name}"] = each.token
        for number, token in enumerate(each.logins.issued):
            secrets[f"access token {number} of {each.name}"] = token
    return Search(secrets)


def ran(*arguments: str, folder: Path) -> tuple[int, bytes, bytes]:
    """Return exit code, stdout and stderr of a process."""
    with started(*arguments, folder=folder) as process:
        out, err = process.communicate(timeout=30)
    return process.returncode, out, err


@pytest.mark.parametrize(
    ("line", "code", "echoes"),
    [
        ("doctor --all-profiles -o table --stats", 3, 2),
        ("doctor --account account -o csv", 3, 1),
        ("list clusters jobs users tokens --account account --stats", 3, 4),
        ("list clusters tokens -p pat -p federated -p federated-gateway", 1, 5),
        ("api GET /api/2.1/clusters/list --all-profiles", 3, 5),
        ("limits --account account --match prod", 0, 0),
    ],
)
def test_what_is_printed(
    fleet: Simulator, tmp_path: Path, line: str, code: int, echoes: int
) -> None:
    """Hosts repeat the credential in their refusals: stars stand where it was."""
    done, out, err = ran(*line.split(), folder=tmp_path)
    search = search_of(fleet)

    assert search.in_bytes("stdout", out) + search.in_bytes("stderr", err) == []
    assert (done, (out + err).count(b"***") >= echoes) == (code, True)
    assert b"Traceback" not in err
    subject, profiles = tmp_path / "subject", tmp_path / "profiles"
    assert search.below(tmp_path, subject, profiles) == []


@pytest.mark.parametrize("path", ["/oidc/", "/api/2.0/accounts/"])
@pytest.mark.parametrize("line", ["doctor", "inventory users --to to --log-format json"])
def test_what_a_traceback_shows(
    fleet: Simulator, tmp_path: Path, line: str, path: str
) -> None:
    """An account that repeats what it was sent ends the run, and we look where."""
    fleet["account"].faults.append(Fault(path, "echo"))
    code, out, err = ran(*line.split(), "--account", "account", folder=tmp_path)
    search = search_of(fleet)

    assert search.in_bytes("stdout", out) + search.in_bytes("stderr", err) == []
    assert (code, out, b"***" in err) == (1, b"", True)
    assert (b"Traceback" in err) == (line == "doctor")


def test_what_an_inventory_leaves(fleet: Simulator, tmp_path: Path) -> None:
    """Killed in its midst, then whole: tables, spool, lanes, logs and arguments."""
    line = (
        *("inventory", "clusters", "jobs", "tokens", "users", "workspace_objects"),
        *("--account", "account", "--to", "to", "-o", "jsonl"),
        *("--log-format", "json", "--stats"),
    )
    subject, profiles = tmp_path / "subject", tmp_path / "profiles"
    dev = fleet["dev"]
    dev.server.latency = 0.2
    with started(*line, folder=tmp_path) as process:
        until((tmp_path / "to" / "_run" / "spool.sqlite").exists)
        until(lambda: dev.logins.issued and dev.requests > 8)
        arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        process.kill()
        out, err = process.communicate(timeout=15)
    search = search_of(fleet)
    assert any(what.startswith("access token") for what in search.secrets)
    assert search.in_bytes("arguments", arguments) == []
    assert search.in_bytes("stdout", out) + search.in_bytes("stderr", err) == []
    assert search.below(tmp_path, subject, profiles) == []
    dev.server.latency = 0.0
    code, out, err = ran(*line, folder=tmp_path)
    search = search_of(fleet)
    assert code == 3
    assert search.in_bytes("stdout", out) + search.in_bytes("stderr", err) == []
    assert search.below(tmp_path, subject, profiles) == []
    assert b"***" in out
    assert (tmp_path / "to" / "_listings").is_dir()
    assert list((tmp_path / ".local" / "state" / "asyncdbx").glob("lanes-*"))


# --- whether the search can find anything -------------------------------------------------


def _plain(folder: Path) -> None:
    (folder / "log").write_text(f"sent {SUBJECT} there")


def _packed(folder: Path) -> None:
    (folder / "body.gz").write_bytes(gzip.compress(SUBJECT.encode()))


def _spooled(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "spool.sqlite")) as spool:
        spool.execute("CREATE TABLE page (body TEXT)")
        spool.execute("INSERT INTO page VALUES (?)", (f'{{"echo": "{SUBJECT}"}}',))
        spool.commit()


def _in_a_table_once(folder: Path) -> None:
    """Write a table whose second version does not have it any more."""
    schema = Schema([Field("error", TEXT)])
    for text in (SUBJECT, "nothing"):
        batch = RecordBatch.from_arrays([Array([text] * 1_000, TEXT)], schema=schema)
        write_deltalake(folder / "_listings", batch, mode="overwrite")


@pytest.mark.parametrize("plant", [_plain, _packed, _spooled, _in_a_table_once])
def test_the_search_finds_what_is_there(
    tmp_path: Path, plant: Callable[[Path], None]
) -> None:
    """Else it would prove nothing."""
    search = Search({"subject token": SUBJECT, "another": "dapi-another"})
    assert search.below(tmp_path) == []
    plant(tmp_path)

    assert {line.partition(" in ")[0] for line in search.below(tmp_path)} == {
        "subject token"
    }
