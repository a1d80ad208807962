"""A listing whose pages are asked for by position is not continued hours later."""

from pathlib import Path

import pytest
from inventoried import table, taken
from scripted_api import Reply, refused, scripted_api

from asyncdbx.catalog.limits import Limits

pytestmark = pytest.mark.wire


async def test_users_that_are_deleted_before_a_retry_hide_nobody(
    tmp_path: Path, unlimited: Limits
) -> None:
    """All behind one that was deleted have moved up: none is lost between the pages, and
    the deleted one is not listed."""
    users = [{"id": str(number), "userName": f"u{number}"} for number in range(250)]
    broken = True

    def replies(path: str, arguments: dict[str, str]) -> Reply:
        first = int(arguments["startIndex"]) - 1
        if first and broken:
            return refused(500, "INTERNAL_ERROR")
        some = users[first : first + 100]
        return 200, {"Resources": some, "totalResults": len(users), "startIndex": first + 1}

    async with scripted_api(replies) as fleet:
        verdict = await taken(fleet(unlimited), tmp_path, "users")
        assert verdict.exit_code == 3
        broken = False
        del users[7]
        verdict = await taken(fleet(unlimited), tmp_path, retry_failed=True)
    assert verdict.exit_code == 0
    ids = {row["id"] for row in table(tmp_path, "users")}
    assert ids == {user["id"] for user in users}
