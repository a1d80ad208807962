"""The headers that say who calls."""

import pytest

from asyncdbx.auth import Credential, StaticCredential, credential_for
from asyncdbx.config import Secret, WorkspaceConfig, redact
from asyncdbx.errors import ConfigError

HOST = "https://a.cloud.databricks.com"
ACCOUNTS = "https://accounts.cloud.databricks.com"
TOKEN = Secret("dapi-canary")
BEARER = {"Authorization": "Bearer dapi-canary"}


@pytest.mark.parametrize(
    ("config", "headers"),
    [
        (WorkspaceConfig("w", HOST, token=TOKEN), BEARER),
        (
            WorkspaceConfig("w", HOST, workspace_id="77", token=TOKEN),
            BEARER | {"X-Databricks-Workspace-Id": "77"},
        ),
        (
            WorkspaceConfig("w", HOST, account_id="u", workspace_id="77", token=TOKEN),
            BEARER | {"X-Databricks-Workspace-Id": "77"},
        ),
        (WorkspaceConfig("a", HOST, account_id="u", token=TOKEN), BEARER),
        (
            WorkspaceConfig("a", ACCOUNTS, account_id="u", workspace_id="7", token=TOKEN),
            BEARER,
        ),
        (  # RFC 7617, section 2: its example
            WorkspaceConfig("w", HOST, username="Aladdin", password=Secret("open sesame")),
            {"Authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
        ),
        (  # RFC 7617, section 2.1: its example of UTF-8
            WorkspaceConfig("w", HOST, username="test", password=Secret("123£")),
            {"Authorization": "Basic dGVzdDoxMjPCow=="},
        ),
    ],
)
async def test_headers(config: WorkspaceConfig, headers: dict[str, str]) -> None:
    """Bearer or Basic, and the workspace's id where endpoints of a workspace are called."""
    credential = credential_for(config)

    assert credential.ready == headers
    assert await credential.headers() == headers


def test_no_login() -> None:
    """A configuration made by hand may lack one."""
    with pytest.raises(ConfigError, match="workspace w has no login"):
        credential_for(WorkspaceConfig("w", HOST, username="u"))


@pytest.mark.parametrize(
    "config",
    [
        WorkspaceConfig("w", HOST, token=TOKEN),
        WorkspaceConfig("w", HOST, username="u", password=TOKEN),
    ],
)
def test_no_secret_is_seen(config: WorkspaceConfig) -> None:
    """The repr names the headers only, and an echo of any of them can be redacted."""
    credential = credential_for(config)
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
