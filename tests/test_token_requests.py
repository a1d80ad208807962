"""How often two hundred workspaces ask for tokens, on virtual time: once per life."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from desk_transport import desks_of
from inventoried import UNLIMITED

from asyncdbx.catalog.limits import Limits
from asyncdbx.config import M2M, Secret, WorkspaceConfig
from asyncdbx.fleet import Call, Fleet
from asyncdbx.simulator import Simulator

LIFE = 600.0  # seconds; the next token is asked for when half of it is over
BURST = 10  # calls of each workspace at once
WORKSPACES = 200


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """The workspaces, without sockets."""
    simulator = Simulator(WORKSPACES, scale=0.02, limits=False, token_life=LIFE)
    monkeypatch.setattr("asyncdbx.fleet.fleet.Transport", desks_of(simulator))
    return simulator


@pytest.fixture
async def fleet(simulator: Simulator, tmp_path: Path) -> AsyncIterator[Fleet]:
    """All of them, by OAuth; tokens end on the loop's clock."""
    limits = tmp_path / "limits.toml"
    limits.write_text(UNLIMITED)
    login = M2M(simulator.client_id, Secret(simulator.client_secret))
    configs = []
    for each in simulator.workspaces:
        each.logins.clock = asyncio.get_running_loop().time
        configs.append(WorkspaceConfig(each.name, each.host, login=login))
    async with Fleet(configs, limits=Limits.load(limits)) as fleet:
        yield fleet


async def burst(fleet: Fleet) -> Counter[str]:
    """Make some calls of each workspace, and return how many ended how."""
    names = [each.name for each in fleet] * BURST
    calls = [Call(name, "clusters.list", {"page_size": 1}) for name in names]
    async with fleet.map(calls, window=len(calls)) as outcomes:
        return Counter([str(outcome.error or "ok") async for outcome in outcomes])


def token_requests(simulator: Simulator) -> Counter[int]:
    """Return how many workspaces were asked how often for a token."""
    return Counter(each.logins.requests for each in simulator.workspaces)


async def test_each_life_of_a_token_is_one_request(
    simulator: Simulator, fleet: Fleet
) -> None:
    """Ahead of its end, so that no call is refused: the third token after ten minutes."""
    ended: Counter[str] = Counter()
    for _ in range(7):  # at 0, 100, … 600 seconds
        ended += await burst(fleet)
        await asyncio.sleep(100)

    assert ended == {"ok": 7 * BURST * WORKSPACES}
    assert token_requests(simulator) == {3: WORKSPACES}


async def test_a_token_that_is_revoked_is_one_more_request(
    simulator: Simulator, fleet: Fleet
) -> None:
    """However many calls were refused with it; each is sent again."""
    await burst(fleet)
    for each in simulator.workspaces:
        each.logins.revoke()

    assert await burst(fleet) == {"ok": BURST * WORKSPACES}
    assert token_requests(simulator) == {2: WORKSPACES}


async def test_a_workspace_that_gives_no_token_is_asked_once(
    simulator: Simulator, fleet: Fleet
) -> None:
    """Not once for each of the calls that wait; the others hear nothing of it."""
    refusing, *_ = simulator.workspaces
    refusing.logins.refuses = True
    ended = await burst(fleet) + await burst(fleet)

    assert ended == {
        "ok": 2 * BURST * (WORKSPACES - 1),
        f"clusters.list on {refusing.name}: not asked any more, the login failed: HTTP 401"
        " invalid_client: Client authentication failed": 2 * BURST,
    }
    assert token_requests(simulator) == {1: WORKSPACES}
