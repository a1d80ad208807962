"""Endpoints as data, and the requests they make."""

import enum
import subprocess
import sys
import tomllib
from typing import Any

import pytest

from asyncdbx import catalog
from asyncdbx.catalog import Endpoint, Paging, Scope, endpoint, find, names
from asyncdbx.catalog.generate.build import FACTS
from asyncdbx.errors import UsageError

TOKEN = Paging("token", "page_token", "next_page_token", "page_size")


def sized(name: str) -> Paging:
    """Return token paging whose size parameter is called ``name``."""
    return Paging("token", "page_token", "next_page_token", name)


# --- well-known endpoints, by chapter 1.1 of the project's API notes

WELL_KNOWN: list[tuple[Scope, str, str, str | None, Paging | None]] = [
    ("workspace", "clusters.list", "GET /api/2.1/clusters/list", "clusters", TOKEN),
    ("workspace", "jobs.list", "GET /api/2.2/jobs/list", "jobs", sized("limit")),
    ("workspace", "jobs.list_runs", "GET /api/2.2/jobs/runs/list", "runs", sized("limit")),
    (
        "workspace",
        "repos.list",
        "GET /api/2.0/repos",
        "repos",
        Paging("token", "next_page_token", "next_page_token"),
    ),
    (
        "workspace",
        "clusters.events",
        "POST /api/2.1/clusters/events",
        "events",
        Paging("next_body", "", "next_page", "page_size", in_body=True),
    ),
    (
        "workspace",
        "users.list",
        "GET /api/2.0/preview/scim/v2/Users",
        "Resources",
        Paging("scim", "startIndex", "", "count"),
    ),
    (
        "workspace",
        "dashboards.list",
        "GET /api/2.0/preview/sql/dashboards",
        "results",
        Paging("page", "page", "", "page_size"),
    ),
    (
        "workspace",
        "catalogs.list",
        "GET /api/2.1/unity-catalog/catalogs",
        "catalogs",
        sized("max_results"),
    ),
    ("workspace", "secrets.list_acls", "GET /api/2.0/secrets/acls/list", "items", None),
    ("workspace", "dbfs.list", "GET /api/2.0/dbfs/list", "files", None),
    ("workspace", "alerts_legacy.list", "GET /api/2.0/preview/sql/alerts", "", None),
    (
        "workspace",
        "experiments.search_experiments",
        "POST /api/2.0/mlflow/experiments/search",
        "experiments",
        Paging("token", "page_token", "next_page_token", "max_results", in_body=True),
    ),
    (
        "workspace",
        "pipelines.list_pipelines",
        "GET /api/2.0/pipelines",
        "statuses",
        sized("max_results"),
    ),
    (
        "workspace",
        "query_history.list",
        "GET /api/2.0/sql/history/queries",
        "res",
        Paging("token", "page_token", "next_page_token", "max_results", sdk_iterates=False),
    ),
    (
        "workspace",
        "vector_search_endpoints.list_endpoints",
        "GET /api/2.0/vector-search/endpoints",
        "endpoints",
        sized(""),
    ),
    ("workspace", "dbfs.read", "GET /api/2.0/dbfs/read", None, None),
    (
        "account",
        "workspaces.list",
        "GET /api/2.0/accounts/{account_id}/workspaces",
        "",
        None,
    ),
    (
        "account",
        "log_delivery.list",
        "GET /api/2.0/accounts/{account_id}/log-delivery",
        "log_delivery_configurations",
        sized(""),
    ),
]


@pytest.mark.parametrize(("scope", "name", "http", "items", "paging"), WELL_KNOWN)
def test_well_known_endpoints_are_as_the_api_notes_say(
    scope: Scope, name: str, http: str, items: str | None, paging: Paging | None
) -> None:
    """Request, item key and paging of one endpoint of every style."""
    known = endpoint(name, scope)

    assert (f"{known.method} {known.path}", known.items, known.paging) == (
        http,
        items,
        paging,
    )


def test_jobs_get_pages_its_inner_arrays() -> None:
    """It is one object, not a listing, and yet there is a next page."""
    job, run = endpoint("jobs.get"), endpoint("jobs.get_run")

    assert job.items is None
    assert job.paging == Paging(
        "token", "page_token", "next_page_token", sdk_iterates=False
    )
    assert job.nested == (
        "settings.environments",
        "settings.job_clusters",
        "settings.parameters",
        "settings.tasks",
    )
    assert "tasks" in run.nested
    assert run.fields["run_id"] == "int64"


def test_fields_have_types_and_64_bits_are_marked() -> None:
    """A cluster's scalar fields: texts, numbers, booleans; no objects, no arrays."""
    clusters = endpoint("clusters.list")

    assert clusters.fields["cluster_id"] == "str"
    assert clusters.fields["state"] == "str"
    assert clusters.fields["num_workers"] == "int"
    assert clusters.fields["cluster_cores"] == "float"
    assert clusters.fields["is_single_node"] == "bool"
    assert clusters.fields["spark_context_id"] == "int64"
    assert "custom_tags" not in clusters.fields
    assert "start_time" in clusters.int64
    assert "num_workers" not in clusters.int64


def test_arrays_of_64_bits_are_marked_but_are_no_scalar_fields() -> None:
    """A webhook-like array of ids must keep its digits as well."""
    every = [endpoint(name, scope) for scope, name in names()]

    with_arrays = [known for known in every if set(known.int64) - set(known.fields)]

    assert with_arrays
    assert all(
        known.fields.get(name, "int64") == "int64"
        for known in every
        for name in known.int64
    )


def test_the_catalog_holds_every_method_of_its_sdk() -> None:
    """1,437 in 0.162.0: 1,185 of the workspace, 14 of bundle, 238 of the account."""
    assert catalog.sdk_version() == "0.162.0"
    assert len(names()) == 1437
    assert len(names("workspace")) == 1185 + 14
    assert len(names("account")) == 238


def test_paged_methods_and_injected_constants_are_all_there() -> None:
    """217 paged methods; 23 of them leave the loop to the caller; 14 send max_results=0."""
    every = [endpoint(name, scope) for scope, name in names()]
    paged = [known.paging for known in every if known.paging]

    assert len(paged) == 217
    assert sum(not paging.sdk_iterates for paging in paged) == 23
    assert sum(dict(known.fixed_query) == {"max_results": 0} for known in every) == 14


# --- requests


def test_a_get_puts_its_arguments_into_the_query() -> None:
    """None means not given; numbers become text."""
    request = endpoint("jobs.list").request(
        {"limit": 100, "expand_tasks": True, "name": None}
    )

    assert request.method == "GET"
    assert request.path == "/api/2.2/jobs/list"
    assert request.query == (("limit", "100"), ("expand_tasks", "true"))
    assert request.body is None


def test_nested_query_arguments_are_dotted_and_booleans_lower_case_at_every_depth() -> None:
    """The SDK sends filter_by.is_pinned=True, which the platform does not read."""
    request = endpoint("clusters.list").request(
        {
            "filter_by": {
                "is_pinned": True,
                "cluster_states": ["RUNNING", "PENDING"],
                "x": None,
            }
        }
    )

    assert request.query == (
        ("filter_by.is_pinned", "true"),
        ("filter_by.cluster_states", "RUNNING"),
        ("filter_by.cluster_states", "PENDING"),
    )


def test_enums_are_sent_by_their_value() -> None:
    """So that those of the SDK can be used."""

    class Order(enum.Enum):
        ASC = "ASC"

    request = endpoint("cluster_policies.list").request({"sort_order": Order.ASC})

    assert request.query == (("sort_order", "ASC"),)


def test_arguments_may_have_the_name_on_the_wire() -> None:
    """``sort_by`` and ``sortBy`` are the same argument of users.list."""
    by_sdk_name = endpoint("users.list").request({"sort_by": "userName", "start_index": 5})
    by_wire_name = endpoint("users.list").request({"sortBy": "userName", "startIndex": 5})

    assert by_sdk_name == by_wire_name
    assert dict(by_wire_name.query)["startIndex"] == "5"


def test_an_argument_given_by_both_names_is_refused() -> None:
    """Which of the two would win cannot be guessed."""
    with pytest.raises(UsageError, match=r"users\.list is given 'startIndex' twice"):
        endpoint("users.list").request({"start_index": 1, "startIndex": 5})


def test_unity_catalog_lists_ask_for_pages_unless_told_otherwise() -> None:
    """Left out, max_results means one unpaged answer, which is being phased out."""
    catalogs = endpoint("catalogs.list")

    assert catalogs.request({}).query == (("max_results", "0"),)
    assert catalogs.request({"max_results": 5}).query == (("max_results", "5"),)


def test_a_post_puts_its_arguments_into_the_body() -> None:
    """Values stay what they are: JSON knows booleans, numbers and nesting."""
    request = endpoint("jobs.run_now").request(
        {"job_id": 1234567890123456789, "job_parameters": {"a": "b"}, "only": None}
    )

    assert request.query == ()
    assert request.body == {"job_id": 1234567890123456789, "job_parameters": {"a": "b"}}


def test_posts_without_arguments_send_an_empty_object_where_the_sdk_does() -> None:
    """The platform refuses some of them without a body."""
    assert endpoint("warehouses.start").request({"id": "w1"}).body == {}
    assert endpoint("pipelines.stop").request({"pipeline_id": "p1"}).body is None
    assert endpoint("repos.delete").request({"repo_id": 7}).body is None


def test_path_arguments_are_percent_encoded() -> None:
    """The SDK inserts them as they are: a name with # or ? goes to another path."""
    volume = endpoint("volumes.read").request({"name": "main.default.a#b?c/d%20é"})
    policy = endpoint("permissions.get").request(
        {"request_object_type": "jobs", "request_object_id": 12}
    )

    assert (
        volume.path
        == "/api/2.1/unity-catalog/volumes/main.default.a%23b%3Fc%2Fd%2520%C3%A9"
    )
    assert policy.path == "/api/2.0/permissions/jobs/12"


def test_slashes_stay_in_arguments_of_many_segments() -> None:
    """Files, and resource names such as projects/p1."""
    file = endpoint("files.download").request({"file_path": "/Volumes/main/a b/#1.csv"})
    project = endpoint("postgres.get_branch").request({"name": "projects/p1/branches/b"})

    assert file.path == "/api/2.0/fs/files/Volumes/main/a%20b/%231.csv"
    assert project.path == "/api/2.0/postgres/projects/p1/branches/b"


def test_resource_names_are_recognised_also_where_the_sdk_does_not_describe_them() -> None:
    """Under one path prefix, all names have the same form."""
    assert endpoint("lakewatch.delete_datasource").multi_segment == {"name"}
    assert endpoint("feature_engineering.get_operation").multi_segment == {"name"}
    assert endpoint("apps.get").multi_segment == frozenset()
    assert endpoint("serving_endpoints.get").multi_segment == frozenset()


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("repos.get", {}, r"repos\.get needs 'repo_id', a part of its path /api/2\.0"),
        ("repos.get", {"repo_id": None}, "needs 'repo_id'"),
        ("repos.get", {"repo_id": ""}, "argument 'repo_id': it is empty"),
        ("repos.get", {"repo_id": ".."}, r"'\.\.' holds a '\.' or '\.\.' segment"),
        ("repos.get", {"repo_id": "."}, "segment"),
        ("repos.get", {"repo_id": ["a"]}, "a text, number or boolean is needed, not list"),
        ("repos.get", {"repo_id": "\ud800"}, "is no valid text"),
        ("files.download", {"file_path": "/Volumes/../secret"}, "segment"),
        ("files.download", {"file_path": "Volumes/a"}, "it must begin with '/'"),
        ("clusters.list", {"page_sise": 5}, "'page_sise', did you mean 'page_size'"),
        ("clusters.list", {"zzz": 5}, "it takes filter_by, page_size, page_token, sort_by"),
        ("clusters.spark_versions", {"zzz": 5}, "it takes none"),
        ("clusters.list", {"sort_by": {"x": object()}}, "'sort_by': a text, number"),
        ("jobs.list", {"name": [{"a": 1}]}, "not dict"),
        ("workspace_conf.set_status", {}, "needs 'contents': it is the whole body"),
        ("workspace_conf.set_status", {"contents": "x"}, "an object or a list is needed"),
        ("files.upload", {"file_path": "/Volumes/a"}, "needs 'contents'"),
        ("serving_endpoints_data_plane.query", {}, "cannot be called: served by"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(name: str, args: dict[str, Any], message: str) -> None:
    """One sentence: which endpoint, which argument, what is accepted."""
    with pytest.raises(UsageError, match=message):
        endpoint(name).request(args)


def test_an_account_call_needs_its_account() -> None:
    """The account id is no argument; it comes from the profile."""
    workspaces = endpoint("workspaces.list", "account")

    assert (
        workspaces.request({}, account_id="a-1").path == "/api/2.0/accounts/a-1/workspaces"
    )
    with pytest.raises(
        UsageError, match="a call to an account, and no account_id is known"
    ):
        workspaces.request({})
    with pytest.raises(UsageError, match="no argument 'account_id'"):
        workspaces.request({"account_id": "a-1"})


def test_a_whole_body_is_given_by_the_name_of_its_argument() -> None:
    """And goes out as it is."""
    request = endpoint("workspace_conf.set_status").request({"contents": {"x": "true"}})

    assert request.body == {"x": "true"}


def test_uploads_keep_their_bytes() -> None:
    """The body is not JSON."""
    request = endpoint("files.upload").request(
        {"file_path": "/Volumes/a", "contents": b"\x00\x01", "overwrite": True}
    )

    assert request.body == b"\x00\x01"
    assert request.query == (("overwrite", "true"),)
    assert endpoint("files.download").download


def test_an_argument_in_path_and_body_goes_into_both() -> None:
    """One endpoint has that."""
    request = endpoint("query_visualizations_legacy.update").request(
        {"id": "v1", "name": "n"}
    )

    assert request.path == "/api/2.0/preview/sql/visualizations/v1"
    assert request.body == {"id": "v1", "name": "n"}


def test_arguments_the_sdk_lacks_are_taken() -> None:
    """clusters/create takes an idempotency token (documented by the Terraform provider)."""
    request = endpoint("clusters.create").request(
        {"spark_version": "15.4.x-scala2.12", "idempotency_token": "t"}
    )

    assert request.body == {"spark_version": "15.4.x-scala2.12", "idempotency_token": "t"}


def test_a_request_of_every_endpoint_is_pure() -> None:
    """The arguments are not changed, and the same ones give the same request."""
    args: dict[str, Any] = {"job_id": 1, "job_parameters": {"a": "b"}}

    first = endpoint("jobs.run_now").request(args)
    second = endpoint("jobs.run_now").request(args)

    assert first == second
    assert first.body is not second.body
    assert args == {"job_id": 1, "job_parameters": {"a": "b"}}


# --- repeat safety


@pytest.mark.parametrize(
    ("name", "args", "safe"),
    [
        ("clusters.list", {}, True),
        ("files.get_metadata", {}, True),
        ("clusters.events", {}, True),
        ("experiments.search_runs", {}, True),
        ("clusters.edit", {}, True),
        ("permissions.set", {}, True),
        ("clusters.start", {}, False),
        ("clusters.permanent_delete", {}, False),
        ("dbfs.add_block", {}, False),
        ("jobs.run_now", {}, False),
        ("jobs.run_now", {"idempotency_token": "t"}, True),
        ("jobs.run_now", {"idempotency_token": ""}, False),
        ("clusters.create", {"idempotency_token": "t"}, True),
        ("dbfs.put", {"overwrite": False}, False),
        ("dbfs.put", {"overwrite": True}, True),
        ("repos.delete", {}, False),
    ],
)
def test_only_what_is_known_to_be_safe_is_repeated(
    name: str,
    args: dict[str, Any],
    safe: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Reading, documented no-ops and overwrites, and calls that carry a token."""
    assert endpoint(name).safe_to_repeat(args) is safe


def test_every_name_in_the_facts_is_an_endpoint() -> None:
    """A fact about an endpoint that does not exist would be a fact nobody uses."""
    facts = tomllib.loads(FACTS.read_text("utf-8"))
    named = [*facts["safe_to_repeat"], *facts["reading_posts"], *facts["safe_with"]]
    named += [*facts["extra_arguments"], *facts["nested_arrays"]]
    known = {name if scope == "workspace" else f"account:{name}" for scope, name in names()}

    assert [name for name in named if name not in known] == []


def test_every_argument_in_the_facts_is_one_of_its_endpoint() -> None:
    """A misspelt idempotency token would never be found in the arguments."""
    every = [endpoint(name, scope) for scope, name in names()]
    guarded = [known for known in every if known.safe_with]

    assert len(guarded) == len(tomllib.loads(FACTS.read_text("utf-8"))["safe_with"])
    assert [known.name for known in guarded if known.safe_with not in known.arguments] == []


# --- looking up


def test_an_unknown_name_says_what_is_near() -> None:
    """Or how names look."""
    with pytest.raises(UsageError, match=r"no endpoint 'cluster\.list', did you mean 'cl"):
        endpoint("cluster.list")
    with pytest.raises(UsageError, match=r"such as 'clusters\.list'"):
        endpoint("§§§")


def test_a_name_of_the_other_scope_says_so() -> None:
    """budgets exist on accounts only."""
    with pytest.raises(
        UsageError, match="exists for the account only, not for the workspace"
    ):
        endpoint("budgets.list")


def test_an_endpoint_is_built_once() -> None:
    """So that it can be compared by identity and be a key."""
    assert endpoint("clusters.list") is endpoint("clusters.list")
    assert {endpoint("clusters.list"): 1}[endpoint("clusters.list")] == 1
    assert endpoint("users.list") != endpoint("users.list", "account")


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/api/2.1/clusters/list", "clusters.list"),
        ("get", "/api/2.1/clusters/list?page_size=5", "clusters.list"),
        ("GET", "/api/2.0/repos/7", "repos.get"),
        ("PATCH", "/api/2.0/repos/7", "repos.update"),
        ("GET", "/api/2.0/preview/scim/v2/Users", "users.list"),
        ("GET", "/api/2.0/permissions/jobs/1", "jobs.get_permissions"),
        ("GET", "/api/2.0/permissions/notebooks/1", "permissions.get"),
        ("GET", "/api/2.0/fs/files/Volumes/a/b", "files.download"),
        ("GET", "/api/2.0/identity/groups/3/direct-members",
         "workspace_iam_v2.list_direct_group_members_proxy"),
        ("GET", "/api/2.0/accounts/x/workspaces", "workspaces.list"),
    ],
)  # fmt: skip
def test_a_path_finds_its_endpoint(method: str, path: str, name: str) -> None:
    """The most literal template wins, then the workspace, then the shortest name."""
    found = find(method, path)

    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/api/2.1/clusters/list"),
        ("GET", "/api/9.9/nothing"),
        ("GET", "/api/2.0/repos/7/8"),
        ("GET", ""),
    ],
)
def test_an_unknown_path_finds_nothing(method: str, path: str) -> None:
    """So that `asyncdbx api` can still send it."""
    assert find(method, path) is None


def test_importing_the_catalog_does_not_import_the_sdk_or_the_generator() -> None:
    """The SDK is a development dependency, and its import costs over a second."""
    script = (
        "import sys; from asyncdbx.catalog import endpoint; endpoint('clusters.list');"
        "from asyncdbx.catalog.limits import Limits; Limits.load();"
        "print([name for name in sys.modules if name.startswith('databricks')"
        " or name.startswith('asyncdbx.catalog.generate')])"
    )

    run = subprocess.run(  # noqa: S603 - our own interpreter, our own script
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert run.stdout == "[]\n"


def test_endpoints_can_be_made_by_hand() -> None:
    """For a path the catalog does not know."""
    unknown = Endpoint("GET /api/2.0/new", "workspace", "GET", "/api/2.0/new")

    assert unknown.request({}).path == "/api/2.0/new"
    assert unknown.arguments == ()
    assert unknown.safe_to_repeat({}) is False
