"""Which workspaces a run talks to, and how it logs in: profiles, environment, .netrc.

``resolve`` turns the command line's choice into ``WorkspaceConfig`` values. Nothing here
touches the network. What a secret is stays behind ``Secret``; ``redact`` takes secrets
out of text that came from elsewhere.
"""

from asyncdbx.config.account import check_account, workspaces_of
from asyncdbx.config.choice import resolve
from asyncdbx.config.logins import (
    M2M,
    Azure,
    AzureClientSecret,
    AzureMsi,
    Basic,
    Federation,
    Login,
    OAuth,
    Pat,
    Sdk,
)
from asyncdbx.config.secret import Secret, is_sendable, redact
from asyncdbx.config.settings import SECRET_SETTINGS
from asyncdbx.config.state import LANES, lane_group, lane_key, lanes_path
from asyncdbx.config.workspace import Scope, WorkspaceConfig

__all__ = [
    "LANES",
    "M2M",
    "SECRET_SETTINGS",
    "Azure",
    "AzureClientSecret",
    "AzureMsi",
    "Basic",
    "Federation",
    "Login",
    "OAuth",
    "Pat",
    "Scope",
    "Sdk",
    "Secret",
    "WorkspaceConfig",
    "check_account",
    "is_sendable",
    "lane_group",
    "lane_key",
    "lanes_path",
    "redact",
    "resolve",
    "workspaces_of",
]
