"""How an address is read, whatever was pasted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdbx.config import WorkspaceConfig
from asyncdbx.config.host import parse_host

CANARY = "dapiCANARY0123456789"


@pytest.mark.parametrize(
    ("text", "url", "workspace_id", "account_id"),
    [
        ("a.b", "https://a.b", "", ""),
        ("//a.b", "https://a.b", "", ""),
        (
            "HTTPS://Adb-1.2.AzureDatabricks.NET/",
            "https://adb-1.2.azuredatabricks.net",
            "",
            "",
        ),
        ("https://a.b:443", "https://a.b", "", ""),
        ("https://a.b:8443/x/y", "https://a.b:8443", "", ""),
        ("https://a.b/?o=77#job/3", "https://a.b", "77", ""),
        ("a.b?workspace_id=77&account_id=u-1", "https://a.b", "77", "u-1"),
        ("a.b/login.html?a=u-1&next=https://x.y", "https://a.b", "", "u-1"),
        ("http://127.9.9.9:8080/", "http://127.9.9.9:8080", "", ""),
        ("http://localhost", "http://localhost", "", ""),
        ("http://[::1]:80", "http://[::1]", "", ""),
        ("https://10.0.0.1:443", "https://10.0.0.1", "", ""),
    ],
)
def test_hosts_have_one_spelling(
    text: str, url: str, workspace_id: str, account_id: str
) -> None:
    """Only scheme, host and the ids count of what was pasted."""
    host = parse_host(text)

    assert (host.url, host.workspace_id, host.account_id) == (url, workspace_id, account_id)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("http://a.b", "only for this machine; write https://a.b"),
        ("http://10.0.0.1", "only for this machine"),
        ("http://127.0.0.1.evil.com", "only for this machine"),
        ("http://[::ffff:127.0.0.1]", "only for this machine"),
        ("http://localhost.evil.com", "only for this machine"),
        ("ftp://a.b", "must start with https://"),
        (f"https://u:{CANARY}@a.b", "must not hold a user name or password"),
        (f"{CANARY}@a.b", "must not hold a user name or password"),
        ("http://127.0.0.1\\@a.b", "must not hold a user name"),
        (CANARY, "is not a full host name"),
        ("https:/a.b", "has a port that is not a number|is not a full host name"),
        ("https://", "is not a host name"),
        ("https://a b.c", "has a blank"),
        ("https://a.b\nX: 1", "has a blank or line break"),
        ("https://ä.b", "is not a host name"),
        ("https://a%2fb.c", "is not a host name"),
        ("https://a..b", "is not a host name"),
        (f"https://{'a' * 250}.com", "is not a host name"),
        ("https://[::1", "is not an address"),
        ("https://[::1%25lo]", "is not a host name"),
        ("https://[v1.a:b]", "is not a host name"),
        ("https://a.b:0", "has a port"),
        ("https://a.b:99999", "has a port"),
        ("https://a.b:x", "has a port"),
        ("a.b:", "has a port"),
    ],
)
def test_hosts_that_are_refused(text: str, message: str) -> None:
    """The reason never repeats an address that may hold a secret."""
    with pytest.raises(ValueError, match=message) as caught:
        parse_host(text)

    assert CANARY.lower() not in str(caught.value).lower()


@given(st.from_regex(r"(https?://)?[-a-zA-Z0-9.:@\[\]/?=%\\ ä]{0,30}", fullmatch=True))
def test_a_host_is_refused_or_settled(text: str) -> None:
    """Any text gives a ValueError, or an address that stays as it is when read again."""
    try:
        url = parse_host(text).url
    except ValueError:
        return
    assert parse_host(url).url == url


@pytest.mark.parametrize(
    ("host", "account_id", "workspace_id", "scope"),
    [
        ("https://accounts.cloud.databricks.com", "u", None, "account"),
        ("https://accounts-dod.cloud.databricks.us", "u", "7", "account"),
        ("https://acme.databricks.com", "u", None, "account"),
        ("https://acme.databricks.com", "u", "7", "workspace"),
        ("https://acme.databricks.com", None, None, "workspace"),
        ("http://127.0.0.1:8080", "u", None, "account"),
        ("https://adb-1.2.azuredatabricks.net", "u", None, "workspace"),
        ("https://dbc-1.cloud.databricks.com", "u", None, "workspace"),
    ],
)
def test_scope(
    host: str, account_id: str | None, workspace_id: str | None, scope: str
) -> None:
    """An account is its own host, or a host with an account id and no workspace id."""
    config = WorkspaceConfig("w", host, account_id, workspace_id)

    assert config.scope == scope
