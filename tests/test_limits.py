"""How often each endpoint may be called, and what users' files change."""

from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from asyncdbx.catalog import Endpoint, Scope, endpoint, names
from asyncdbx.catalog.limits import PACKAGE_FILE, Limits, limits_name
from asyncdbx.catalog.limits_file import line_of, read_limits
from asyncdbx.errors import ConfigError

NUMBERS: list[tuple[str, str, float, int]] = [
    ("dbfs.list", "dbfs", 30, 20),
    ("dbfs.delete", "dbfs", 30, 20),
    ("jobs.create", "jobs-create", 20, 20),
    ("jobs.run_now", "jobs-run-now", 20, 20),
    ("jobs.get_run", "jobs-runs-get", 100, 20),
    ("jobs.submit", "jobs-runs-submit", 35, 20),
    ("permissions.get", "permissions-read", 100, 20),
    ("clusters.get_permissions", "permissions-read", 100, 20),
    ("permissions.update", "permissions-write", 30, 20),
    ("jobs.set_permissions", "permissions-write", 30, 20),
    ("dbsql_permissions.get", "sql-permissions-read", 100, 20),
    ("dbsql_permissions.set", "sql-permissions-write", 30, 20),
    ("secrets.list_acls", "secret-acls", 1100 / 60, 20),
    ("secrets.put_acl", "secret-acls", 1100 / 60, 20),
    ("groups.list", "scim-groups-read", 255 / 60, 4),
    ("groups_v2.get", "scim-groups-read", 255 / 60, 4),
    ("groups.patch", "scim-groups-patch", 10 / 60, 4),
    ("groups.delete", "scim-groups-delete", 35 / 60, 4),
    ("users.list", "scim", 15, 4),
    ("groups.create", "scim", 15, 4),
    ("account:users.list", "account-scim-list", 240 / 60, 20),
    ("account:groups.get", "account-scim-get", 20, 20),
    ("account:users.patch", "account-scim-patch", 2, 20),
    ("account:users.delete", "account-scim-write", 5, 20),
    ("account:workspace_assignment.update", "account-permission-assignments-write", 5, 20),
    ("token_management.list", "token-management", 40, 20),
    ("workspace.export", "workspace-export", 60, 20),
    ("workspace.import_", "workspace-import", 30, 20),
    ("experiments.get_run", "mlflow-tracking", 120, 20),
    ("experiments.search_experiments", "mlflow-experiments", 7, 20),
    ("experiments.search_runs", "mlflow-search-runs", 7, 20),
    ("experiments.log_batch", "mlflow-log-batch", 47, 20),
    ("model_registry.list_models", "model-registry", 40, 20),
    ("queries.list", "sql-lists", 15, 9),
    ("alerts_legacy.list", "sql-lists", 15, 9),
    ("ai_functions.ai_classify", "ai-classify", 1200 / 60, 20),
    ("ai_functions.ai_extract", "ai-extract", 120 / 60, 20),
    ("serving_endpoints.get", "serving-endpoints", 200, 20),
    ("genie.create_message", "genie", 20 / 60, 20),
    ("clusters.list", "clusters.list", 15, 20),
    ("secrets.list_secrets", "secrets.list_secrets", 15, 20),
    ("shares.update_permissions", "shares.update_permissions", 15, 20),
    ("account:workspaces.list", "account:workspaces.list", 15, 20),
]


def named(name: str) -> Endpoint:
    """Return the endpoint that limits files call ``name``."""
    scope: Scope = "account" if name.startswith("account:") else "workspace"
    return endpoint(name.removeprefix("account:"), scope)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A user's file, not yet written."""
    return tmp_path / "limits.toml"


def loaded(file: Path, text: str) -> Limits:
    """Return the limits with ``text`` in the user's file."""
    file.write_text(text, encoding="utf-8")
    return Limits.load(file)


@pytest.mark.parametrize(("name", "group", "per_second", "in_flight"), NUMBERS)
def test_published_numbers_are_the_defaults(
    name: str, group: str, per_second: float, in_flight: int
) -> None:
    """Every row of the table of published limits, and what it leaves to the default."""
    limit = Limits.load().of(named(name), "prod")

    assert (limit.group, limit.in_flight) == (group, in_flight)
    assert limit.per_second == pytest.approx(per_second, rel=1e-12)
    assert limit.source


def test_every_pattern_matches_an_endpoint() -> None:
    """A pattern that matches nothing protects nothing."""
    every = [endpoint(name, scope) for scope, name in names()]
    texts = [limits_name(known) for known in every]
    texts += [f"{known.method} {known.path}" for known in every]
    texts += ["POST /oidc/v1/token", "POST /oidc/accounts/a/v1/token"]  # no API
    patterns = [
        pattern
        for group in read_limits(PACKAGE_FILE, own=True).groups
        for pattern in group.endpoints or ()
    ]

    assert len(patterns) > 40
    assert [p for p in patterns if not any(fnmatchcase(text, p) for text in texts)] == []


def test_every_group_is_the_lane_of_some_endpoint() -> None:
    """None is hidden behind an earlier one."""
    limits = Limits.load()
    used = {limits.of(endpoint(name, scope), "w").group for scope, name in names()}
    used.add("login")  # whose endpoints are no API

    assert [group.group for group in limits.groups()[1:] if group.group not in used] == []


def test_every_number_has_a_source() -> None:
    """Of the package's own file: a number without one is a guess."""
    file = read_limits(PACKAGE_FILE, own=True)

    assert all(
        (group.numbers.per_second is None or group.numbers.source)
        and (group.numbers.in_flight is None or group.numbers.in_flight_source)
        for group in file.groups
    )
    assert file.default.source
    assert file.default.in_flight_source


def test_the_overview_lists_the_default_and_then_every_group() -> None:
    """As `asyncdbx limits` shows it."""
    overview = Limits.load().groups()

    assert [limit.group for limit in overview[:2]] == [
        "default",
        "account-permission-assignments-write",
    ]
    assert (overview[0].per_second, overview[0].in_flight) == (15, 20)
    assert "DATABRICKS_RATE_LIMIT" in overview[0].source
    assert "concurrent limit of 20" in overview[0].source


def test_a_limit_is_found_once() -> None:
    """The second look-up is that of a dict."""
    limits = Limits.load()

    assert limits.of(named("dbfs.list"), "prod") is limits.of(named("dbfs.list"), "prod")


def test_an_endpoint_the_catalog_does_not_know_gets_the_limit_of_its_path() -> None:
    """`asyncdbx api` on a new kind of permissions is still a permissions call."""
    path = "/api/2.0/permissions/new-things/1"
    unknown = Endpoint(f"GET {path}", "workspace", "GET", path)

    assert Limits.load().of(unknown, "prod").group == "permissions-read"


# --- users' files


def test_a_user_changes_a_group(written: Path) -> None:
    """For all workspaces; what is not said stays."""
    limits = loaded(written, "[groups.dbfs]\nper_second = 10\n")

    limit = limits.of(named("dbfs.list"), "prod")

    assert (limit.group, limit.per_second, limit.in_flight) == ("dbfs", 10, 20)
    assert limit.source.startswith(
        f"file {written}, [groups.dbfs]; in flight: server's text"
    )


def test_per_minute_is_converted(written: Path) -> None:
    """The number stays as it is published."""
    limits = loaded(written, "[groups.dbfs]\nper_minute = 90\nin_flight = 2\n")

    limit = limits.of(named("dbfs.list"), "prod")

    assert (limit.per_second, limit.in_flight) == (1.5, 2)
    assert limit.source == f"file {written}, [groups.dbfs]"


def test_unlimited_lifts_the_rate(written: Path) -> None:
    """None means unlimited; the gate stays."""
    limits = loaded(written, '[groups.dbfs]\nper_second = "unlimited"\n')

    assert limits.of(named("dbfs.list"), "prod").per_second is None
    assert limits.of(named("dbfs.list"), "prod").in_flight == 20


def test_a_workspace_has_its_own_numbers(written: Path) -> None:
    """The others keep theirs."""
    limits = loaded(
        written,
        "[groups.dbfs]\nper_second = 10\n[workspace.prod.groups.dbfs]\nper_second = 3\n",
    )

    assert limits.of(named("dbfs.list"), "prod").per_second == 3
    assert limits.of(named("dbfs.list"), "dev").per_second == 10
    assert "[workspace.prod.groups.dbfs]" in limits.of(named("dbfs.list"), "prod").source


def test_defaults_are_for_what_has_no_number_of_its_own(written: Path) -> None:
    """A workspace's default is stronger than the general one, weaker than a group."""
    limits = loaded(
        written, "[default]\nper_second = 8\n[workspace.prod.default]\nper_second = 5\n"
    )

    assert limits.of(named("clusters.list"), "prod").per_second == 5
    assert limits.of(named("clusters.list"), "dev").per_second == 8
    assert limits.of(named("dbfs.list"), "prod").per_second == 30


def test_an_endpoint_can_have_a_lane_of_its_own(written: Path) -> None:
    """It leaves its group; the others stay in it."""
    limits = loaded(written, '[groups."dbfs.read"]\nper_second = 2\n')

    assert limits.of(named("dbfs.read"), "prod").group == "dbfs.read"
    assert limits.of(named("dbfs.read"), "prod").per_second == 2
    assert limits.of(named("dbfs.list"), "prod").group == "dbfs"


def test_an_endpoint_of_an_account_is_named_with_its_scope(written: Path) -> None:
    """users.list exists twice."""
    limits = loaded(written, '[groups."account:users.list"]\nper_second = 1\n')

    assert limits.of(named("account:users.list"), "acc").per_second == 1
    assert limits.of(named("users.list"), "prod").per_second == 15


def test_a_workspace_can_limit_one_endpoint(written: Path) -> None:
    """One that has its own lane anyway."""
    limits = loaded(written, '[workspace.prod.groups."jobs.list"]\nin_flight = 1\n')

    assert limits.of(named("jobs.list"), "prod").in_flight == 1
    assert limits.of(named("jobs.list"), "dev").in_flight == 20


def test_users_define_new_groups(written: Path) -> None:
    """Theirs come before the package's."""
    limits = loaded(
        written,
        '[groups.mine]\nendpoints = ["jobs.*", "GET /api/2.0/dbfs/*"]\nper_second = 4\n',
    )

    assert limits.of(named("jobs.create"), "prod").group == "mine"
    assert limits.of(named("dbfs.list"), "prod").group == "mine"
    assert limits.of(named("dbfs.delete"), "prod").group == "dbfs"


def test_users_change_what_belongs_to_a_group(written: Path) -> None:
    """An endpoint that is no longer named gets its own lane."""
    limits = loaded(written, '[groups.dbfs]\nendpoints = ["dbfs.list"]\n')

    assert limits.of(named("dbfs.list"), "prod").per_second == 30
    assert limits.of(named("dbfs.read"), "prod").group == "dbfs.read"


def test_the_last_file_is_the_strongest(tmp_path: Path) -> None:
    """Number by number."""
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text("[groups.dbfs]\nper_second = 1\nin_flight = 1\n", "utf-8")
    second.write_text("[groups.dbfs]\nper_second = 2\n", "utf-8")

    limit = Limits.load(first, second).of(named("dbfs.list"), "prod")

    assert (limit.per_second, limit.in_flight) == (2, 1)
    assert (
        limit.source
        == f"file {second}, [groups.dbfs]; in flight: file {first}, [groups.dbfs]"
    )


def test_a_users_own_source_is_shown(written: Path) -> None:
    """Next to the file."""
    limits = loaded(
        written, '[default]\nper_second = 1\nin_flight = 1\nsource = "support case"\n'
    )

    assert limits.groups("prod")[0].source == f"file {written}, [default]: support case"


# --- bad input

BAD = [
    (
        "[groups.dbfs]\nper_second = 0\n",
        2,
        r"per_second = 0 in \[groups.dbfs\]: a number above 0",
    ),
    ("[groups.dbfs]\n\nper_second = -1\n", 3, 'a number above 0 or "unlimited" is needed'),
    ("[groups.dbfs]\nper_second = inf\n", 2, "a number above 0"),
    ("[groups.dbfs]\nper_second = nan\n", 2, "a number above 0"),
    ("[groups.dbfs]\nper_second = true\n", 2, "per_second = true in"),
    ('[groups.dbfs]\nper_second = "10"\n', 2, 'per_second = "10" in'),
    ('[groups.dbfs]\nper_minute = "fast"\n', 2, 'per_minute = "fast" in'),
    (
        "[groups.dbfs]\nper_second = 1\nper_minute = 1\n",
        3,
        "per_second and per_minute: say one",
    ),
    ("[groups.dbfs]\nin_flight = 0\n", 2, "in_flight = 0 in .* a whole number, 1 or more"),
    ("[groups.dbfs]\nin_flight = 1.5\n", 2, "a whole number"),
    ("[groups.dbfs]\nin_flight = true\n", 2, "a whole number"),
    (
        "[groups.dbfs]\nburst = 3\n",
        2,
        r"unknown 'burst' in \[groups.dbfs\]; accepted: endpoints",
    ),
    (
        "[groups.dbfs]\nper_secnd = 3\n",
        2,
        "unknown 'per_secnd' .* did you mean 'per_second'",
    ),
    ("[groups.dbsf]\nper_second = 3\n", 1, "'dbsf' is neither .* did you mean 'dbfs'"),
    ('[groups."jobs.lst"]\nper_second = 3\n', 1, "did you mean 'jobs.list'"),
    ("[workspace.prod.groups.dbsf]\nper_second = 3\n", 1, "'dbsf' is neither"),
    ("[groups.jobs.list]\nper_second = 3\n", 1, r'needs quotes: \[groups\."jobs\.list"\]'),
    ("[groups.mine]\nendpoints = []\n", 2, r'a list of patterns such as \["jobs\.\*"\]'),
    ('[groups.mine]\nendpoints = "jobs.*"\n', 2, 'endpoints = "jobs.*" in'),
    ("[groups.mine]\nendpoints = [1]\n", 2, "a list of patterns"),
    ("[groups.dbfs]\nsource = 1\n", 2, "source = 1 in .* a text is needed"),
    ("[defaults]\nper_second = 3\n", 1, "unknown 'defaults', did you mean 'default'"),
    ("[default]\nendpoints = []\n", 2, r"unknown 'endpoints' in \[default\]"),
    ("default = 3\n", 1, r"a table \[default\] is needed, not 3"),
    ("groups = 3\n", 1, r"a table \[groups\] is needed"),
    ("[groups]\ndbfs = 3\n", 2, r"a table \[groups.dbfs\] is needed"),
    ("[workspace]\nprod = 3\n", 2, r"a table \[workspace.prod\] is needed"),
    (
        "[workspace.prod]\nper_second = 3\n",
        2,
        r"unknown 'per_second' in \[workspace.prod\]",
    ),
    ("[workspace.prod.default]\nper_second = 0\n", 2, "per_second = 0 in"),
    (
        '[workspace."a b".groups.dbfs]\nper_second = 0\n',
        2,
        r'in \[workspace\."a b"\.groups',
    ),
]


@pytest.mark.parametrize(("text", "line", "message"), BAD)
def test_bad_input_is_named_with_its_line(
    written: Path, text: str, line: int, message: str
) -> None:
    """One sentence: file, line, what is wrong, what is accepted."""
    with pytest.raises(ConfigError, match=message) as caught:
        loaded(written, text)

    assert str(caught.value).startswith(f"{written}, line {line}: ")


def test_a_file_that_is_no_toml_is_named_with_its_line(written: Path) -> None:
    """tomllib knows it."""
    with pytest.raises(ConfigError, match=r"limits\.toml is no valid TOML: .*line 2"):
        loaded(written, "[groups.dbfs]\nper_second = = 3\n")


def test_a_file_that_is_no_text_is_named(written: Path) -> None:
    """Latin-1, for example."""
    written.write_bytes(b"# \xff\xfe\n")

    with pytest.raises(ConfigError, match=r"limits\.toml is no UTF-8 text"):
        Limits.load(written)


def test_a_file_that_is_not_there_is_named(written: Path) -> None:
    """A folder as well."""
    with pytest.raises(ConfigError, match=r"limits\.toml cannot be read: No such file"):
        Limits.load(written)
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        Limits.load(written.parent)


@pytest.mark.parametrize(
    ("text", "at", "line"),
    [
        ("[a]\nb = 1\n[c]\nb = 2\n", ("c", "b"), 4),
        ("[a.b]\nc = 1\n", ("a", "b", "c"), 2),
        ("[a]\nb.c = 1\n", ("a", "b", "c"), 2),
        ("# x\n[a]\nb = { c = 1 }\n", ("a", "b", "c"), 3),
        ('["a b"]\n"c d" = 1\n', ("a b", "c d"), 2),
        ("x = 1\n", ("a",), None),
        ('[a]\nx = """\nno way = [\n"""\nb = 1\n', ("a", "b"), 5),
        ("[a]\nx = [\n  1,\n]\nb = 1\n", ("a", "b"), 5),
    ],
)
def test_a_line_is_found_by_its_keys(
    text: str, at: tuple[str, ...], line: int | None
) -> None:
    """Or the line of the nearest table around it."""
    assert line_of(text, at) == line
