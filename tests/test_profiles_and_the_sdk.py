"""Profiles and environments mean what they mean to the official SDK, or it is said why."""

import os
from pathlib import Path

import pytest
from profile_cases import CASES, Case, agree, of_sdk, of_us, prepare

DONE_HERE = (
    "oauth-m2m pat basic env-oidc file-oidc github-oidc azure-client-secret azure-msi"
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("sdk_there", [True, False], ids=["", "without sdk"])
def test_profiles(
    case: Case, *, sdk_there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """We and the SDK agree, but for the differences that have a reason."""
    monkeypatch.setattr("asyncdbx.config.login.sdk_is_installed", lambda: sdk_there)
    for name in list(os.environ):
        if not name.startswith("PYTEST"):
            monkeypatch.delenv(name)
    for name, value in prepare(case, tmp_path).items():
        monkeypatch.setenv(name, value)

    ours = of_us(case, tmp_path)

    assert agree(case, of_sdk(case)) is not bool(case.why)
    if isinstance(case.ours, str):
        assert isinstance(ours, str)
        assert case.ours in ours
    elif sdk_there or case.ours[1] in DONE_HERE.split():
        assert ours == case.ours
    else:
        assert "pip install 'asyncdbx[sdk]'" in ours


def test_there_are_enough_cases() -> None:
    """At least 60, no two of them alike, and most of them agree."""
    different = {(c.file, tuple(c.env.items()), c.profile) for c in CASES}
    assert len(different) == len(CASES) >= 60
    assert sum(not case.why for case in CASES) > len(CASES) / 2
