"""Tokens of other issuers, to be exchanged: from a variable, a file, GitHub Actions.

They live for minutes, and whoever provides them replaces them: each refresh reads anew.
"""

import os
from pathlib import Path
from urllib.parse import quote

from asyncdbx.auth.call import LoginCall, Send
from asyncdbx.auth.discovery import Issuer
from asyncdbx.auth.token import object_of
from asyncdbx.config import Federation, Secret, is_sendable
from asyncdbx.errors import BadAnswer, LoginFailed

__all__ = ["read_id_token"]

GITHUB_URL = "ACTIONS_ID_TOKEN_REQUEST_URL"
GITHUB_BEARER = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"


async def read_id_token(login: Federation, issuer: Issuer, send: Send, name: str) -> Secret:
    """Return the token that is to be exchanged.

    Raises:
        LoginFailed: There is none where it should be.
        CallError: GitHub does not give one.
    """
    match login.kind:
        case "env-oidc":
            return _usable(_variable(login.source), f"variable {login.source}")
        case "file-oidc":
            return _usable(_content(login.source), f"file {login.source}")
        case "github-oidc":
            return await _from_github(login.audience or issuer.audience, send, name)


async def _from_github(audience: str, send: Send, name: str) -> Secret:
    """Return a token that GitHub Actions makes for ``audience``.

    Source:
        docs.github.com, "OpenID Connect reference": the URL has a query already.
    """
    bearer = _usable(_variable(GITHUB_BEARER), f"variable {GITHUB_BEARER}")
    url = f"{_variable(GITHUB_URL)}&audience={quote(audience, safe='')}"
    headers = {"Authorization": f"Bearer {bearer.reveal()}"}
    said = object_of(await send(LoginCall(name, url, headers, secrets=(bearer,))))
    value = said.get("value")
    if not isinstance(value, str):
        raise BadAnswer("GitHub's answer has no token in it")
    return _usable(value, "GitHub's answer")


def _variable(name: str) -> str:
    if not (value := os.environ.get(name, "").strip()):
        raise LoginFailed(f"the environment variable {name} is not set")
    return value


def _content(path: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8").strip()
    except OSError as error:
        raise LoginFailed(f"the file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        return ""  # no token either
    except (RuntimeError, ValueError):  # ~nobody, a NUL
        raise LoginFailed(f"there can be no file {path!r}") from None


def _usable(value: str, where: str) -> Secret:
    if not is_sendable(value):
        raise LoginFailed(f"there is no token in {where}")
    return Secret(value)
