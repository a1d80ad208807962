"""Runs of an inventory, in words."""

from asyncdbx.look import Run

__all__ = ["MOMENTS", "run_text"]

# In the help of an option that takes a run, how a time is written.
MOMENTS = "2026-11-25, 2026-11-25T07:00 (UTC if no zone is named) or an age, 24h or 7d"


def run_text(run: Run) -> str:
    """Return a run's id, and when it ended."""
    if run.ended_at is None:
        return f"run {run.id}, which has not ended"
    return f"run {run.id}, which ended {run.ended_at:%Y-%m-%d %H:%M:%S} UTC"
