"""The shapes in which the API families say no."""

from collections.abc import Mapping
from urllib.parse import urlencode

import orjson

from asyncdbx.simulator.call import Refusal, Reply

SCIM_ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
NOT_LET_IN = "NOT_LET_IN"  # never sent
LOGIN_PAGE = (
    b"<!doctype html><html><head><title>Databricks - Sign In</title></head>"
    b"<body><div id='login-page'>Sign in to Databricks</div></body></html>"
)


def login_page() -> Reply:
    """Return what a host answers to a path that is not its own: a page for people, 200."""
    return Reply(LOGIN_PAGE, content_type="text/html")


def refused(refusal: Refusal, path: str) -> Reply:
    """Return a refusal in the shape of the API family that ``path`` belongs to."""
    if refusal.code == NOT_LET_IN:  # by what stands before all services, alike for each
        return _json(refusal, {"error_code": refusal.status, "message": refusal.message})
    if "/scim/v2/" in path:
        return _json(refusal, _scim(refusal))
    if path.startswith("/api/1.2/"):
        return _json(refusal, {"error": refusal.message})
    if path.startswith("/api/2.0/accounts/"):
        text = f"{refusal.code}: {refusal.message}"
        return Reply(text.encode(), refusal.status, "text/plain")
    return _json(refusal, {"error_code": refusal.code, "message": refusal.message})


def _json(refusal: Refusal, body: object) -> Reply:
    return Reply(orjson.dumps(body), refusal.status)


def _scim(refusal: Refusal) -> dict[str, object]:
    body: dict[str, object] = {
        "schemas": [SCIM_ERROR],
        "detail": refusal.message,
        "status": str(refusal.status),
    }
    return body | ({"scimType": refusal.scim_type} if refusal.scim_type else {})


def too_fast(path: str, workspace_id: int) -> Refusal:
    """Return the refusal of a call that exceeds its lane's rate.

    Both codes are in use; which one comes depends on the path.
    """
    code = ("REQUEST_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED")[len(path) % 2]
    return Refusal(
        429, code, f"Workspace {workspace_id} exceeded the rate limit of this API."
    )


def too_many(path: str, workspace_id: int, limit: int) -> Refusal:
    """Return the refusal of one call too many at the same time; SCIM says it as a 500."""
    text = f"Workspace {workspace_id} exceeded the concurrent limit of {limit} requests."
    if "/scim/v2/" in path:
        return Refusal(500, "REQUEST_LIMIT_EXCEEDED", f"REQUEST_LIMIT_EXCEEDED: {text}")
    return Refusal(429, "REQUEST_LIMIT_EXCEEDED", text)


def timed_out(path: str, query: Mapping[str, str]) -> Reply:
    """Return what the gateway says when a service takes longer than it waits.

    A 504, in one shape for all API families: databrickslabs/ucx#556 shows it of SCIM,
    databricks/cli#5349 of permissions, databricks/databricks-sdk-go tests it with a query.
    """
    service = f"{path}?{urlencode(query)}" if query else path
    text = (
        f"The service at {service} is taking too long to process your request. "
        "Please try again later or try a faster operation. [TraceId: -]"
    )
    refusal = Refusal(504, "TEMPORARILY_UNAVAILABLE", text)
    return _json(refusal, {"error_code": refusal.code, "message": refusal.message})


def unauthenticated() -> Refusal:
    """Return the refusal of a missing or unknown token."""
    return Refusal(
        401, "UNAUTHENTICATED", "Credential was not sent or was of an unsupported type."
    )


def invalid_token() -> Refusal:
    """Return the other refusal of a bearer token; its code is a number."""
    return Refusal(403, NOT_LET_IN, "Invalid access token.")


def no_such_endpoint(method: str, path: str) -> Refusal:
    """Return the refusal of a path under /api/ that does not exist."""
    return Refusal(404, "ENDPOINT_NOT_FOUND", f"No API found for '{method} {path}'")
