"""Logins that the official SDK does: in a thread, and imported only then.

It is synchronous, its import takes more than a second, and some of its logins wait for a
browser or another program. The thread is a daemon: an end of the run does not wait for it.
"""

import asyncio
import importlib
import logging
import time
from collections.abc import Mapping
from typing import Any

from asyncdbx.auth.token import Token, claims
from asyncdbx.config import Sdk, Secret
from asyncdbx.daemon import in_thread
from asyncdbx.errors import LoginFailed

__all__ = ["SdkLogin"]

SURE = 40.0  # seconds for which the SDK's tokens are still good when it hands them out
HTTP_TIMEOUT = 30  # seconds
RETRY_TIMEOUT = 60  # seconds
PATIENCE = 300.0  # seconds; a browser waits for a person, who is asleep at night


class SdkLogin:
    """Headers of an official ``Config``, which keeps and refreshes its own tokens."""

    def __init__(self, login: Sdk) -> None:
        self._login = login
        self._config: Any = None
        self._last: Mapping[str, str] = {}

    async def fetch(self) -> Token:
        """Return new headers.

        Raises:
            LoginFailed: The SDK cannot log in, and says why in its words; or it waits for
                somebody who does not come.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                headers = await in_thread(self._headers)
        except TimeoutError:
            words = f"the official SDK has not logged in within {PATIENCE:g} s"
            raise LoginFailed(words) from None
        values = [value.rpartition(" ")[2] for value in headers.values()]
        bearer = headers.get("Authorization", "").removeprefix("Bearer ")
        return Token(headers, _life(bearer), tuple(map(Secret, values)), Secret(bearer))

    def _headers(self) -> Mapping[str, str]:
        try:
            headers = self._asked()
            if headers == self._last:  # was refused, or ends soon: begin anew
                self._config = None
                headers = self._asked()
        except Exception as error:  # noqa: BLE001 - the SDK raises what it likes
            hint = f" {self._login.hint.lstrip('; ')}" if self._login.hint else ""
            raise LoginFailed(f"the official SDK: {error}.{hint}") from None
        self._last = headers
        return headers

    def _asked(self) -> Mapping[str, str]:
        if self._config is None:
            self._config = _sdk_config(self._login)
        headers: Mapping[str, str] = dict(self._config.authenticate())
        return headers


def _sdk_config(login: Sdk) -> Any:
    # With a handler of its own it does not write its warnings to stderr.
    logging.getLogger("databricks").addHandler(logging.NullHandler())
    core: Any = importlib.import_module("databricks.sdk.core")
    core.Config.attributes()  # makes the list of settings, of this very class

    def nothing(_: object) -> None:
        """Take nothing from the environment: the settings are what one place says."""

    one_place: Any = type("OnePlace", (core.Config,), {"_load_from_env": nothing})
    settings = {key: value.reveal() for key, value in login.settings.items()}
    if login.kind:
        settings["auth_type"] = login.kind
    return one_place(
        **settings,
        http_timeout_seconds=HTTP_TIMEOUT,
        retry_timeout_seconds=RETRY_TIMEOUT,
    )


def _life(bearer: str) -> float | None:
    """Return how many seconds a token lasts; None if it does not say."""
    ends = claims(bearer).get("exp")
    if isinstance(ends, bool) or not isinstance(ends, int | float):
        return None
    return max(SURE, ends - time.time())
