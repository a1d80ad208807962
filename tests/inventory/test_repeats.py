"""Records whose id comes again: the newest of each stays, and no other is lost."""

from hypothesis import given
from hypothesis import strategies as st

from asyncdbx.inventory.rows import Block, Row
from asyncdbx.inventory.spool.repeats import Repeats


def rows_of(ids: list[str], batch: int) -> list[Row]:
    return [Row(id_, None, None, b"%d" % batch, place) for place, id_ in enumerate(ids)]


@given(st.lists(st.lists(st.text(max_size=1))))
def test_the_newest_of_each_id_stays(ids: list[list[str]]) -> None:
    """Whatever is there how often, within a batch or in several; their order is kept."""
    batches = [rows_of(each, number) for number, each in enumerate(ids)]
    newest = {row.id: row for batch in batches for row in batch}
    repeats = Repeats(sum(map(len, ids)))
    for batch in reversed(batches):
        repeats.look(row.id for row in batch)
    for batch in reversed(batches):
        left = repeats.unique(Block.of(batch))
        assert list(left.rows()) == [row for row in batch if newest[row.id] == row]


def test_few_ids_are_looked_at_twice() -> None:
    """A filter that let everything through would keep all ids in memory."""
    ids = [f"/mnt/raw/{number}" for number in range(20_000)]
    repeats = Repeats(len(ids))
    repeats.look(ids)
    assert len(repeats._suspects) < len(ids) / 40
