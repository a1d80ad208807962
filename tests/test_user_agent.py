"""Who a request says it is from."""

import re
from importlib.metadata import version

import pytest
from databricks.sdk import useragent as sdk

from asyncdbx.errors import ConfigError
from asyncdbx.user_agent import UserAgent

ALL = {
    "ASYNCDBX_PRODUCT": "nightly/1.2.0",
    "ASYNCDBX_PARTNER": "acme, other",
    "DATABRICKS_SDK_UPSTREAM": "terraform",
    "DATABRICKS_SDK_UPSTREAM_VERSION": "1.9.0",
}


def test_the_plain_one() -> None:
    """Ourselves, Python, the system, and how it is logged in."""
    text = UserAgent.of({}).text("oauth-m2m")

    assert re.fullmatch(r"asyncdbx/[\d.]+ python/3\.\d+\.\d+ os/\w+ auth/oauth-m2m", text)


def test_all_parts() -> None:
    """The tool on top comes first; each part is one that the SDK would send as well."""
    first, ours, *_, one, other, upstream, its_version = UserAgent.of(ALL).text().split()

    assert (first, ours) == ("nightly/1.2.0", f"asyncdbx/{version('asyncdbx')}")
    assert (one, other) == ("partner/acme", "partner/other")
    assert (upstream, its_version) == ("upstream/terraform", "upstream-version/1.9.0")
    for part in UserAgent.of(ALL).text("pat").split():
        name, _, value = part.partition("/")
        sdk._match_alphanum(name)
        sdk._match_alphanum_or_semver(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ASYNCDBX_PRODUCT", "nightly"),
        ("ASYNCDBX_PRODUCT", "nightly/one"),
        ("ASYNCDBX_PRODUCT", "night ly/1.0.0"),
        ("ASYNCDBX_PRODUCT", "nightly/1.0.0\r\nX-Evil: 1"),
        ("ASYNCDBX_PARTNER", "ac/me"),
        ("DATABRICKS_SDK_UPSTREAM", "ü"),
        ("DATABRICKS_SDK_UPSTREAM_VERSION", "1 0"),
    ],
)
def test_what_does_not_fit(name: str, value: str) -> None:
    """The variable is named, and nothing is sent that ends the header early."""
    with pytest.raises(ConfigError, match=name):
        UserAgent.of({name: value})
