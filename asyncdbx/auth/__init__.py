"""A credential per workspace: the headers that say who calls.

``Logins`` makes them. A token that ends is fetched once for all who need it, and again
ahead of its end; what has to be sent for that is data (``LoginCall``), which somebody else
sends. Logins that are not done here are the official SDK's (``by_sdk``).
"""

from asyncdbx.auth.call import LoginCall, Send
from asyncdbx.auth.credential import Credential, StaticCredential, TokenCredential
from asyncdbx.auth.logins import Logins

__all__ = [
    "Credential",
    "LoginCall",
    "Logins",
    "Send",
    "StaticCredential",
    "TokenCredential",
]
