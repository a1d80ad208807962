"""What an answer means: the one place where status and error code become an error.

Pure. Never decided from message text, which the API does not promise to keep, with two
documented exceptions: the sentence that names a concurrency limit, and those that refuse a
token with a 403.
"""

import datetime as dt
import email.utils
import re
from collections.abc import Mapping
from typing import Any, cast

import orjson

from asyncdbx.errors import (
    ApiError,
    BadAnswer,
    CallError,
    ConcurrencyExceeded,
    Denied,
    Disabled,
    NotFound,
    Redirected,
    ServerFailed,
    Throttled,
    Unauthenticated,
    Unavailable,
)

__all__ = ["UNAVAILABLE_CODES", "judge", "judge_document", "seconds_to_wait"]

LONGEST_RETRY_AFTER = 60.0  # seconds; more than that is a mistake or a very long coffee

THROTTLED_CODES = frozenset({"REQUEST_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED"})
UNAVAILABLE_CODES = frozenset(
    {
        "SERVICE_UNDER_MAINTENANCE",
        "TEMPORARILY_UNAVAILABLE",
        "UNAVAILABLE",
        "WORKSPACE_TEMPORARILY_UNAVAILABLE",
    }
)
DISABLED_CODES = frozenset({"ENDPOINT_NOT_FOUND", "FEATURE_DISABLED", "NOT_IMPLEMENTED"})

# These say 400 INVALID_PARAMETER_VALUE for an id they do not know (their only parameter).
MISSING_IS_400 = frozenset({"clusters.get", "jobs.get", "jobs.get_run"})

# "Workspace 123 exceeded the concurrent limit of 20 requests." (429 without Retry-After;
# from SCIM as HTTP 500 with a limit of 4: sdk-go PR #721, ucx #401).
CONCURRENCY = re.compile(r"exceeded the concurrent limit of ([0-9]{1,6}) requests")

# What stands before all services refuses a token that is unknown or past its end with 403
# and the number as its code: "Invalid access token.", "Token is expiring within 30
# seconds." (databricks-sdk-go #873, databricks-vscode #583). A denial has a word for code,
# and a blocked network another text.
BAD_TOKEN = re.compile(r"(?i)invalid access token|token is expiring|token expired")

PLAIN_CODE = re.compile(r"\s*([A-Z][A-Z_]{3,}): (.*)", re.DOTALL)
HTML_WORDS = re.compile(
    r"<(?:pre|title)[^>]*>(.*?)</(?:pre|title)>", re.DOTALL | re.IGNORECASE
)
LONGEST_MESSAGE = 2_000  # characters kept of a body that is not the API's own


def judge(
    endpoint: str, status: int, headers: Mapping[str, str], body: bytes
) -> CallError | None:
    """Return the error that an answer is, or None if the server accepted the call.

    Args:
        endpoint: Name of the endpoint, e.g. ``"clusters.get"``.
        status: HTTP status.
        headers: Response headers, case-insensitive.
        body: Decoded body; may be empty or anything.
    """
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return _redirected(status, headers)
    code, message, details = _words(body)
    if not message:
        message = code or f"no message ({headers.get('Content-Type', 'no content type')})"
    kind = _kind(endpoint, status, code, message)
    error = kind(
        message,
        status=status,
        error_code=code,
        retry_after=seconds_to_wait(headers, details),
        request_id=headers.get("x-request-id", "") or _request_id(details),
    )
    if isinstance(error, ConcurrencyExceeded) and (said := CONCURRENCY.search(message)):
        error.limit = int(said[1])
    return error


def judge_document(document: Any) -> CallError | None:
    """Return the error that a 200's document is, or None: some gateways send errors as 200.

    Args:
        document: The parsed body.
    """
    if type(document) is not dict or "error_code" not in document:
        return None
    body = cast("dict[str, Any]", document)
    if not isinstance(body.get("message"), str) or not _code(body):
        return None
    return BadAnswer(f"an error inside a 200: {_code(body)}: {body['message']}")


def _kind(endpoint: str, status: int, code: str, message: str) -> type[ApiError]:
    """Return the class: by what is documented first, then the code, then the status."""
    refused = status in {429, 500} or code in THROTTLED_CODES
    if refused and CONCURRENCY.search(message):
        return ConcurrencyExceeded
    if status == 403 and code == "403" and BAD_TOKEN.search(message):
        return Unauthenticated
    by_code = _kind_of_code(endpoint, code)
    return by_code or _kind_of_status(status)


def _kind_of_code(endpoint: str, code: str) -> type[ApiError] | None:
    if code in THROTTLED_CODES:
        return Throttled
    if code in UNAVAILABLE_CODES:
        return Unavailable
    if code in DISABLED_CODES:
        return Disabled
    if code == "NOT_FOUND" or code.endswith("_DOES_NOT_EXIST"):
        return NotFound
    if code == "INVALID_PARAMETER_VALUE" and endpoint in MISSING_IS_400:
        return NotFound
    return None


def _kind_of_status(status: int) -> type[ApiError]:
    kinds: dict[int, type[ApiError]] = {
        401: Unauthenticated,
        403: Denied,
        404: NotFound,
        429: Throttled,
        501: Disabled,
        503: Unavailable,
    }
    return kinds.get(status) or (ServerFailed if status >= 500 else ApiError)


def _words(body: bytes) -> tuple[str, str, list[dict[str, Any]]]:
    """Return code, message and details of an error body of any of the known shapes."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return (*_plain_words(body), [])
    if isinstance(document, str):
        return "", document[:LONGEST_MESSAGE], []
    if document is None:
        return "", "", []
    if not isinstance(document, dict):
        return (*_plain_words(body), [])
    said = cast("dict[str, Any]", document)
    details: Any = said.get("details")
    return _code(said), _message(said)[:LONGEST_MESSAGE], _objects(details)


def _objects(details: Any) -> list[dict[str, Any]]:
    if not isinstance(details, list):
        return []
    return [detail for detail in cast("Any", details) if isinstance(detail, dict)]


def _code(said: dict[str, Any]) -> str:
    """Return the error code; some endpoints send a number, SCIM sends its status.

    A token endpoint's is called ``error``, as the only text of an API 1.2 error is.
    """
    code = said.get("error_code")
    if code is None and "scimType" in said:
        code = said["scimType"]
    if code is None and "error_description" in said:
        code = said.get("error")
    return str(code) if isinstance(code, str | int) else ""


def _message(said: dict[str, Any]) -> str:
    # 2.x; SCIM; of a token endpoint (RFC 6749, section 5.2); API 1.2
    for key in ("message", "detail", "error_description", "error"):
        if isinstance(words := said.get(key), str) and words:
            return words
    return ""


def _plain_words(body: bytes) -> tuple[str, str]:
    """Return code and message of a body that is not JSON: ``CODE: text``, HTML, or text."""
    text = body[: 4 * LONGEST_MESSAGE].decode("utf-8", "replace")
    if plain := PLAIN_CODE.fullmatch(text):
        return plain[1], plain[2].strip()[:LONGEST_MESSAGE]
    words = " ".join(HTML_WORDS.findall(text)) or text
    return "", " ".join(words.split())[:LONGEST_MESSAGE]


def _redirected(status: int, headers: Mapping[str, str]) -> CallError:
    target = headers.get("Location", "")
    if "private-link-validation-error" in target:
        return Denied(
            "this workspace is reached over private link only",
            status=status,
            error_code="PRIVATE_LINK_VALIDATION_ERROR",
        )
    where = target.split("?")[0][:200] or "nowhere"
    return Redirected(
        f"HTTP {status}: redirected to {where}; is the host a Databricks workspace?",
        location=target,
    )


def _request_id(details: list[dict[str, Any]]) -> str:
    found = (detail.get("request_id") for detail in details)
    return next((name for name in found if isinstance(name, str)), "")


def seconds_to_wait(
    headers: Mapping[str, str], details: list[dict[str, Any]] | None = None
) -> float | None:
    """Return the seconds an answer asks to wait, within 0 to 60, or None.

    Whole seconds or an HTTP date, which is held against the answer's own Date, not
    against this machine's clock. Anything else (negative, fractions, words, digits of
    other scripts) counts as not said.

    Args:
        headers: Response headers, case-insensitive.
        details: ``details`` of the error body, for a RetryInfo.
    """
    said = headers.get("Retry-After", "").strip()
    seconds = _whole_seconds(said)
    if seconds is None and said:
        seconds = _until(said, headers.get("Date", ""))
    if seconds is None:
        seconds = _retry_info(details or [])
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def _whole_seconds(said: str) -> float | None:
    return float(said) if said.isascii() and said.isdigit() else None


def _until(said: str, sent: str) -> float | None:
    try:
        moment = email.utils.parsedate_to_datetime(said)
        base = email.utils.parsedate_to_datetime(sent) if sent else dt.datetime.now(dt.UTC)
        return (moment - base).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None


def _retry_info(details: list[dict[str, Any]]) -> float | None:
    for detail in details:
        delay = detail.get("retry_delay")
        if isinstance(delay, str) and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?s", delay):
            return float(delay[:-1])
    return None
