"""What an answer means, as a table."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from asyncdbx.engine.judgement import judge, judge_document, seconds_to_wait
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

DATE = "Mon, 23 Nov 2026 10:00:00 GMT"


def judged(
    status: int, body: Any = b"", *, endpoint: str = "jobs.list", **headers: str
) -> ApiError:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    named = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    error = judge(endpoint, status, named, raw)
    assert isinstance(error, ApiError)
    assert error.status == status
    return error


def code(word: object, message: str = "m") -> dict[str, object]:
    return {"error_code": word, "message": message}


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 299])
@pytest.mark.parametrize("body", [b"", b"null", b"{}", b"<html>", b"\xff"])
def test_what_was_accepted_is_no_error(status: int, body: bytes) -> None:
    """The body of a 2xx is not judged here."""
    assert judge("jobs.list", status, {}, body) is None


SHAPES: dict[str, tuple[bytes, str, str]] = {
    "2.x": (
        b'{"error_code": "INVALID_STATE", "message": "is running", "details": []}',
        "INVALID_STATE",
        "is running",
    ),
    "a number": (b'{"error_code": 403, "message": "no"}', "403", "no"),
    "1.2": (b'{"error": "IllegalArgumentException: x"}', "", "IllegalArgumentException: x"),
    "SCIM": (
        b'{"schemas": ["x:Error"], "detail": "bad filter", "scimType": "invalidFilter"}',
        "invalidFilter",
        "bad filter",
    ),
    "SCIM without type": (
        b'{"schemas": ["x"], "detail": "no such user", "status": "404", "scimType": null}',
        "",
        "no such user",
    ),
    "token endpoint": (b'{"error": "invalid_client", "error_description": "who?"}',
                       "invalid_client", "who?"),
    "plain": (b"PERMISSION_DENIED: not an admin\n", "PERMISSION_DENIED", "not an admin"),
    "plain over lines": (b"ABORTED: a\nb", "ABORTED", "a\nb"),
    "text": (b"No webapps are available to handle your request", "",
             "No webapps are available to handle your request"),
    "pre": (b"<html><body><pre>\n INVALID  thing\n</pre></body></html>", "",
            "INVALID thing"),
    "title": (b"<HTML><TITLE>502 Bad Gateway</TITLE><body>x", "", "502 Bad Gateway"),
    "html without words": (b"<html><body>hello</body></html>", "",
                           "<html><body>hello</body></html>"),
    "empty": (b"", "", "no message (text/x)"),
    "spaces": (b" \n ", "", "no message (text/x)"),
    "null": (b"null", "", "no message (text/x)"),
    "a string": (b'"too many"', "", "too many"),
    "a list": (b'["a", 1]', "", '["a", 1]'),
    "zero": (b"0", "", "0"),
    "invalid UTF-8": (b"caf\xe9 closed", "", "caf\ufffd closed"),
    "cut JSON": (b'{"error_code": "INVALID_STATE", "mess', "",
                 '{"error_code": "INVALID_STATE", "mess'),
    "no message": (b'{"error_code": "ABORTED"}', "ABORTED", "ABORTED"),
    "empty message": (b'{"error_code": "ABORTED", "message": ""}', "ABORTED", "ABORTED"),
    "strange message": (b'{"message": {"a": 1}, "error": "e"}', "", "e"),
    "strange details": (b'{"message": "m", "details": [1, null, "x"]}', "", "m"),
    "details no list": (b'{"message": "m", "details": {"a": 1}}', "", "m"),
    "a code of null": (b'{"error_code": null, "message": "m"}', "", "m"),
    "too deep": (b"[" * 2000, "", "[" * 2000),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("status", [400, 418])
def test_every_shape_of_a_body_is_understood(shape: str, status: int) -> None:
    """Code and message are found, whatever speaks; the status says what it is."""
    body, word, message = SHAPES[shape]
    error = judged(status, body, Content_Type="text/x")

    assert (error.error_code, error.message) == (word, message)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"error_code": 403, "message": "Invalid access token. [ReqId: 1]"}',
         Unauthenticated),
        (b'{"error_code": "403", "message": "Token is expiring within 30 seconds."}',
         Unauthenticated),
        (b'{"error_code": 403, "message": "Source IP address is blocked by IP ACL"}',
         Denied),
        (b'{"error_code": "PERMISSION_DENIED", "message": "Token expired"}', Denied),
    ],
)  # fmt: skip
def test_a_bad_token_is_refused_with_403_as_well(body: bytes, kind: type) -> None:
    """What stands before all services says so in words; a denial has a code of its own."""
    assert type(judged(403, body)) is kind


def test_a_long_page_is_cut() -> None:
    """At most 2,000 characters, of a page and of the API's own words."""
    assert len(judged(502, b"x" * 10**6).message) == 2000
    words = b'{"message": "' + b"x" * 10**6 + b'"}'
    assert len(judged(502, words).message) == 2000


@pytest.mark.parametrize("body", [b"%s", b'{"error_code": %s, "message": "m"}'])
def test_a_deep_error_is_one_error(body: bytes) -> None:
    """As deep as the parser goes."""
    assert type(judged(400, body % (b"[" * 1000 + b"]" * 1000))) is ApiError
    assert len(judged(502, b'"' + b"x" * 10**6 + b'"').message) == 2000


@given(status=st.integers(300, 599), body=st.binary(max_size=200))
def test_no_answer_breaks_the_judgement(status: int, body: bytes) -> None:
    """Whatever comes, it is an error with a message."""
    error = judge("jobs.list", status, {}, body)

    assert isinstance(error, CallError)
    assert error.message


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ApiError),
        (401, Unauthenticated),
        (402, ApiError),
        (403, Denied),
        (404, NotFound),
        (409, ApiError),
        (429, Throttled),
        (499, ApiError),
        (500, ServerFailed),
        (501, Disabled),
        (502, ServerFailed),
        (503, Unavailable),
        (504, ServerFailed),
        (599, ServerFailed),
        (101, ApiError),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"[1]", b'{"message": "m"}'])
def test_the_status_decides_where_no_code_does(
    status: int, kind: type, body: bytes
) -> None:
    """Also with an unreadable body, on which the SDK stumbles."""
    assert type(judged(status, body)) is kind


@pytest.mark.parametrize(
    ("status", "word", "kind"),
    [
        (400, "REQUEST_LIMIT_EXCEEDED", Throttled),
        (400, "RESOURCE_EXHAUSTED", Throttled),
        (403, "RESOURCE_EXHAUSTED", Throttled),
        (400, "TEMPORARILY_UNAVAILABLE", Unavailable),
        (500, "WORKSPACE_TEMPORARILY_UNAVAILABLE", Unavailable),
        (500, "UNAVAILABLE", Unavailable),
        (400, "SERVICE_UNDER_MAINTENANCE", Unavailable),
        (404, "ENDPOINT_NOT_FOUND", Disabled),
        (404, "FEATURE_DISABLED", Disabled),
        (403, "FEATURE_DISABLED", Disabled),
        (501, "NOT_IMPLEMENTED", Disabled),
        (400, "RESOURCE_DOES_NOT_EXIST", NotFound),
        (404, "RESOURCE_DOES_NOT_EXIST", NotFound),
        (400, "CATALOG_DOES_NOT_EXIST", NotFound),
        (400, "MANAGED_RESOURCE_GROUP_DOES_NOT_EXIST", NotFound),
        (400, "NOT_FOUND", NotFound),
        (400, "INVALID_PARAMETER_VALUE", ApiError),
        (400, "INVALID_STATE", ApiError),
        (409, "RESOURCE_ALREADY_EXISTS", ApiError),
        (401, "CUSTOMER_UNAUTHORIZED", Unauthenticated),
        (403, "PERMISSION_DENIED", Denied),
        (429, "QUOTA_EXCEEDED", Throttled),
        (500, "INTERNAL_ERROR", ServerFailed),
        (504, "DEADLINE_EXCEEDED", ServerFailed),
        (400, "A_CODE_OF_TOMORROW", ApiError),
        (400, 429, ApiError),
        (500, 500, ServerFailed),
        (400, ["x"], ApiError),
        (400, True, ApiError),
    ],
)
def test_the_code_decides_where_it_is_known(status: int, word: object, kind: type) -> None:
    """A documented code counts more than the status; any other counts for nothing."""
    error = judged(status, code(word))

    assert type(error) is kind
    assert error.error_code == ("" if isinstance(word, list) else str(word))


@pytest.mark.parametrize("endpoint", ["clusters.get", "jobs.get", "jobs.get_run"])
def test_three_gets_say_400_for_what_is_missing(endpoint: str) -> None:
    """Whatever their message is; the same code elsewhere is a bad parameter."""
    body = code("INVALID_PARAMETER_VALUE")

    assert type(judged(400, body, endpoint=endpoint)) is NotFound
    assert type(judged(400, body, endpoint="jobs.list")) is ApiError


SCIM_CROWD = (
    b'{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"500","detail":'
    b'"REQUEST_LIMIT_EXCEEDED: Workspace 123 exceeded the concurrent limit of 4 requests."}'
)
CROWD = "Workspace 123 exceeded the concurrent limit of 20 requests."


@pytest.mark.parametrize(
    ("status", "body", "limit"),
    [
        (500, SCIM_CROWD, 4),
        (429, SCIM_CROWD, 4),
        (429, code("REQUEST_LIMIT_EXCEEDED", CROWD), 20),
        (400, code("REQUEST_LIMIT_EXCEEDED", CROWD), 20),
        (429, CROWD.encode(), 20),
    ],
)
def test_a_concurrency_limit_is_not_a_rate_limit(
    status: int, body: Any, limit: int
) -> None:
    """The one sentence of a message that is documented; SCIM sends it as a 500."""
    error = judged(status, body)

    assert type(error) is ConcurrencyExceeded
    assert error.limit == limit


def test_the_sentence_means_nothing_elsewhere() -> None:
    """In a 403 or a 400 it is somebody's text."""
    assert type(judged(400, code("INVALID_STATE", CROWD))) is ApiError
    assert type(judged(403, code("PERMISSION_DENIED", CROWD))) is Denied
    assert type(judged(500, code("X", "exceeded the concurrent limit of many"))) is (
        ServerFailed
    )


def test_a_redirect_is_a_wrong_host() -> None:
    """It is not followed, and what stands in the query stays unsaid."""
    target = "https://login.example/authorize?code=secret"
    error = judge("jobs.list", 302, {"Location": target}, b"")

    assert type(error) is Redirected
    assert error.location == target
    assert str(error) == (
        "HTTP 302: redirected to https://login.example/authorize; is the host a"
        " Databricks workspace?"
    )
    nowhere = judge("jobs.list", 304, {}, b"")
    assert str(nowhere).startswith("HTTP 304: redirected to nowhere;")


def test_the_redirect_of_a_private_link_is_a_denial() -> None:
    """The workspace is there, but not for us."""
    target = "https://x/login.html?error=private-link-validation-error:123"
    error = judge("jobs.list", 302, {"Location": target}, b"")

    assert isinstance(error, Denied)
    assert error.status == 302
    assert error.error_code == "PRIVATE_LINK_VALIDATION_ERROR"


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("007", 7.0),
        ("60", 60.0),
        ("61", 60.0),
        ("99999999999", 60.0),
        ("9" * 5000, 60.0),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        ("1e3", None),
        ("1_0", None),
        ("0x10", None),
        ("soon", None),
        ("", None),
        ("1, 2", None),
        ("1;2", None),
        ("\u0661\u0662", None),
        ("\u00b2", None),
        ("nan", None),
        ("inf", None),
        ("Mon, 23 Nov 2026 10:00:05 GMT", 5.0),
        ("Mon, 23 Nov 2026 11:00:05 +0100", 5.0),
        ("Monday, 23-Nov-26 10:00:05 GMT", 5.0),
        ("Mon, 23 Nov 2026 09:00:00 GMT", 0.0),
        ("Mon, 23 Nov 2026 23:00:00 GMT", 60.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 60.0),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
        ("Mon, 32 Nov 2026 10:00:05 GMT", None),
        ("Mon, 23 Nov 2026 25:00:05 GMT", None),
        ("2026-11-23T10:00:05Z", None),
    ],
)
def test_retry_after(said: str, seconds: float | None) -> None:
    """Whole ASCII seconds, or a date held against the answer's own; within 0 to 60 s."""
    assert seconds_to_wait({"Retry-After": said, "Date": DATE}) == seconds


def test_retry_after_is_not_held_against_a_date_that_is_none() -> None:
    """An unreadable Date makes a date in Retry-After unreadable, but not a number."""
    headers = {"Retry-After": DATE, "Date": "yesterday"}

    assert seconds_to_wait(headers) is None
    assert seconds_to_wait({**headers, "Retry-After": "3"}) == 3.0


def test_without_a_date_header_our_clock_has_to_do() -> None:
    """A date long ago is over, a date far ahead is clamped."""
    assert seconds_to_wait({"Retry-After": "Mon, 23 Nov 1998 10:00:00 GMT"}) == 0.0
    assert seconds_to_wait({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}) == 60.0


@given(said=st.text(max_size=40), sent=st.text(max_size=40))
def test_no_retry_after_breaks_anything(said: str, sent: str) -> None:
    """Whatever a server sends, it is nothing or within 0 to 60 s."""
    seconds = seconds_to_wait({"Retry-After": said, "Date": sent})

    assert seconds is None or 0 <= seconds <= 60


WORDS = st.sampled_from(
    ["Mon", ",", " ", "23", "-", "Nov", "2026", ":", "10", "+", "GMT", "(", ")", "0", "."]
)


@given(parts=st.lists(WORDS, max_size=12))
def test_no_almost_date_breaks_anything(parts: list[str]) -> None:
    """Dates with parts missing, doubled or in the wrong place."""
    seconds = seconds_to_wait({"Retry-After": "".join(parts), "Date": DATE})

    assert seconds is None or 0 <= seconds <= 60


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [("5s", 5.0), ("1.5s", 1.5), ("900s", 60.0), ("5", None), ("-5s", None), (7, None),
     ({"seconds": 5}, None), ("\u0665s", None), ("9" * 20 + "s", None)],
)  # fmt: skip
def test_retry_info_counts_without_a_header(delay: object, seconds: float | None) -> None:
    """A RetryInfo of the details is read, and a header wins over it."""
    detail = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retry_delay": delay}
    body = {**code("X"), "details": [{"@type": "other"}, detail]}

    assert judged(429, body).retry_after == seconds
    assert judged(429, body, Retry_After="9").retry_after == 9.0


def test_the_requests_id_is_kept() -> None:
    """From the header, else from the details, for a support ticket."""
    body = {**code("X"), "details": [{"request_id": 5}, {"request_id": "r-1"}]}

    assert judged(500, body).request_id == "r-1"
    assert judged(500, body, X_Request_Id="r-2").request_id == "r-2"
    assert judged(500, code("X")).request_id == ""


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, None),
        ([], None),
        (None, None),
        ({"message": "hello"}, None),
        ({"error_code": "", "message": "fine"}, None),
        ({"error_code": None, "message": "fine"}, None),
        ({"error_code": "X", "state": "a field of a record"}, None),
        (code("INVALID_STATE", "no"), "an error inside a 200: INVALID_STATE: no"),
        (code(500, "no"), "an error inside a 200: 500: no"),
    ],
)
def test_an_error_inside_a_200(document: Any, said: str | None) -> None:
    """Code and message together are an error; a record may have a field of that name."""
    error = judge_document(document)

    assert (None if error is None else str(error)) == said
    assert error is None or isinstance(error, BadAnswer)
