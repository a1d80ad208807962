"""One spelling for a host, whatever was pasted from the browser's address bar."""

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from urllib.parse import SplitResult, parse_qs, urlsplit

_DEFAULT_PORT = {"https": 443, "http": 80}
_HAS_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_-]+)*")


@dataclass(frozen=True, slots=True)
class Host:
    """Where to send calls, and what else the address said.

    Attributes:
        url: ``https://name[:port]``, lower case, no default port, no trailing slash.
        machine: The bare name or IP address.
        workspace_id: From ``?o=`` or ``?workspace_id=``; empty if it was not there.
        account_id: From ``?a=`` or ``?account_id=``; empty if it was not there.
    """

    url: str
    machine: str
    workspace_id: str = ""
    account_id: str = ""


def parse_host(text: str) -> Host:
    """Read an address as the Go SDK does: only scheme, host and the two ids count.

    ``http://`` is for loopback only, because a token would travel in the clear.

    Raises:
        ValueError: It is no such address. The text says why and never repeats the
            address, which may hold a password or be a token in the wrong place.

    Source:
        databricks-sdk-go, config/config.go, ``fixHostIfNeeded``, and the Databricks CLI
        for the ids; the SDK for Python keeps path and query and then fails.
    """
    if re.search(r"[\s\x00-\x1f]", text):
        raise ValueError("has a blank or line break inside")
    parts = _split(text)
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or password")
    machine = _machine(parts)
    if parts.scheme == "http" and not _is_loopback(machine):
        raise ValueError(f"http:// is only for this machine; write https://{machine}")
    query = parse_qs(parts.query)
    return Host(
        url=f"{parts.scheme}://{_bracketed(machine)}{_port(parts)}",
        machine=machine,
        workspace_id=_first(query, "o", "workspace_id"),
        account_id=_first(query, "a", "account_id"),
    )


def _split(text: str) -> SplitResult:
    url = text if _HAS_SCHEME.match(text) else f"https://{text.lstrip('/')}"
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("is not an address") from None
    if parts.scheme not in _DEFAULT_PORT:
        raise ValueError("must start with https://")
    return parts


def _machine(parts: SplitResult) -> str:
    machine = parts.hostname or ""
    if ":" in machine and _is_ipv6(machine):
        return machine
    if not _NAME.fullmatch(machine):
        raise ValueError("is not a host name")
    if "." not in machine and machine != "localhost":
        raise ValueError("is not a full host name, such as dbc-a1b2.cloud.databricks.com")
    return machine


def _port(parts: SplitResult) -> str:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0 or parts.netloc.endswith(":"):
        raise ValueError("has a port that is not a number from 1 to 65535")
    return "" if port in {None, _DEFAULT_PORT[parts.scheme]} else f":{port}"


def _is_ipv6(machine: str) -> bool:
    try:
        return IPv6Address(machine).scope_id is None
    except ValueError:
        return False


def _is_loopback(machine: str) -> bool:
    try:
        return ip_address(machine).is_loopback
    except ValueError:
        return machine == "localhost"


def _bracketed(machine: str) -> str:
    return f"[{machine}]" if ":" in machine else machine


def _first(query: dict[str, list[str]], *names: str) -> str:
    return next((query[name][0].strip() for name in names if name in query), "")
