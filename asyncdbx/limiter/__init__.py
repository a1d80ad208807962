"""When the next call of one lane may leave."""

from asyncdbx.limiter.lane import Lane, LaneStats
from asyncdbx.limiter.lane_file import LaneFile, Record, opened
from asyncdbx.limiter.shared import Learned, learned_of

__all__ = ["Lane", "LaneFile", "LaneStats", "Learned", "Record", "learned_of", "opened"]
