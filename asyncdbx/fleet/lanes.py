"""A lane as a limit has it begin."""

from asyncdbx.catalog.limits import Limit
from asyncdbx.limiter import Lane, Record

__all__ = ["new_lane"]


def new_lane(limit: Limit, workspace: str, record: Record | None = None) -> Lane:
    """Return a new lane with a limit as its prior.

    Args:
        limit: What was published, or the user has said.
        workspace: Its name.
        record: What earlier runs have learned; None to begin anew.
    """
    if limit.per_second is None:
        return Lane(limit.group, workspace, limit.in_flight)
    return Lane.limited(
        limit.group,
        workspace,
        limit.in_flight,
        limit.per_second,
        firm=limit.firm,
        believed=limit.window > 1,
        record=record,
    )
