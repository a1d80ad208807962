"""What lanes did, interval by interval: nothing twice, and nothing is left out."""

from asyncdbx.inventory.sampling import Sampler
from asyncdbx.limiter import Lane


def test_each_sample_has_what_was_new() -> None:
    """A lane that did nothing has none, unless calls wait in it."""
    busy, idle = Lane("dbfs", "prod", 5), Lane("jobs", "prod", 5)
    sampler = Sampler(100.0)
    busy.stats.sent, busy.stats.throttled = 7, 2
    assert [tuple(each) for each in sampler.sample([(busy, 1), (idle, 0)], 101.0, 5)] == [
        ("prod", "dbfs", 5, 1.0, 7, 2, None, 1)
    ]
    assert sampler.sample([(busy, 0), (idle, 0)], 102.0, 6) == []
    busy.stats.sent = 9
    found = sampler.sample([(busy, 0), (idle, 4)], 104.0, 8)
    assert [(each.lane, each.seconds, each.calls, each.waiting) for each in found] == [
        ("dbfs", 2.0, 2, 0),
        ("jobs", 2.0, 0, 4),
    ]


def test_a_long_run_has_coarser_samples() -> None:
    """Some hundred in eight hours, however long it is."""
    sampler, now, count = Sampler(0.0), 0.0, 0
    while now < 8 * 3600:
        now += sampler.pause()
        sampler.sample([], now, 0)
        count += 1
    assert 300 < count < 500
