"""Many calls: lanes, fairness, in-flight, retry; bounded in memory."""

from asyncdbx.engine.core import Engine
from asyncdbx.engine.retry import RetryPolicy
from asyncdbx.engine.tickets import LaneQueue, Reader, Site, Ticket

__all__ = ["Engine", "LaneQueue", "Reader", "RetryPolicy", "Site", "Ticket"]
