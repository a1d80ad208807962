"""``asyncdbx list`` against a small fleet: all of it once, as sent, or named as missing."""

import csv
import io
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from cli_ran import Asyncdbx, Ran

from asyncdbx.simulator import Fault, SimulatedWorkspace, Simulator

pytestmark = pytest.mark.wire


def _counted(records: list[Any]) -> Counter[str]:
    return Counter(json.dumps(record, sort_keys=True) for record in records)


@pytest.mark.parametrize(
    "resource",
    [
        "clusters",
        "jobs",
        "global_init_scripts",
        "pipelines",
        "dbfs",
        "workspace_objects",
        "secrets",
        "permissions",
        "users",
        "model_versions",
        "tables",
    ],
)
def test_every_record_is_printed_once(
    asyncdbx: Asyncdbx, fleet: Simulator, resource: str
) -> None:
    """Pages, inner pages, whole objects, trees, fan-outs: all that there is, unchanged."""
    ran = asyncdbx("list", resource, "-p", "dev")

    assert (ran.code, ran.err) == (0, "")
    assert _counted([line["record"] for line in ran.lines]) == _counted(
        fleet["dev"].truth(resource)
    )
    assert {(line["workspace"], line["resource"]) for line in ran.lines} == {
        ("dev", resource)
    }


def test_ids_are_those_of_the_records(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """Also those of 64 bits, as text; a secret's is unique within its workspace."""
    ran = asyncdbx("list", "jobs", "secrets", "-p", "dev")

    found = {(line["resource"], line["id"]) for line in ran.lines}
    jobs = {("jobs", str(job["job_id"])) for job in fleet["dev"].truth("jobs")}
    secrets = {
        ("secrets", f"{row.parent}/{row.record['key']}")
        for row in fleet["dev"].rows("secrets")
    }
    assert found == jobs | secrets


def test_workspaces_come_together(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """Each record says whose it is."""
    ran = asyncdbx("list", "clusters", "-p", "prod", "-p", "dev")

    assert Counter(line["workspace"] for line in ran.lines) == {
        name: len(fleet[name].truth("clusters")) for name in ("prod", "dev")
    }


def test_an_account_lists_what_an_account_has(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """Of all profiles, each is asked for what it has."""
    ran = asyncdbx("list", "workspaces", "secret_scopes", "--all-profiles")

    assert (ran.code, ran.err) == (0, "")
    assert {line["workspace"] for line in ran.lines} == {"account", "prod", "dev"}
    assert [line["id"] for line in ran.lines if line["workspace"] == "account"] == [
        str(row["workspace_id"]) for row in fleet["account"].truth("workspaces")
    ]


def test_limit_is_per_listing(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """Of each resource and workspace, that many."""
    ran = asyncdbx("list", "users", "dbfs", "--limit", "2", "-p", "prod", "-p", "dev")

    assert Counter((line["workspace"], line["resource"]) for line in ran.lines) == {
        (workspace, resource): 2
        for workspace in ("prod", "dev")
        for resource in ("users", "dbfs")
    }


def test_limit_asks_for_no_more_than_it_needs(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """A tree is not walked to its end for its first entry."""
    before = fleet["prod"].requests
    asyncdbx("list", "workspace_objects", "--limit", "1", "-p", "prod")
    directories = sum(
        row["object_type"] == "DIRECTORY"
        for row in fleet["prod"].truth("workspace_objects")
    )

    assert fleet["prod"].requests - before < directories


def test_csv_has_the_scalar_fields(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """Fixed columns first, then those of the endpoint."""
    ran = asyncdbx("list", "clusters", "-p", "dev", "-o", "csv")

    rows = list(csv.DictReader(io.StringIO(ran.out)))
    truth = {row["cluster_id"]: row for row in fleet["dev"].truth("clusters")}
    assert list(rows[0])[:4] == ["workspace", "resource", "id", "name"]
    assert {row["id"]: row["spark_context_id"] for row in rows} == {
        key: str(row.get("spark_context_id", "")) for key, row in truth.items()
    }


def test_a_table_has_what_people_look_for(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """One line for each record, the heading on top."""
    ran = asyncdbx("list", "clusters", "-p", "dev", "-o", "table")

    heading, *rows = ran.out.splitlines()
    assert heading.split()[:4] == ["workspace", "id", "name", "state"]
    assert len(rows) == len(fleet["dev"].truth("clusters"))


def test_a_table_of_several_resources_says_which(
    asyncdbx: Asyncdbx, fleet: Simulator
) -> None:
    """Their fields differ, so there are none."""
    ran = asyncdbx("list", "clusters", "users", "-p", "dev", "-o", "table")

    assert ran.out.split()[:4] == ["workspace", "resource", "id", "name"]


def test_a_json_array(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """The same envelopes."""
    ran = asyncdbx("list", "users", "-p", "dev", "-o", "json")

    assert len(json.loads(ran.out)) == len(fleet["dev"].truth("users"))


@pytest.mark.usefixtures("terminal")
def test_a_terminal_gets_a_table(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """Unless it is told otherwise."""
    assert asyncdbx("list", "users", "-p", "dev").out.startswith("\x1b[1mworkspace")


def test_a_reader_that_goes_away_ends_the_listing(
    asyncdbx: Asyncdbx, fleet: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quietly, whatever is still on its way."""
    monkeypatch.setattr(sys, "stdout", _Closed())

    assert asyncdbx("list", "permissions", "-p", "prod") == Ran(141, "", "")


class _Closed(io.StringIO):
    """A pipe without a reader."""

    class Buffer(io.BytesIO):
        def write(self, _: object) -> int:
            raise BrokenPipeError

    buffer = Buffer()


# --- what is missing ----------------------------------------------------------------------


def test_what_is_denied_is_named_and_the_rest_is_printed(
    asyncdbx: Asyncdbx, fleet: Simulator
) -> None:
    """Exit code 3: finished, but something is missing."""
    fleet["dev"].faults.append(Fault("/api/2.1/clusters/list", "deny"))
    ran = asyncdbx("list", "clusters", "users", "-p", "prod", "-p", "dev")

    assert ran.code == 3
    assert ran.err.startswith("asyncdbx: clusters.list on dev: HTTP 403 PERMISSION_DENIED")
    assert ran.err.count("\n") == 1
    assert {(line["workspace"], line["resource"]) for line in ran.lines} == {
        ("prod", "clusters"),
        ("prod", "users"),
        ("dev", "users"),
    }


def test_a_part_that_is_denied_is_named(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """Which of many calls failed is said with its arguments."""
    scope = fleet["dev"].truth("secret_scopes")[0]["name"]
    fleet["dev"].faults.append(Fault("/api/2.0/secrets/list", "deny", times=1))
    ran = asyncdbx("list", "secrets", "-p", "dev", "--connections", "1")

    assert ran.code == 3
    assert ran.err.count("\n") == 1
    assert "secrets.list_secrets on dev: HTTP 403" in ran.err
    assert "(scope " in ran.err
    assert scope in {row.parent for row in fleet["dev"].rows("secrets")}


def test_nothing_at_all_is_a_failure(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """Exit code 1, and nothing on stdout."""
    fleet["dev"].faults.append(Fault("/api/2.1/clusters/list", "deny"))
    ran = asyncdbx("list", "clusters", "-p", "dev")

    assert (ran.code, ran.out) == (1, "")


def test_a_half_listing_is_missing(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """A page token that leads nowhere is no end of the listing."""
    fleet["dev"].faults.append(Fault("/api/2.1/clusters/list", "html"))
    ran = asyncdbx("list", "clusters", "-p", "dev")

    assert ran.code == 1
    assert "HTML, not JSON" in ran.err


def test_of_two_services_the_disabled_one_is_not_missing(
    asyncdbx: Asyncdbx, fleet: Simulator
) -> None:
    """A workspace without Unity Catalog has all of its models in the old registry."""
    fleet["dev"].faults.append(Fault("/api/2.1/unity-catalog/", "disabled"))
    ran = asyncdbx("list", "registered_models", "-p", "dev")

    assert (ran.code, ran.err) == (0, "")
    assert ran.lines != []


def test_a_service_that_is_disabled_is_named(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """If nothing else has the resource."""
    fleet["dev"].faults.append(Fault("/api/2.1/unity-catalog/", "disabled"))
    ran = asyncdbx("list", "catalogs", "-p", "dev")

    assert ran.code == 1
    assert ran.err.startswith("asyncdbx: catalogs.list on dev: HTTP 404 FEATURE_DISABLED")


def test_the_dead_hurt_no_other(
    asyncdbx: Asyncdbx, fleet: Simulator, tmp_path: Path
) -> None:
    """A workspace that cannot be talked to is named; the other one is complete."""
    host = fleet["dev"].host.replace("http://", "https://")  # which it does not speak
    profiles = tmp_path / "profiles"
    profiles.write_text(f"{profiles.read_text()}\n[dead]\nhost = {host}\ntoken = x\n")
    ran = asyncdbx("list", "users", "-p", "dead", "-p", "dev")

    assert ran.code == 3
    assert ran.err.startswith("asyncdbx: users.list on dead: ")
    assert ran.err.count("\n") == 1
    assert len(ran.lines) == len(fleet["dev"].truth("users"))


# --- bad input ----------------------------------------------------------------------------


def test_a_wrong_token_is_said_without_the_token(
    asyncdbx: Asyncdbx, fleet: Simulator, tmp_path: Path
) -> None:
    """The platform's 401, and the exit code of a call that failed."""
    token, canary = fleet["dev"].token, "dapiCANARY0123456789"
    profiles = tmp_path / "profiles"
    profiles.write_text(profiles.read_text().replace(token, canary))
    ran = asyncdbx("list", "users", "-p", "dev")

    assert (ran.code, ran.out) == (1, "")
    assert "users.list on dev: HTTP 401" in ran.err
    assert canary not in ran.err


def test_no_secret_is_ever_printed(
    asyncdbx: Asyncdbx, fleet: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in data, not in errors, not in a traceback."""
    monkeypatch.setenv("ASYNCDBX_DEBUG", "1")
    fleet["dev"].faults.append(Fault("/api/2.0/secrets/", "500", times=1))
    ran = asyncdbx("list", "users", "tokens", "secrets", "--all-profiles")
    tokens = [workspace.token for workspace in fleet.everyone]

    assert [token for token in tokens if token in ran.out + ran.err] == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["clusters", "-p", "nix"], "has no profile 'nix'"),
        (["clsters"], "no resource 'clsters'; did you mean clusters?"),
        ([], "Missing argument 'RESOURCE...'"),
        (["clusters", "-o", "xml"], "'xml' is not one of"),
        (["clusters", "--limit", "0"], "0 is not in the range x>=1"),
        (["clusters", "--connections", "x"], "'x' is not a valid integer"),
        (["workspaces", "-p", "dev"], "workspaces is listed of an account"),
        (["clusters", "-p", "account"], "clusters is listed of a workspace"),
        (
            ["clusters", "-p", "dev", "--limits", "/nix"],
            "/nix cannot be read: No such file",
        ),
    ],
)
def test_what_makes_no_sense_is_said(
    asyncdbx: Asyncdbx, fleet: Simulator, arguments: list[str], says: str
) -> None:
    """One clear sentence, exit code 2, nothing on stdout, nothing sent."""
    before = fleet["dev"].requests
    ran = asyncdbx("list", *arguments)

    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err
    assert fleet["dev"].requests == before


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("http://adb-1.azuredatabricks.net", "http:// is only for this machine"),
        ("ftp://adb-1.azuredatabricks.net", "must start with https://"),
        ("", "DATABRICKS_HOST is not set"),
    ],
)
def test_a_host_that_cannot_be_used_is_said(
    asyncdbx: Asyncdbx, monkeypatch: pytest.MonkeyPatch, host: str, says: str
) -> None:
    """A token travels over https, or not at all."""
    monkeypatch.setenv("DATABRICKS_HOST", host)
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapiCANARY")
    ran = asyncdbx("list", "clusters")

    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err
    assert "CANARY" not in ran.err


def test_a_host_without_scheme_is_https(
    asyncdbx: Asyncdbx, monkeypatch: pytest.MonkeyPatch, fleet: Simulator
) -> None:
    """So it is not the plain simulator, which it fails to speak TLS with."""
    monkeypatch.setenv("DATABRICKS_HOST", fleet["dev"].host.removeprefix("http://"))
    monkeypatch.setenv("DATABRICKS_TOKEN", "x")
    ran = asyncdbx("list", "users")

    assert (ran.code, ran.out) == (1, "")
    assert "users.list on 127.0.0.1: " in ran.err


def test_no_workspace_at_all_is_said(asyncdbx: Asyncdbx) -> None:
    """With what can be done about it."""
    ran = asyncdbx("list", "clusters")

    assert ran.code == 2
    assert ran.err.startswith("asyncdbx: no workspace was named")


def test_limits_that_are_no_toml_are_said_with_their_line(
    asyncdbx: Asyncdbx, fleet: Simulator, tmp_path: Path
) -> None:
    """The file and the line."""
    limits = tmp_path / "mine.toml"
    limits.write_text("[default]\n\nper_second = \n")
    ran = asyncdbx("list", "users", "-p", "dev", "--limits", str(limits))

    assert (ran.code, ran.out) == (2, "")
    assert str(limits) in ran.err
    assert "line 3" in ran.err


def test_names_that_a_terminal_would_obey(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """Shown in a table, unchanged in JSON."""
    name = "evil\x1b[2J\u202ename"
    _create_scope(asyncdbx, fleet["dev"], name)
    table = asyncdbx("list", "secret_scopes", "-p", "dev", "-o", "table")
    lines = asyncdbx("list", "secret_scopes", "-p", "dev")
    asyncdbx("api", "secrets.delete_scope", "-d", f"scope={name}", "-p", "dev")

    assert "evil\\x1b[2J\\u202ename" in table.out
    assert name in {line["id"] for line in lines.lines}


def _create_scope(asyncdbx: Asyncdbx, workspace: SimulatedWorkspace, name: str) -> None:
    ran = asyncdbx(
        "api", "secrets.create_scope", "-d", f"scope={name}", "-p", workspace.name
    )
    assert (ran.code, ran.err) == (0, "")
