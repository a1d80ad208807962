"""Who gives tokens for a host, as it says, and whom it may name."""

import orjson
import pytest

from asyncdbx.auth import LoginCall
from asyncdbx.auth.discovery import Issuer, find_issuer
from asyncdbx.config import OAuth, WorkspaceConfig
from asyncdbx.errors import (
    ApiError,
    BadAnswer,
    CallError,
    Redirected,
    ServerFailed,
    Throttled,
    Unavailable,
    Unreachable,
)

W = "https://adb-1.2.azuredatabricks.net"
ACCOUNTS = "https://accounts.cloud.databricks.com"
META = "/.well-known/databricks-config"
SERVER = "/.well-known/oauth-authorization-server"
MISSING = ApiError("no such path", status=404)

WORKSPACE = WorkspaceConfig("w", W)
ACCOUNT = WorkspaceConfig("a", ACCOUNTS, "acc")
UNIFIED = WorkspaceConfig("u", "https://acme.databricks.com", "acc", "77")
LOCAL = WorkspaceConfig("l", "http://127.0.0.1:8000")


class Host:
    """Answers with documents by URL; anything else is missing."""

    def __init__(self, documents: dict[str, object]) -> None:
        self.documents = documents
        self.asked: list[str] = []

    async def send(self, call: LoginCall) -> bytes:
        assert (call.headers, call.form, call.secrets) == ({}, None, ())
        self.asked.append(call.url)
        answer = self.documents.get(call.url, MISSING)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, bytes) else orjson.dumps(answer)


@pytest.mark.parametrize(
    ("config", "documents", "endpoint"),
    [
        (WORKSPACE, {}, f"{W}/oidc/v1/token"),
        (ACCOUNT, {}, f"{ACCOUNTS}/oidc/accounts/acc/v1/token"),
        (LOCAL, {}, "http://127.0.0.1:8000/oidc/v1/token"),
        (
            WORKSPACE,
            {f"{W}/oidc{SERVER}": {"token_endpoint": f"{W}/elsewhere"}},
            f"{W}/elsewhere",
        ),
        (  # a host with a name of its own, whose issuer is the platform's
            WORKSPACE,
            {f"{W}/oidc{SERVER}": {"token_endpoint": "https://x.databricks.com/t"}},
            "https://x.databricks.com/t",
        ),
        (
            UNIFIED,
            {
                UNIFIED.host + META: {
                    "oidc_endpoint": UNIFIED.host + "/oidc/accounts/{account_id}/"
                },
                f"{UNIFIED.host}/oidc/accounts/acc{SERVER}": {
                    "token_endpoint": UNIFIED.host + "/t"
                },
            },
            UNIFIED.host + "/t",
        ),
        (  # the account is known to the host alone
            WORKSPACE,
            {
                W + META: {"oidc_endpoint": W + "/o/{account_id}", "account_id": "x"},
                f"{W}/o/x{SERVER}": {"token_endpoint": W + "/t"},
            },
            W + "/t",
        ),
        (WORKSPACE, {W + META: {"oidc_endpoint": W + "/o/{account_id}"}},
         f"{W}/oidc/v1/token"),
        (WORKSPACE, {W + META: b"<html>", f"{W}/oidc{SERVER}": b"[]"},
         f"{W}/oidc/v1/token"),
        (WORKSPACE, {W + META: {"oidc_endpoint": 7}, f"{W}/oidc{SERVER}": {"a": None}},
         f"{W}/oidc/v1/token"),
    ],
)  # fmt: skip
async def test_the_token_endpoint(
    config: WorkspaceConfig, documents: dict[str, object], endpoint: str
) -> None:
    """As the host says, else where it is documented; two questions, without a secret."""
    host = Host(documents)

    issuer = await find_issuer(config, OAuth(), host.send)

    assert issuer.token_endpoint == endpoint
    assert len(host.asked) == 2


async def test_a_discovery_url_of_the_settings_is_asked() -> None:
    """And believed, as whoever wrote it into the profile is."""
    mine = "https://issuer.example/.well-known/x"
    host = Host({mine: {"token_endpoint": "https://issuer.example/t"}})

    issuer = await find_issuer(WORKSPACE, OAuth(discovery_url=mine), host.send)

    assert issuer.token_endpoint == "https://issuer.example/t"
    assert host.asked == [W + META, mine]


@pytest.mark.parametrize(
    ("config", "where"),
    [
        (WORKSPACE, "https://evil.example/t"),
        (WORKSPACE, "https://azuredatabricks.net.evil.example/t"),
        (WORKSPACE, "https://evilazuredatabricks.net/t"),
        (WORKSPACE, "http://adb-1.2.azuredatabricks.net/t"),
        (WORKSPACE, "https://adb-1.2.azuredatabricks.net@evil.example/t"),
        (WORKSPACE, "//evil.example/t"),
        (WORKSPACE, "nonsense"),
        (WORKSPACE, "http://[x/token"),
        (WORKSPACE, "https://adb-9.azuredatabricks.net:abc/token"),
        (WORKSPACE, r"https://evil.example\@adb-9.azuredatabricks.net/token"),
        (LOCAL, "http://127.0.0.1:8001/t"),
        (LOCAL, "https://x.databricks.com/t"),
        (WorkspaceConfig("v", "https://mine.example"), "https://x.databricks.com/t"),
    ],
)
@pytest.mark.parametrize("document", ["host", "server"])
async def test_nobody_else_is_believed(
    config: WorkspaceConfig, where: str, document: str
) -> None:
    """Only the host itself, and the platform's own domains among themselves."""
    host = Host({})
    if document == "host":
        host.documents[config.host + META] = {"oidc_endpoint": where}
    else:
        host.documents[f"{config.host}/oidc{SERVER}"] = {"token_endpoint": where}

    with pytest.raises(BadAnswer, match="of another domain; nothing was sent there"):
        await find_issuer(config, OAuth(), host.send)


@pytest.mark.parametrize("path", [META, f"/oidc{SERVER}"])
@pytest.mark.parametrize(
    "failure",
    [
        Unreachable("no answer"),
        Redirected("302", location="https://x"),
        Throttled("later", status=429),
        Unavailable("later", status=503),
        ServerFailed("oops", status=500),
    ],
)
async def test_a_host_that_does_not_say_now_is_told(path: str, failure: CallError) -> None:
    """It is not taken for one without discovery: the next request would hold a secret."""
    with pytest.raises(type(failure)):
        await find_issuer(WORKSPACE, OAuth(), Host({W + path: failure}).send)


@pytest.mark.parametrize(
    ("config", "metadata", "audience"),
    [
        (WORKSPACE, {"workspace_id": "7"}, f"{W}/oidc/v1/token"),
        (WORKSPACE, {}, f"{W}/oidc/v1/token"),
        (ACCOUNT, {}, "acc"),
        (ACCOUNT, {"token_federation_default_oidc_audiences": ["x", "y"]}, "x"),
        (WORKSPACE, {"token_federation_default_oidc_audiences": []}, f"{W}/oidc/v1/token"),
    ],
)
async def test_the_audience(
    config: WorkspaceConfig, metadata: dict[str, object], audience: str
) -> None:
    """What the host prefers, an account's id, or the token endpoint: as the SDK chooses."""
    host = Host({config.host + META: metadata})

    issuer: Issuer = await find_issuer(config, OAuth(), host.send)

    assert issuer.audience == audience


async def test_a_document_as_deep_as_it_likes_is_none() -> None:
    """It is not followed down."""
    deep = b"[" * 1000 + b"]" * 1000
    host = Host({f"{W}/oidc{SERVER}": b'{"token_endpoint": ' + deep + b"}"})

    issuer = await find_issuer(WORKSPACE, OAuth(), host.send)

    assert issuer.token_endpoint == f"{W}/oidc/v1/token"
