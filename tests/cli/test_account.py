"""``--account`` and ``--match``: any command over an account's workspaces."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_ran import Asyncdbx, Ran
from inventoried import table

from asyncdbx.simulator import Simulator

pytestmark = pytest.mark.wire

StartAccount = Callable[..., Simulator]


def token_requests(fleet: Simulator) -> Counter[int]:
    """Return how many workspaces were asked how often for a token."""
    return Counter(each.logins.requests for each in fleet.workspaces)


def records(ran: Ran) -> Counter[str]:
    """Return how many records were printed of each workspace."""
    return Counter(line["workspace"] for line in ran.lines)


def truth(fleet: Simulator, *names: str, of: str = "clusters") -> Counter[str]:
    return Counter({name: len(fleet[name].truth(of)) for name in names})


# --- which workspaces are taken -----------------------------------------------------------


def test_an_account_stands_for_its_workspaces(
    asyncdbx: Asyncdbx, start_account: StartAccount
) -> None:
    """One profile, all of them complete; each was asked once for a token."""
    fleet = start_account("prod", "staging", "dev")
    ran = asyncdbx("list", "clusters", "--account", "account")

    assert (ran.code, ran.err) == (0, "")
    assert records(ran) == truth(fleet, "prod", "staging", "dev")
    assert token_requests(fleet) == {1: 3}
    assert fleet["account"].logins.requests == 1


def test_the_account_of_the_environment(
    asyncdbx: Asyncdbx, start_account: StartAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A runner of jobs has variables and no file."""
    fleet = start_account("prod", "dev")
    account = fleet["account"]
    monkeypatch.delenv("DATABRICKS_CONFIG_FILE")
    monkeypatch.setenv("DATABRICKS_HOST", account.host)
    monkeypatch.setenv("DATABRICKS_ACCOUNT_ID", account.account_id)
    monkeypatch.setenv("DATABRICKS_CLIENT_ID", fleet.client_id)
    monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", fleet.client_secret)
    ran = asyncdbx("list", "clusters", "--account", "-")

    assert (ran.code, records(ran)) == (0, truth(fleet, "prod", "dev"))


def test_match_takes_some(asyncdbx: Asyncdbx, start_account: StartAccount) -> None:
    """A regular expression that is found anywhere in the name; the others hear nothing."""
    fleet = start_account("eu-prod", "us-prod", "eu-dev")
    ran = asyncdbx("list", "clusters", "--account", "account", "--match", "prod$|^us")

    assert ran.code == 0
    assert records(ran) == truth(fleet, "eu-prod", "us-prod")
    assert fleet["eu-dev"].requests == 0


def test_match_also_takes_some_of_the_profiles(
    asyncdbx: Asyncdbx, start_account: StartAccount
) -> None:
    """Wherever the workspaces are from."""
    fleet = start_account("prod", "dev")
    ran = asyncdbx("list", "clusters", "--all-profiles", "--match", "^dev$")

    assert (ran.code, records(ran)) == (0, truth(fleet, "dev"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            "--account account --match nix",
            "--match 'nix' is found in none of 7 names: a, b, c, d, e and 2 more",
        ),
        ("--account account --match (", "'(' is no regular expression: missing )"),
        (
            "--account account -p a",
            "--account takes an account's workspaces; leave out profiles",
        ),
        (
            "--account account --all-profiles",
            "--account takes an account's workspaces; leave out profiles",
        ),
        ("--account a", "profile a of ~/profiles: this is a workspace; --account needs"),
        ("--account pat", "profile pat of ~/profiles: a token or password is good for one"),
        ("--account nix", "has no profile 'nix'"),
        ("--account=", "has no profile ''"),
    ],
)
def test_what_makes_no_sense_is_said(
    asyncdbx: Asyncdbx,
    start_account: StartAccount,
    profiles: Path,
    arguments: str,
    says: str,
) -> None:
    """One sentence, exit code 2, no workspace is asked."""
    fleet = start_account(*"abcdefg")
    pat = f"[pat]\nhost = {fleet['account'].host}\naccount_id = u\ntoken = dapiCANARY\n"
    profiles.write_text(profiles.read_text() + pat)
    ran = asyncdbx("list", "clusters", *arguments.split())

    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err
    assert "CANARY" not in ran.err
    assert sum(each.requests for each in fleet.workspaces) == 0


def test_an_account_without_workspaces_is_no_success(
    asyncdbx: Asyncdbx, start_account: StartAccount
) -> None:
    """Nothing was listed because there is nothing: that is worth a word."""
    start_account(workspaces=0)
    ran = asyncdbx("list", "clusters", "--account", "account")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "asyncdbx: account account has no workspace\n"


def test_workspaces_are_called_as_people_like(
    asyncdbx: Asyncdbx, start_account: StartAccount, profiles: Path, tmp_path: Path
) -> None:
    """Whatever a name is, its workspace is in the tables, and nowhere else."""
    names = ("../../up", "a/b", "a=b %2F", "two\nlines", "null", ".", "ü" * 100, "😀")
    fleet = start_account(*names)
    profiles.write_text(fleet["account"].profile("oauth-m2m"))
    to = tmp_path / "to"
    ran = asyncdbx("inventory", "clusters", "--account", "account", "--to", str(to))

    assert ran.code == 0
    found = Counter(row["workspace"] for row in table(to, "clusters"))
    cut = f"{'ü' * 33}-{fleet['ü' * 100].workspace_id}"
    expected = truth(fleet, *names)
    expected[cut] = expected.pop("ü" * 100)
    assert found == expected
    assert [each.name for each in tmp_path.parent.glob("up*")] == []


# --- what cannot be had -------------------------------------------------------------------


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("command", ["list clusters", "doctor --timeout 0.3"])
def test_an_account_that_is_dark_is_the_one_sentence(
    asyncdbx: Asyncdbx, start_account: StartAccount, command: str
) -> None:
    """Without it nobody knows what there is."""
    start_account("prod", dark=["account"])
    ran = asyncdbx(*command.split(), "--account", "account")

    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        "asyncdbx: workspaces.list on account: not asked any more, the login failed: no"
        " connection within the time-out\n"
    )


def test_an_account_that_refuses_the_login_is_the_one_sentence(
    asyncdbx: Asyncdbx, start_account: StartAccount
) -> None:
    """With the platform's words, and asked no more than once."""
    fleet = start_account("prod")
    fleet["account"].logins.refuses = True
    ran = asyncdbx("list", "clusters", "--account", "account")

    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        "asyncdbx: workspaces.list on account: not asked any more, the login failed: HTTP"
        " 401 invalid_client: Client authentication failed\n"
    )
    assert fleet["account"].logins.requests == 1


@pytest.mark.usefixtures("impatient")
def test_what_cannot_be_had_hurts_no_other(
    asyncdbx: Asyncdbx, start_account: StartAccount
) -> None:
    """Each is named with its reason, the others are complete: exit code 3."""
    fleet = start_account(
        *("prod", "failed", "denied", "dark", "dev"),
        statuses={"failed": "FAILED"},
        dark=["dark"],
    )
    fleet["denied"].logins.assigned = False
    ran = asyncdbx("list", "clusters", "--account", "account")

    assert ran.code == 3
    assert records(ran) == truth(fleet, "prod", "dev")
    assert set(ran.err.splitlines()) == {
        f"asyncdbx: clusters.list on {name}: not asked{reason}"
        for name, reason in {
            "dark": " any more, the login failed: no connection within the time-out",
            "denied": " any more, the login failed: HTTP 401 invalid_client: Client"
            " authentication failed",
            "failed": ": its account says FAILED (Workspace is failed.)",
        }.items()
    }
    assert fleet["failed"].requests == 0


@pytest.mark.usefixtures("impatient")
def test_an_inventory_says_what_it_could_not_have(
    asyncdbx: Asyncdbx, start_account: StartAccount, tmp_path: Path
) -> None:
    """No table has rows of theirs; ``_listings`` says of each listing why not."""
    fleet = start_account(
        *("prod", "failed", "denied", "dark"),
        statuses={"failed": "FAILED"},
        dark=["dark"],
    )
    fleet["denied"].logins.assigned = False
    to = tmp_path / "to"
    ran = asyncdbx(
        *("inventory", "clusters", "jobs", "users", "--account", "account"),
        *("--to", str(to)),
    )

    assert ran.code == 3
    for name in ("clusters", "jobs", "users"):
        rows = Counter(row["workspace"] for row in table(to, name))
        assert rows == truth(fleet, "prod", of=name)
    reasons = {
        "dark": "the login failed: no connection within the time-out",
        "denied": "the login failed: HTTP 401 invalid_client",
        "failed": "its account says FAILED (Workspace is failed.)",
    }
    listings = table(to, "_listings")
    assert Counter(row["workspace"] for row in listings) == dict.fromkeys(
        [*reasons, "prod"], 3
    )
    for row in listings:
        if row["workspace"] == "prod":
            assert (row["status"], row["error"]) == ("complete", "")
        else:
            assert row["status"] != "complete"
            assert reasons[row["workspace"]] in row["error"]
    for name, reason in reasons.items():
        assert sum(name in line and reason in line for line in ran.err.splitlines()) == 3


# --- two hundred of them ------------------------------------------------------------------


@pytest.mark.parametrize("line", ["list clusters jobs --limit 1", "api clusters.list"])
def test_two_hundred_workspaces_ask_for_two_hundred_tokens(
    asyncdbx: Asyncdbx, start_account: StartAccount, line: str
) -> None:
    """However many calls are made there, none asks for a second one."""
    names = [f"ws{number:03}" for number in range(200)]
    fleet = start_account(*names)
    ran = asyncdbx(*line.split(), "--account", "account")

    assert ran.code == 0
    assert set(records(ran)) == set(names)
    assert token_requests(fleet) == {1: 200}
    assert fleet["account"].logins.requests == 1
