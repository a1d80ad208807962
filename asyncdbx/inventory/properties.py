"""The properties of our Delta tables: what their logs know, and for how long."""

from datetime import timedelta

__all__ = ["CONFIGURATION", "retention"]

# Minima and maxima are kept of the columns one filters by. Those of every column would
# copy bodies into the log, which is read whole each time a table is opened; a checkpoint
# every 10 commits, Delta's own default, keeps that short (deltalake's is 100, and made
# a publish take 25 ms instead of 13, with 200 workspaces).
CONFIGURATION = {
    "delta.dataSkippingStatsColumns": "id,name,parent,fetched_at",
    "delta.checkpointInterval": "10",
}
# How long the log knows of old versions. Which files only they have, every checkpoint
# would repeat (60 bytes for each that was ever replaced): so only those of the last days,
# and what may be deleted is found in the versions themselves.
RETENTION = "delta.logRetentionDuration"
FOR_EVER = "interval 36500 days"
TOMBSTONES = {"delta.deletedFileRetentionDuration": "interval 7 days"}


def retention(keep: timedelta | None) -> dict[str, str]:
    """Return properties with which a log knows of what was replaced for so long.

    Args:
        keep: None for ever.
    """
    age = FOR_EVER if keep is None else f"interval {int(keep.total_seconds())} seconds"
    return {RETENTION: age} | TOMBSTONES
