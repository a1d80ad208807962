"""A listing whose pages are asked for by position goes on if nothing has moved."""

from pathlib import Path

import pytest
from inventoried import table, taken
from scripted_api import Reply, refused, scripted_api

from asyncdbx.catalog.limits import Limits

pytestmark = pytest.mark.wire

FIRST, SECOND, THIRD = 1, 101, 201


@pytest.mark.parametrize(
    ("deleted", "asked", "stays"),
    [
        pytest.param(7, [SECOND, FIRST, SECOND, THIRD], False, id="before it"),
        pytest.param(150, [SECOND, THIRD], True, id="on its last page"),
        pytest.param(None, [SECOND, THIRD], False, id="none"),
    ],
)
async def test_users_that_are_deleted_before_a_retry_hide_nobody(
    tmp_path: Path,
    unlimited: Limits,
    deleted: int | None,
    asked: list[int],
    *,
    stays: bool,
) -> None:
    """All behind one that was deleted have moved up, and none is lost between the pages.

    If the last page that came begins as it did, only that one is asked for again; one that
    has been deleted behind its beginning was there in this run, and stays.
    """
    users = [{"id": str(number), "userName": f"u{number}"} for number in range(250)]
    broken = True
    indexes: list[int] = []

    def replies(path: str, arguments: dict[str, str]) -> Reply:
        first = int(arguments["startIndex"])
        if first == THIRD and broken:
            return refused(500, "INTERNAL_ERROR")
        indexes.append(first)
        some = users[first - 1 : first + 99]
        return 200, {"Resources": some, "totalResults": len(users), "startIndex": first}

    async with scripted_api(replies) as fleet:
        verdict = await taken(fleet(unlimited), tmp_path, "users")
        assert verdict.exit_code == 3
        assert indexes == [FIRST, SECOND]
        indexes.clear()
        broken = False
        if deleted is not None:
            del users[deleted]
        verdict = await taken(fleet(unlimited), tmp_path, retry_failed=True)
    assert verdict.exit_code == 0
    assert indexes == asked
    ids = {row["id"] for row in table(tmp_path, "users")}
    assert ids == {user["id"] for user in users} | ({str(deleted)} if stays else set())
