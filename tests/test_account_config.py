"""What an account says of its workspaces, and where its login may be sent for that."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from asyncdbx.config import (
    M2M,
    AzureClientSecret,
    AzureMsi,
    Basic,
    Federation,
    Login,
    OAuth,
    Pat,
    Sdk,
    Secret,
    WorkspaceConfig,
    check_account,
    workspaces_of,
)
from asyncdbx.config.logins import Azure
from asyncdbx.errors import ConfigError

AWS = "https://accounts.cloud.databricks.com"
SECRET = Secret("dose-canary")
SERVICE_PRINCIPAL = M2M("client", SECRET)
AZURE_INFO = {"subscription_id": "sub-1", "resource_group": "rg-1"}
RESOURCE_ID = (
    "/subscriptions/sub-1/resourceGroups/rg-1/providers/Microsoft.Databricks/workspaces/ws"
)


def account(host: str = AWS, login: Login | None = SERVICE_PRINCIPAL) -> WorkspaceConfig:
    return WorkspaceConfig("acct", host, "uuid-1", login=login, origin="profile acct")


def record(name: str = "ws", deployment: Any = "dbc-1", **more: Any) -> dict[str, Any]:
    return {
        "workspace_id": 7,
        "workspace_name": name,
        "deployment_name": deployment,
        "workspace_status": "RUNNING",
        **more,
    }


def only(record: dict[str, Any], of: WorkspaceConfig | None = None) -> WorkspaceConfig:
    [found] = workspaces_of(of or account(), [record])
    return found


# --- where a workspace is -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "deployment", "url"),
    [
        (AWS, "dbc-a1b2", "https://dbc-a1b2.cloud.databricks.com"),
        (AWS, "DBC-A1B2", "https://dbc-a1b2.cloud.databricks.com"),
        (
            "https://accounts.azuredatabricks.net",
            "adb-123.4",
            "https://adb-123.4.azuredatabricks.net",
        ),
        (
            "https://accounts.gcp.databricks.com",
            "1234567890.1",
            "https://1234567890.1.gcp.databricks.com",
        ),
        (
            "https://accounts.cloud.databricks.us",
            "acme-gov",
            "https://acme-gov.cloud.databricks.us",
        ),
        (
            "https://accounts-dod.cloud.databricks.us",
            "acme-dod",
            "https://acme-dod.cloud.databricks.us",
        ),
        (
            "https://accounts.databricks.azure.cn",
            "adb-1.2",
            "https://adb-1.2.databricks.azure.cn",
        ),
        ("http://127.0.0.1:4001", "127.0.0.1:4002", "http://127.0.0.1:4002"),
        ("http://localhost:4001", "127.0.0.1:4002", "http://127.0.0.1:4002"),
    ],
)
def test_a_workspace_is_a_neighbour_of_its_account(
    host: str, deployment: str, url: str
) -> None:
    """In every cloud; the simulator's are ports of this machine."""
    found = only(record(deployment=deployment), account(host))

    assert (found.host, found.closed, found.scope) == (url, "", "workspace")


HOSTILE = [
    "evil.com/",
    "evil.com/x",
    "evil.com#",
    "evil.com?",
    "evil.com?a=",
    "evil.com:443/",
    "evil.com:443",
    "evil.com:443#",
    "user@evil.com",
    "user:password@evil.com/",
    "evil.com\\",
    "evil.com%2f",
    "evil.com ",
    " evil.com",
    "evil.com\n",
    "evil.com\t",
    "evil.com\x00",
    "https://evil.com/",
    "//evil.com/",
    "[::1]",
    "evil.com。",  # a full stop that IDNA takes for one
    "evil.com.",
    "ｅvil.com",  # noqa: RUF001 - a letter, as above
    "evil.com..",
    ".",
    "..",
    "-",
    ":1",
    "",
    None,
    7,
    ["evil.com"],
    {"host": "evil.com"},
]


@pytest.mark.parametrize("deployment", HOSTILE)
@pytest.mark.parametrize(
    ("host", "zone"),
    [
        (AWS, ".cloud.databricks.com"),
        ("https://accounts.azuredatabricks.net", ".azuredatabricks.net"),
    ],
)
def test_no_name_leads_out_of_the_domain(host: str, zone: str, deployment: Any) -> None:
    """An account's answer decides where a secret goes: within its domain, or nowhere."""
    found = only(record(deployment=deployment), account(host))
    machine = urlsplit(found.host).hostname or ""

    assert machine.endswith(zone) or (found.host, found.closed) == (
        "https://unknown.invalid",
        "its account names no host",
    )
    assert urlsplit(found.host).port is None


@pytest.mark.parametrize("deployment", [*HOSTILE, "evil.com", "10.0.0.1:80", "169.254.1.1"])
def test_no_name_leads_off_this_machine(deployment: Any) -> None:
    """A token in the clear stays on the loopback."""
    found = only(record(deployment=deployment), account("http://127.0.0.1:4001"))

    assert (found.host, found.closed) == (
        "https://unknown.invalid",
        "its account names no host",
    )


@pytest.mark.parametrize(
    "host", ["https://acme.databricks.com", "https://acme.com", "https://127.0.0.1:8443"]
)
@pytest.mark.parametrize("deployment", ["evil", "evil.com", "dbc-1", None])
def test_a_host_of_its_own_serves_its_workspaces_itself(host: str, deployment: Any) -> None:
    """What is no accounts.ZONE has no zone: its domain may be anybody's."""
    found = only(record(deployment=deployment), account(host))

    assert (found.host, found.workspace_id, found.closed) == (host, "7", "")
    assert found.scope == "workspace"


def test_a_host_of_several_has_to_know_which() -> None:
    """Without an id nothing is sent there."""
    nameless = {"workspace_name": "ws", "deployment_name": "dbc-1"}
    found = only(nameless, account("https://acme.databricks.com"))

    assert (found.workspace_id, found.closed) == (None, "its account names no host")


# --- which of them can be asked -----------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "closed"),
    [
        ({"workspace_status": "RUNNING"}, ""),
        ({"workspace_status": None}, ""),
        ({"workspace_status": "FAILED"}, "its account says FAILED"),
        (
            {"workspace_status": "BANNED", "workspace_status_message": "Not paid."},
            "its account says BANNED (Not paid.)",
        ),
        (
            {"workspace_status": "RUNNING", "workspace_status_message": "Workspace runs."},
            "",
        ),
        ({"workspace_status": "PROVISIONING"}, "its account says PROVISIONING"),
        ({"workspace_status": ["what"]}, "its account says ['what']"),
        (
            {"workspace_status": "FAILED", "deployment_name": None},
            "its account says FAILED",
        ),
    ],
)
def test_what_does_not_run_is_closed(said: dict[str, Any], closed: str) -> None:
    """It is in the fleet all the same, and says why nothing is asked there."""
    assert only(record(**said)).closed == closed


def test_an_account_that_does_not_speak_of_a_status_is_believed() -> None:
    """As Azure's, which has only workspaces that run."""
    assert only({"workspace_name": "ws", "deployment_name": "adb-1.2"}).closed == ""


# --- what they are called -----------------------------------------------------------------


def names(*records: dict[str, Any]) -> list[tuple[str, str]]:
    found = workspaces_of(account(), records)
    return [(config.name, config.origin) for config in found]


def test_workspaces_are_sorted_by_name() -> None:
    """And each says where it is from."""
    assert names(record("b", workspace_id=1), record("a", workspace_id=2)) == [
        ("a", "workspace 2 of profile acct"),
        ("b", "workspace 1 of profile acct"),
    ]


def test_workspaces_of_one_name_are_told_apart() -> None:
    """By their ids; the others keep their names."""
    found = names(*(record(name, workspace_id=n) for n, name in enumerate("aab", 1)))

    assert [name for name, _ in found] == ["a-1", "a-2", "b"]


def test_no_workspace_takes_the_name_of_another() -> None:
    """One is called as another would be when it is told apart: both are there."""
    found = names(
        *(record(name, workspace_id=n) for n, name in enumerate(["a", "a", "a-1"], 1))
    )

    assert [name for name, _ in found] == ["a-1-1", "a-1-3", "a-2"]


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ({"workspace_name": "ws", "deployment_name": "dbc-1"}, "ws"),
        ({"workspace_name": "", "deployment_name": "dbc-1"}, "dbc-1"),
        ({"workspace_id": 7}, "7"),
        ({}, "unknown1"),
    ],
)
def test_who_has_no_name_is_called_by_what_there_is(
    said: dict[str, Any], name: str
) -> None:
    """Deployment, id, or the place in the listing."""
    assert only(said).name == name


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("w" * 200, "w" * 200),
        ("w" * 201, "w" * 200 + "-7"),
        ("ü" * 34, "ü" * 33 + "-7"),
        ("w" * 199 + "ü", "w" * 199 + "-7"),
    ],
)
def test_a_name_that_is_no_folders_is_cut(said: str, name: str) -> None:
    """Tables have a folder for each workspace, and a folder's name has 255 bytes."""
    assert only(record(said)).name == name


def test_those_of_whom_nothing_is_known_are_several() -> None:
    """Two records that say nothing are no single workspace."""
    assert [name for name, _ in names({}, {})] == ["unknown1", "unknown2"]


def test_a_workspace_that_is_listed_twice_is_one() -> None:
    """Pages may overlap when something is made meanwhile."""
    assert [name for name, _ in names(record(), record())] == ["ws"]


# --- how they are logged in to ------------------------------------------------------------


@pytest.mark.parametrize(
    ("login", "carried"),
    [
        (SERVICE_PRINCIPAL, SERVICE_PRINCIPAL),
        (
            M2M("client", SECRET, OAuth("sql", "group", "{}", "https://elsewhere/oidc")),
            M2M("client", SECRET, OAuth("sql", "group", "{}", "")),
        ),
        (
            Federation(
                "env-oidc", "TOKEN", "client", "aud", OAuth(discovery_url="https://e")
            ),
            Federation("env-oidc", "TOKEN", "client", "aud", OAuth()),
        ),
        (
            AzureClientSecret(
                "client", SECRET, "tenant", Azure("CHINA", "/of/the/profile")
            ),
            AzureClientSecret("client", SECRET, "tenant", Azure("CHINA", RESOURCE_ID)),
        ),
        (AzureMsi("client"), AzureMsi("client", Azure(resource_id=RESOURCE_ID))),
        (
            Sdk(
                "azure-cli",
                {"host": Secret(AWS), "account_id": Secret("u"), "profile": Secret("p")},
                "hint",
            ),
            Sdk(
                "azure-cli",
                {
                    "host": Secret("https://dbc-1.cloud.databricks.com"),
                    "azure_workspace_resource_id": Secret(RESOURCE_ID),
                },
                "hint",
            ),
        ),
        (  # its program knows the account by the profile
            Sdk("databricks-cli", {"account_id": Secret("u"), "profile": Secret("p")}),
            Sdk(
                "databricks-cli",
                {
                    "host": Secret("https://dbc-1.cloud.databricks.com"),
                    "profile": Secret("p"),
                    "azure_workspace_resource_id": Secret(RESOURCE_ID),
                },
            ),
        ),
    ],
)
def test_the_accounts_login_is_carried_over(login: Login, carried: Login) -> None:
    """Less what was meant for the account's host, plus what only a workspace has."""
    found = only(record(azure_workspace_info=AZURE_INFO), account(login=login))

    assert found.login == carried
    assert found.account_id is None


@pytest.mark.parametrize(
    "info",
    [
        None,
        {},
        "what",
        {"subscription_id": "sub-1"},
        {"subscription_id": "sub-1", "resource_group": "rg\r\nAuthorization: x"},
        {"subscription_id": "a b", "resource_group": "rg-1"},
    ],
)
def test_without_a_resource_of_azure_none_is_named(info: Any) -> None:
    """It travels in a header: half of it helps nobody, and a line break ends it early."""
    found = only(record(azure_workspace_info=info), account(login=AzureMsi("client")))

    assert found.login == AzureMsi("client")


def test_an_sdk_login_on_aws_names_no_resource() -> None:
    """Only the host is another one."""
    login = Sdk("external-browser", {"host": Secret(AWS), "account_id": Secret("u")})
    found = only(record(), account(login=login))

    assert found.login == Sdk(
        "external-browser", {"host": Secret("https://dbc-1.cloud.databricks.com")}
    )


# --- which profiles will do ---------------------------------------------------------------


@pytest.mark.parametrize(
    "login", [SERVICE_PRINCIPAL, Federation("file-oidc"), AzureMsi(), Sdk("", {})]
)
def test_a_login_that_is_good_for_several_hosts_will_do(login: Login) -> None:
    """Whatever can be asked for another token."""
    check_account(account(login=login))


WORKSPACE = WorkspaceConfig(
    "prod", "https://dbc-1.cloud.databricks.com", login=Pat(SECRET), origin="profile prod"
)
NO_ACCOUNT = (
    "profile prod: this is a workspace; --account needs the profile of an account,"
    " with host and account_id"
)
ONE_HOST = (
    "profile acct: a token or password is good for one host; to log in to the account's"
    " workspaces, too, give client_id and client_secret of a service principal"
)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (WORKSPACE, NO_ACCOUNT),
        (account(login=Pat(SECRET)), ONE_HOST),
        (account(login=Basic("user", SECRET)), ONE_HOST),
        (account(login=None), ONE_HOST),
    ],
)
def test_other_profiles_are_refused(config: WorkspaceConfig, says: str) -> None:
    """It is said what is missing, and no secret with it."""
    with pytest.raises(ConfigError) as caught:
        check_account(config)

    assert str(caught.value) == says
