"""What a fault does to an answer."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from zlib import crc32

import orjson

from asyncdbx.simulator.call import Call, Refusal, Reply
from asyncdbx.simulator.failures import login_page, timed_out
from asyncdbx.simulator.faults import Fault, Kind

_PRIVATE_LINK = "/login.html?error=private-link-validation-error:1234567890"
_REFUSALS: Mapping[Kind, Refusal] = {
    "deny": Refusal(403, "PERMISSION_DENIED", "User does not have permission to do this."),
    "disabled": Refusal(404, "FEATURE_DISABLED", "This feature is not enabled here."),
    "500": Refusal(500, "INTERNAL_ERROR", "An internal error occurred."),
    "503": Refusal(
        503, "TEMPORARILY_UNAVAILABLE", "The service is temporarily unavailable."
    ),
    "429": Refusal(429, "RESOURCE_EXHAUSTED", "Too many requests."),
}
_REPLIES: Mapping[Kind, Reply] = {
    "html": login_page(),
    "login": Reply(status=302, headers={"Location": _PRIVATE_LINK}),
    "reset": Reply(broken="reset"),
}
_TOKENS = ("page_token", "next_page_token")


def instead(fault: Fault, call: Call) -> Reply | None:
    """Return what is answered without the call being done, or None if it is done.

    Raises:
        Refusal: The fault is one that the API words itself.
    """
    if fault.kind in _REFUSALS:
        refusal = _REFUSALS[fault.kind]
        raise Refusal(refusal.status, refusal.code, refusal.message)
    if fault.kind == "echo":
        raise _echo(call)
    if fault.kind in ("302", "307"):
        return Reply(status=int(fault.kind), headers={"Location": fault.redirect_to})
    return _REPLIES.get(fault.kind)


def _echo(call: Call) -> Refusal:
    """Return a refusal as careless gateways word it: with the credential in it.

    Of a login that is also the form: an identity token is sent there.
    """
    sent = (
        f"Rejected request with header Authorization: {call.headers.get('Authorization')}"
    )
    if call.path.startswith("/oidc/"):
        return Refusal(400, "BAD_REQUEST", f"{sent}, {call.body.decode()}")
    return Refusal(403, "PERMISSION_DENIED", sent)


def forget_token(kind: Kind, call: Call) -> Call:
    """Return the call without its page token, if the fault has its own idea of tokens."""
    if kind not in ("repeat_token", "endless_tokens"):
        return call
    query = {key: value for key, value in call.query.items() if key not in _TOKENS}
    body = {key: value for key, value in call.json().items() if key not in _TOKENS}
    return replace(call, query=query, body=orjson.dumps(body) if body else b"", _json=None)


def spoil(kind: Kind, call: Call, reply: Reply) -> Reply:
    """Return what becomes of the answer of a call that was done."""
    if kind == "timeout":
        return timed_out(call.path, call.query)
    if kind == "lost":
        return Reply(broken="reset")
    reply = reply.whole()
    if kind == "cut":
        return replace(reply, broken="cut")
    if reply.status != 200 or not reply.body.startswith(b"{"):
        return reply
    return replace(reply, body=orjson.dumps(_spoilt(kind, call, orjson.loads(reply.body))))


def _spoilt(kind: Kind, call: Call, answer: dict[str, Any]) -> dict[str, Any]:
    if kind == "repeat_token":
        return answer | {"next_page_token": "always+the/same=="}
    if kind == "endless_tokens":
        asked = str({**call.query, **call.json()})
        return {"next_page_token": f"never+the/same/{crc32(asked.encode()):08x}=="}
    if kind == "lost_token":
        rest = {key: value for key, value in answer.items() if key != "next_page_token"}
        return rest | {"has_more": True}
    lists = [key for key, value in answer.items() if isinstance(value, list)]
    return {key: value for key, value in answer.items() if key not in lists} | {"ok": True}
