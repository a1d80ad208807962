"""When the next call of one lane may leave."""

from asyncdbx.limiter.lane import Lane, LaneStats
from asyncdbx.limiter.lane_file import LaneFile, opened
from asyncdbx.limiter.shared import Learned, learned_of

__all__ = ["Lane", "LaneFile", "LaneStats", "Learned", "learned_of", "opened"]
