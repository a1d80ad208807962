"""asyncdbx: bulk work against the Databricks REST API.

Very many calls, on one workspace or on hundreds, as fast as the rate limits allow
and never faster: either a complete result or an exact account of what is missing.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncdbx.errors import ApiError, AsyncdbxError, CallError
    from asyncdbx.fleet import Call, Fleet, Outcome, Workspace
    from asyncdbx.user_agent import UserAgent

__all__ = [
    "ApiError",
    "AsyncdbxError",
    "Call",
    "CallError",
    "Fleet",
    "Outcome",
    "UserAgent",
    "Workspace",
]


_ERRORS = ("ApiError", "AsyncdbxError", "CallError")


def __getattr__(name: str) -> Any:
    """Import a public name when it is asked for.

    aiohttp takes a quarter of a second to import; ``asyncdbx --help`` needs none of it.
    """
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from asyncdbx import errors, fleet, user_agent  # noqa: PLC0415 - see above

    homes: dict[str, Any] = {"UserAgent": user_agent, **dict.fromkeys(_ERRORS, errors)}
    return getattr(homes.get(name, fleet), name)
