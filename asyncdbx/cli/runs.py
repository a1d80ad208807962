"""Runs of an inventory, in words."""

from asyncdbx.look import Run

__all__ = ["run_text"]


def run_text(run: Run) -> str:
    """Return a run's id, and when it ended."""
    if run.ended_at is None:
        return f"run {run.id}, which has not ended"
    return f"run {run.id}, which ended {run.ended_at:%Y-%m-%d %H:%M:%S} UTC"
