"""The headers that say who calls."""

import pytest

from asyncdbx.auth import (
    Credential,
    LoginCall,
    Logins,
    StaticCredential,
    TokenCredential,
)
from asyncdbx.config import M2M, Basic, Pat, Secret, WorkspaceConfig, redact
from asyncdbx.errors import ConfigError

HOST = "https://a.cloud.databricks.com"
ACCOUNTS = "https://accounts.cloud.databricks.com"
TOKEN = Secret("dapi-canary")
PAT = Pat(TOKEN)
BEARER = {"Authorization": "Bearer dapi-canary"}


async def nobody(call: LoginCall) -> bytes:
    """Nothing needs to be sent."""
    raise AssertionError(call)


@pytest.mark.parametrize(
    ("config", "headers"),
    [
        (WorkspaceConfig("w", HOST, login=PAT), BEARER),
        (
            WorkspaceConfig("w", HOST, workspace_id="77", login=PAT),
            BEARER | {"X-Databricks-Workspace-Id": "77"},
        ),
        (
            WorkspaceConfig("w", HOST, account_id="u", workspace_id="77", login=PAT),
            BEARER | {"X-Databricks-Workspace-Id": "77"},
        ),
        (WorkspaceConfig("a", HOST, account_id="u", login=PAT), BEARER),
        (
            WorkspaceConfig("a", ACCOUNTS, account_id="u", workspace_id="7", login=PAT),
            BEARER,
        ),
        (  # RFC 7617, section 2: its example
            WorkspaceConfig("w", HOST, login=Basic("Aladdin", Secret("open sesame"))),
            {"Authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
        ),
        (  # RFC 7617, section 2.1: its example of UTF-8
            WorkspaceConfig("w", HOST, login=Basic("test", Secret("123£"))),
            {"Authorization": "Basic dGVzdDoxMjPCow=="},
        ),
    ],
)
async def test_headers(config: WorkspaceConfig, headers: dict[str, str]) -> None:
    """Bearer or Basic, and the workspace's id where endpoints of a workspace are called."""
    credential = Logins(nobody).credential(config)

    assert credential.ready == headers
    assert await credential.headers() == headers
    assert not credential.refused(credential.ready)


def test_two_accounts_on_one_host_share_no_token() -> None:
    """Each has an issuer of its own, though all else is alike."""
    login = M2M("client", Secret("s"))
    logins = Logins(nobody)
    one, two, again = (
        logins.credential(WorkspaceConfig(name, HOST, account, "7", login=login))
        for name, account in (("one", "a1"), ("two", "a2"), ("again", "a1"))
    )

    assert isinstance(one, TokenCredential)
    assert isinstance(two, TokenCredential)
    assert isinstance(again, TokenCredential)
    assert one.sources != two.sources
    assert one.sources == again.sources


def test_no_login() -> None:
    """A configuration made by hand may lack one."""
    with pytest.raises(ConfigError, match="workspace w has no login"):
        Logins(nobody).credential(WorkspaceConfig("w", HOST))


@pytest.mark.parametrize(
    "config",
    [
        WorkspaceConfig("w", HOST, login=PAT),
        WorkspaceConfig("w", HOST, login=Basic("u", TOKEN)),
    ],
)
def test_no_secret_is_seen(config: WorkspaceConfig) -> None:
    """The repr names the headers only, and an echo of any of them can be redacted."""
    credential = Logins(nobody).credential(config)
    assert credential.ready is not None
    sent = credential.ready["Authorization"]

    assert f"{credential} {credential!r}" == " ".join(
        ["StaticCredential(Authorization)"] * 2
    )
    assert redact(f"got {sent!r}", credential.secrets) == f"got '{sent.split()[0]} ***'"
    assert redact("dapi-canary", credential.secrets) == "***"


def test_shared_headers_cannot_be_changed() -> None:
    """All calls of a workspace share them; a copy of what was given is kept."""
    given = {"Authorization": "Bearer t"}
    credential: Credential = StaticCredential(given, (Secret("t"),))
    given["Authorization"] = "Bearer other"

    assert credential.ready == {"Authorization": "Bearer t"}
    with pytest.raises(TypeError):
        credential.ready["Authorization"] = ""  # type: ignore[index] # what must not work
