"""Who a request says it is from, by the platform's convention.

``asyncdbx/0.1.0 python/3.11.7 os/linux auth/pat``; a tool built on this one comes first,
partner and upstream come last.

Source:
    databricks-sdk 0.162.0, useragent.py; docs.databricks.com, "User agent".
"""

import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

from asyncdbx.errors import ConfigError

__all__ = ["UserAgent"]

_NAME = re.compile(r"[a-zA-Z0-9_.+-]+")
_VERSION = re.compile(  # semver.org, where the patch may be left out
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)(\.(0|[1-9]\d*))?(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?",
    re.ASCII,
)
PRODUCT = "ASYNCDBX_PRODUCT"
PARTNER = "ASYNCDBX_PARTNER"
UPSTREAM = "DATABRICKS_SDK_UPSTREAM"
UPSTREAM_VERSION = "DATABRICKS_SDK_UPSTREAM_VERSION"


@dataclass(frozen=True, slots=True)
class UserAgent:
    """What a fleet says of itself.

    Attributes:
        product: The tool that is built on it, ``name/version``; empty for none.
        partners: Who has made that, by the names the platform gave them.
        upstream: What uses that tool: a name.
        upstream_version: Of it.

    Raises:
        ConfigError: A part does not fit in the header, or is no version.
    """

    product: str = ""
    partners: tuple[str, ...] = ()
    upstream: str = ""
    upstream_version: str = ""

    def __post_init__(self) -> None:
        if self.product:
            name, _, version = self.product.partition("/")
            if not (_NAME.fullmatch(name) and _VERSION.fullmatch(version)):
                raise ConfigError(
                    f"{PRODUCT}: {self.product!r} is no name/version, as nightly/1.2.0"
                )
        for partner in self.partners:
            _check(PARTNER, partner)
        for label, value in (
            (UPSTREAM, self.upstream),
            (UPSTREAM_VERSION, self.upstream_version),
        ):
            if value:
                _check(label, value)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "UserAgent":
        """Return what the environment says: product, partners, upstream.

        Raises:
            ConfigError: A variable does not fit in the header.
        """
        return cls(
            environ.get(PRODUCT, "").strip(),
            tuple(environ.get(PARTNER, "").replace(",", " ").split()),
            environ.get(UPSTREAM, "").strip(),
            environ.get(UPSTREAM_VERSION, "").strip(),
        )

    def text(self, auth: str = "") -> str:
        """Return the header.

        Args:
            auth: Kind of login; left out where there is none.
        """
        parts = [
            self.product,
            f"asyncdbx/{own_version()}",
            f"python/{platform.python_version()}",
            f"os/{platform.system().lower()}",
            f"auth/{auth}" if auth else "",
            *(f"partner/{partner}" for partner in self.partners),
            f"upstream/{self.upstream}" if self.upstream else "",
            f"upstream-version/{self.upstream_version}" if self.upstream_version else "",
        ]
        return " ".join(filter(None, parts))


@cache
def own_version() -> str:
    """Return the version of asyncdbx that is installed."""
    return version("asyncdbx")


def _check(label: str, value: str) -> None:
    if not _NAME.fullmatch(value):
        raise ConfigError(f"{label}: {value!r} may have letters, digits, and _ . + - only")
