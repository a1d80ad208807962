"""What is sent for a call, and what its answer is worth. Plain functions: nothing waits."""

from collections.abc import Mapping
from typing import Any

from asyncdbx.engine.judgement import judge
from asyncdbx.engine.tickets import Reader, Ticket
from asyncdbx.errors import BadAnswer, CallError, Unreachable
from asyncdbx.json_stream import JsonStreamError, Truncated
from asyncdbx.transport import Answer, Request

__all__ = ["request_of", "told_of", "value_of"]


def request_of(ticket: Ticket, headers: Mapping[str, str]) -> Request:
    """Return what is sent for a call."""
    body = ticket.body
    if body is not None:
        headers = {**headers, "Content-Type": ticket.content_type}
    return Request(ticket.method, ticket.url, headers, body, not ticket.safe, ticket.worker)


def value_of(ticket: Ticket, answer: Answer, reader: Reader | None) -> Any:
    """Return the value of an answer, or raise what it means instead."""
    if error := judge(ticket.endpoint, answer.status, answer.headers, answer.body):
        raise error
    if reader is None:
        return ticket.decode(answer)
    if not answer.fed:
        reader.feed(answer.body)  # small: what it brings need not be waited for
    return reader.close()


def told_of(error: Exception) -> Exception:
    """Return the CallError that a body which is no JSON is; any other error as it is."""
    match error:
        case Truncated():
            # A connection that closes without a length looks like the end of the body.
            told: CallError = Unreachable(f"the body ends too early: {error}")
        case JsonStreamError():
            told = BadAnswer(str(error))
        case _:
            return error
    told.__cause__ = error
    return told
