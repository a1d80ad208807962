"""What the services answer beyond plain lists: special cases, errors, mutations."""

import base64
from typing import Any

import orjson
import pytest

Direct = Any
UNKNOWN = [
    ("/api/2.1/clusters/get", "cluster_id"),
    ("/api/2.2/jobs/get", "job_id"),
    ("/api/2.2/jobs/runs/get", "run_id"),
]


@pytest.mark.parametrize(("path", "key"), UNKNOWN)
def test_an_unknown_cluster_job_or_run_is_a_400(
    direct: Direct, path: str, key: str
) -> None:
    """INVALID_PARAMETER_VALUE with "does not exist", not a 404."""
    error = direct.get(path, **{key: "123"})
    assert (direct.status, error["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert "does not exist" in error["message"]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/api/2.0/dbfs/list", {"path": "/nowhere"}),
        ("/api/2.0/workspace/list", {"path": "/nowhere"}),
        ("/api/2.0/pipelines/nowhere", {}),
        ("/api/2.0/secrets/list", {"scope": "nowhere"}),
        ("/api/2.0/permissions/jobs/123", {}),
        ("/api/2.0/global-init-scripts/nowhere", {}),
        ("/api/2.1/unity-catalog/models/a.b.c/versions", {}),
        ("/api/2.0/fs/directories/Volumes/a/b/c", {}),
    ],
)
def test_any_other_unknown_object_is_a_404(direct: Direct, path: str, query: Any) -> None:
    """RESOURCE_DOES_NOT_EXIST."""
    error = direct.get(path, **query)
    assert (direct.status, error["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_unity_catalog_has_codes_of_its_own(direct: Direct) -> None:
    """By the kind of what is missing."""
    assert direct.get("/api/2.1/unity-catalog/schemas", catalog_name="x")["error_code"] == (
        "CATALOG_DOES_NOT_EXIST"
    )
    tables = direct.get(
        "/api/2.1/unity-catalog/tables", catalog_name="main", schema_name="x"
    )
    assert (direct.status, tables["error_code"]) == (404, "SCHEMA_DOES_NOT_EXIST")


def test_each_family_has_its_error_shape(direct: Direct) -> None:
    """SCIM's schemas and detail; error_code and message elsewhere; 404 for no such path."""
    assert direct.get("/api/2.0/preview/scim/v2/Users/1") == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "detail": "User with id 1 not found.",
        "status": "404",
    }
    assert direct.get("/api/2.0/no/such") == {
        "error_code": "ENDPOINT_NOT_FOUND",
        "message": "No API found for 'GET /api/2.0/no/such'",
    }
    assert direct.get("/api/2.0/dbfs/list")["error_code"] == "INVALID_PARAMETER_VALUE"
    reply = direct.send("POST", "/api/2.1/clusters/start", body=[1])
    assert orjson.loads(reply.body)["error_code"] == "MALFORMED_REQUEST"


def test_a_large_job_comes_in_inner_pages(direct: Direct) -> None:
    """100 tasks and clusters at a time; an array that is finished is empty later on."""
    large = next(
        j for j in direct.workspace.truth("jobs") if len(j["settings"]["tasks"]) > 200
    )
    listed = direct.every("/api/2.2/jobs/list", "jobs", limit=100, expand_tasks="true")
    item = next(job for job in listed if job["job_id"] == large["job_id"])
    assert (item["has_more"], len(item["settings"]["tasks"])) == (True, 100)
    pages, query = [], {"job_id": large["job_id"]}
    while True:
        pages.append(direct.get("/api/2.2/jobs/get", **query))
        if "next_page_token" not in pages[-1]:
            break
        query["page_token"] = pages[-1]["next_page_token"]
    lengths = [
        [len(p["settings"][key]) for key in ("tasks", "job_clusters")] for p in pages
    ]
    assert lengths == [[100, 100], [100, 1], [50, 0]]
    tasks = [task for page in pages for task in page["settings"]["tasks"]]
    assert tasks == large["settings"]["tasks"]


def test_jobs_and_runs_refuse_too_large_pages(direct: Direct) -> None:
    """More than 100 jobs, 24 runs, 100 pipelines is an error."""
    for path, query in (
        ("/api/2.2/jobs/list", {"limit": 101}),
        ("/api/2.2/jobs/list", {"limit": 0}),
        ("/api/2.2/jobs/runs/list", {"limit": 25}),
        ("/api/2.0/pipelines", {"max_results": 101}),
    ):
        direct.get(path, **query)
        assert direct.status == 400


def test_scim_decides_the_page_size_itself(direct: Direct) -> None:
    """count is cut at 100, startIndex counts from 1, past the end there is no Resources."""
    users = direct.workspace.truth("users")
    page = direct.get("/api/2.0/preview/scim/v2/Users", count=10_000, startIndex=3)
    assert (page["totalResults"], page["startIndex"]) == (len(users), 3)
    assert (page["Resources"], page["itemsPerPage"]) == (users[2:102], len(users) - 2)
    beyond = direct.get("/api/2.0/preview/scim/v2/Users", startIndex=999)
    assert ("Resources" in beyond, beyond["itemsPerPage"]) == (False, 0)


def test_scim_filters_and_projects(direct: Direct) -> None:
    """eq, sw, and; a filter that cannot be read is invalidFilter."""
    path, users = "/api/2.0/preview/scim/v2/Users", direct.workspace.truth("users")
    name = users[3]["userName"]
    found = direct.get(
        path, filter=f'userName eq "{name.upper()}"', attributes="id,userName"
    )
    assert found["Resources"] == [
        {"schemas": users[3]["schemas"], "id": users[3]["id"], "userName": name}
    ]
    two = direct.get(path, filter='active eq true and userName sw "ada"')["Resources"]
    assert [u["userName"] for u in two] == [
        u["userName"] for u in users if u["active"] and u["userName"].startswith("ada")
    ]
    nested = direct.get(path, filter=f'emails.value eq "{name}"')
    assert nested["totalResults"] == 1
    error = direct.get(path, filter="userName like x")
    assert (direct.status, error["scimType"]) == (400, "invalidFilter")


def test_scim_groups_are_created_patched_and_deleted(direct: Direct) -> None:
    """A name once; members come and go; a second delete is a 404 in SCIM's shape."""
    path = "/api/2.0/preview/scim/v2/Groups"
    group = direct.post(path, displayName="new")
    assert direct.status == 201
    assert (
        direct.post(path, displayName="new")["detail"]
        == "Group with name new already exists."
    )
    assert direct.status == 409
    one = f"{path}/{group['id']}"
    add = {"op": "add", "path": "members", "value": [{"value": "1"}, {"value": "2"}]}
    assert direct.other("PATCH", one, Operations=[add, add])["members"] == add["value"]
    remove = {"op": "remove", "path": 'members[value eq "1"]'}
    assert direct.other("PATCH", one, Operations=[remove])["members"] == [{"value": "2"}]
    assert direct.other("DELETE", one) is None
    assert direct.status == 204
    assert direct.other("DELETE", one)["status"] == "404"


def test_a_cluster_lives_through_its_states(direct: Direct) -> None:
    """Create, wait, start in vain, terminate, start, forget."""
    made = direct.post(
        "/api/2.1/clusters/create", spark_version="18.x-scala2.13", num_workers=1
    )
    one = {"cluster_id": made["cluster_id"]}

    def state() -> str:
        return str(direct.get("/api/2.1/clusters/get", **one)["state"])

    assert state() == "PENDING"
    direct.seconds += 180
    assert state() == "RUNNING"
    refused = direct.post("/api/2.1/clusters/start", **one)
    assert (direct.status, refused["error_code"]) == (400, "INVALID_STATE")
    assert "unexpected state Running" in refused["message"]
    assert direct.post("/api/2.1/clusters/delete", **one) == {}
    direct.seconds += 30
    assert state() == "TERMINATED"
    assert direct.post("/api/2.1/clusters/start", **one) == {}
    assert state() == "PENDING"
    direct.post("/api/2.1/clusters/pin", **one)
    assert direct.post("/api/2.1/clusters/permanent-delete", **one)["error_code"] == (
        "INVALID_PARAMETER_VALUE"
    )
    direct.post("/api/2.1/clusters/unpin", **one)
    assert direct.post("/api/2.1/clusters/permanent-delete", **one) == {}
    assert one["cluster_id"] not in [
        c["cluster_id"] for c in direct.workspace.truth("clusters")
    ]


def test_a_cluster_token_makes_one_cluster(direct: Direct) -> None:
    """While it is active, the same token brings the same cluster."""
    body = {"spark_version": "18.x-scala2.13", "idempotency_token": "t"}
    first = direct.post("/api/2.1/clusters/create", **body)
    assert direct.post("/api/2.1/clusters/create", **body) == first
    direct.post("/api/2.1/clusters/delete", **first)
    direct.seconds += 60
    assert direct.post("/api/2.1/clusters/create", **body) != first


def test_a_run_is_started_once_per_token_and_ends(direct: Direct) -> None:
    """Its result is what the call asked to be simulated."""
    job_id = direct.post("/api/2.2/jobs/create", name="n", tasks=[{"task_key": "a"}])[
        "job_id"
    ]
    body = {"job_id": job_id, "job_parameters": {"simulate_result": "FAILED"}}
    first = direct.post("/api/2.2/jobs/run-now", idempotency_token="x", **body)["run_id"]
    again = direct.post("/api/2.2/jobs/run-now", idempotency_token="x", **body)["run_id"]
    other = direct.post("/api/2.2/jobs/run-now", **body)["run_id"]
    assert (first == again, first == other) == (True, False)
    active = direct.every(
        "/api/2.2/jobs/runs/list", "runs", job_id=job_id, active_only="true"
    )
    assert [run["run_id"] for run in active] == [other, first]
    assert (
        direct.post("/api/2.2/jobs/runs/delete", run_id=first)["error_code"]
        == "INVALID_STATE"
    )
    direct.post("/api/2.2/jobs/runs/cancel", run_id=other)
    direct.seconds += 200
    states = [direct.get("/api/2.2/jobs/runs/get", run_id=id_) for id_ in (first, other)]
    assert [run["state"]["result_state"] for run in states] == ["FAILED", "CANCELED"]
    assert states[0]["end_time"] - states[0]["start_time"] == 155_000
    assert [task["task_key"] for task in states[0]["tasks"]] == ["a"]
    repaired = direct.post("/api/2.2/jobs/runs/repair", run_id=first)
    direct.seconds += 200
    assert direct.post("/api/2.2/jobs/runs/repair", run_id=first)["error_code"] == (
        "INVALID_PARAMETER_VALUE"
    )
    latest = repaired["repair_id"]
    direct.post("/api/2.2/jobs/runs/repair", run_id=first, latest_repair_id=latest)
    assert direct.status == 200


def test_jobs_are_changed_and_deleted(direct: Direct) -> None:
    """update merges arrays by key, reset replaces, a second delete is a 400."""
    job_id = direct.post(
        "/api/2.2/jobs/create", name="n", tasks=[{"task_key": "a", "x": 1}]
    )["job_id"]
    new = {"tasks": [{"task_key": "b"}, {"task_key": "a", "x": 2}]}
    direct.post(
        "/api/2.2/jobs/update", job_id=job_id, new_settings=new, fields_to_remove=["name"]
    )
    settings = direct.get("/api/2.2/jobs/get", job_id=job_id)["settings"]
    assert settings == {"tasks": [{"task_key": "a", "x": 2}, {"task_key": "b"}]}
    direct.post("/api/2.2/jobs/reset", job_id=job_id, new_settings={"name": "m"})
    assert direct.get("/api/2.2/jobs/get", job_id=job_id)["settings"] == {"name": "m"}
    assert direct.post("/api/2.2/jobs/delete", job_id=job_id) == {}
    assert direct.post("/api/2.2/jobs/delete", job_id=job_id)["error_code"] == (
        "INVALID_PARAMETER_VALUE"
    )


def test_permissions_are_set_and_only_raised_by_update(direct: Direct) -> None:
    """PUT replaces the direct entries, PATCH cannot lower one; inherited ones stay."""
    job_id = direct.workspace.truth("jobs")[0]["job_id"]
    path = f"/api/2.0/permissions/jobs/{job_id}"

    def levels(answer: Any) -> list[tuple[str, str]]:
        entries = answer["access_control_list"]
        return [
            (e["display_name"], e["all_permissions"][0]["permission_level"])
            for e in entries[:-1]
        ]

    def grant(level: str) -> dict[str, Any]:
        return {"access_control_list": [{"user_name": "u", "permission_level": level}]}

    assert levels(direct.other("PUT", path, **grant("CAN_MANAGE_RUN"))) == [
        ("u", "CAN_MANAGE_RUN")
    ]
    assert levels(direct.other("PATCH", path, **grant("CAN_VIEW"))) == [
        ("u", "CAN_MANAGE_RUN")
    ]
    assert levels(direct.other("PATCH", path, **grant("IS_OWNER"))) == [("u", "IS_OWNER")]
    assert direct.other("PUT", path, access_control_list=[])["access_control_list"] == [
        {
            "group_name": "admins",
            "all_permissions": [
                {
                    "permission_level": "CAN_MANAGE",
                    "inherited": True,
                    "inherited_from_object": ["/jobs/"],
                }
            ],
        }
    ]
    assert (
        direct.other("PUT", path, **grant("CAN_FLY"))["error_code"]
        == "INVALID_PARAMETER_VALUE"
    )


def test_dbfs_is_written_moved_and_deleted(direct: Direct) -> None:
    """A block sent twice is there twice; a full directory wants recursive."""
    handle = direct.post("/api/2.0/dbfs/create", path="dbfs:/new/a b#")["handle"]
    block = base64.b64encode(b"1234").decode()
    for _ in range(2):
        direct.post("/api/2.0/dbfs/add-block", handle=handle, data=block)
    direct.post("/api/2.0/dbfs/close", handle=handle)
    assert direct.post("/api/2.0/dbfs/close", handle=handle)["error_code"] == (
        "RESOURCE_DOES_NOT_EXIST"
    )
    direct.post("/api/2.0/dbfs/move", source_path="/new", destination_path="/moved")
    assert direct.get("/api/2.0/dbfs/get-status", path="/moved/a b#")["file_size"] == 8
    read = direct.get("/api/2.0/dbfs/read", path="/moved/a b#", offset=2, length=4)
    assert (read["bytes_read"], base64.b64decode(read["data"])) == (4, b"3412")
    assert (
        direct.get("/api/2.0/dbfs/list", path="/new")["error_code"]
        == "RESOURCE_DOES_NOT_EXIST"
    )
    assert direct.post("/api/2.0/dbfs/delete", path="/moved")["error_code"] == "IO_ERROR"
    assert direct.post("/api/2.0/dbfs/delete", path="/moved", recursive=True) == {}
    assert direct.post("/api/2.0/dbfs/delete", path="/moved", recursive=True) == {}
    assert direct.post("/api/2.0/dbfs/put", path="/mnt", contents="")["error_code"] == (
        "RESOURCE_ALREADY_EXISTS"
    )


def test_the_workspace_tree_is_changed(direct: Direct) -> None:
    """mkdirs, import, export, delete."""
    direct.post("/api/2.0/workspace/mkdirs", path="/new/deep")
    content = base64.b64encode(b"print(1)").decode()
    body = {"path": "/new/deep/n", "content": content, "language": "PYTHON"}
    assert direct.post("/api/2.0/workspace/import", **body) == {}
    assert direct.post("/api/2.0/workspace/import", **body)["error_code"] == (
        "RESOURCE_ALREADY_EXISTS"
    )
    assert direct.get("/api/2.0/workspace/export", path="/new/deep/n")["content"] == content
    status = direct.get("/api/2.0/workspace/get-status", path="/new/deep/n")
    levels = direct.get(f"/api/2.0/permissions/notebooks/{status['object_id']}")
    assert levels["object_id"] == f"/notebooks/{status['object_id']}"
    refused = direct.post("/api/2.0/workspace/delete", path="/new")
    assert refused["error_code"] == "DIRECTORY_NOT_EMPTY"
    assert direct.post("/api/2.0/workspace/delete", path="/new", recursive=True) == {}
    direct.get(f"/api/2.0/permissions/notebooks/{status['object_id']}")
    assert direct.status == 404


def test_secrets_are_written_but_never_read(direct: Direct) -> None:
    """Scopes, secrets and ACLs; a second delete says so."""
    direct.post("/api/2.0/secrets/scopes/create", scope="s")
    assert direct.post("/api/2.0/secrets/scopes/create", scope="s")["error_code"] == (
        "RESOURCE_ALREADY_EXISTS"
    )
    direct.post("/api/2.0/secrets/put", scope="s", key="k", string_value="v")
    assert [
        s["key"] for s in direct.get("/api/2.0/secrets/list", scope="s")["secrets"]
    ] == ["k"]
    assert (
        direct.get("/api/2.0/secrets/get", scope="s", key="k")["error_code"]
        == "BAD_REQUEST"
    )
    direct.post("/api/2.0/secrets/acls/put", scope="s", principal="u", permission="READ")
    assert {"principal": "u", "permission": "READ"} in (
        direct.get("/api/2.0/secrets/acls/list", scope="s")["items"]
    )
    assert direct.post("/api/2.0/secrets/delete", scope="s", key="k") == {}
    assert direct.post("/api/2.0/secrets/delete", scope="s", key="k")["error_code"] == (
        "RESOURCE_DOES_NOT_EXIST"
    )
    assert direct.get("/api/2.0/secrets/list", scope="s") == {}


def test_a_pipeline_has_one_update_at_a_time(direct: Direct) -> None:
    """A second start conflicts, stop is safe to repeat, the name must be new."""
    made = direct.post("/api/2.0/pipelines", name="p")["pipeline_id"]
    one = f"/api/2.0/pipelines/{made}"
    assert direct.post("/api/2.0/pipelines", name="p")["error_code"] == "RESOURCE_CONFLICT"
    direct.post(f"{one}/updates", full_refresh=True)
    assert direct.post(f"{one}/updates")["error_code"] == "RESOURCE_CONFLICT"
    assert direct.get(one)["state"] == "STARTING"
    assert [direct.post(f"{one}/stop"), direct.post(f"{one}/stop")] == [{}, {}]
    direct.seconds += 10
    shown = direct.get(one)
    assert (shown["state"], shown["latest_updates"][0]["state"]) == ("IDLE", "CANCELED")
    assert direct.other("DELETE", one) == {}
    assert direct.other("DELETE", one)["error_code"] == "RESOURCE_DOES_NOT_EXIST"


def test_smaller_services_are_changed(direct: Direct) -> None:
    """One mutation of each: what was made is listed, what was deleted is gone."""
    token = direct.post("/api/2.0/token/create", comment="c", lifetime_seconds=60)
    assert (
        direct.post("/api/2.0/token/delete", token_id=token["token_info"]["token_id"]) == {}
    )
    script = direct.post("/api/2.0/global-init-scripts", name="n", script="ZQ==")[
        "script_id"
    ]
    assert direct.get(f"/api/2.0/global-init-scripts/{script}")["script"] == "ZQ=="
    assert "script" not in direct.get("/api/2.0/global-init-scripts")["scripts"][0]
    policy = direct.post("/api/2.0/policies/clusters/create", name="n", definition="{}")
    assert direct.post("/api/2.0/policies/clusters/create", name="n")["error_code"] == (
        "INVALID_PARAMETER_VALUE"
    )
    assert direct.post("/api/2.0/policies/clusters/delete", **policy) == {}
    pool = direct.post(
        "/api/2.0/instance-pools/create", instance_pool_name="n", node_type_id="x"
    )
    assert direct.post("/api/2.0/instance-pools/delete", **pool) == {}
    made = direct.post(
        "/api/2.0/ip-access-lists", label="l", list_type="ALLOW", ip_addresses=["1"]
    )
    list_id = made["ip_access_list"]["list_id"]
    one = f"/api/2.0/ip-access-lists/{list_id}"
    assert direct.other("PATCH", one, enabled=False)["ip_access_list"]["enabled"] is False
    repo = direct.workspace.truth("repos")[0]["id"]
    direct.other("PATCH", f"/api/2.0/repos/{repo}", branch="dev")
    assert direct.get(f"/api/2.0/repos/{repo}")["branch"] == "dev"
    warehouse = direct.post("/api/2.0/sql/warehouses", name="w")["id"]
    direct.seconds += 20
    assert direct.get(f"/api/2.0/sql/warehouses/{warehouse}")["state"] == "RUNNING"
    direct.post(f"/api/2.0/sql/warehouses/{warehouse}/stop")
    assert direct.get(f"/api/2.0/sql/warehouses/{warehouse}")["state"] == "STOPPING"
    cluster = direct.workspace.truth("clusters")[1]["cluster_id"]
    library = {"jar": "dbfs:/x.jar"}
    direct.post("/api/2.0/libraries/install", cluster_id=cluster, libraries=[library])
    status = direct.get("/api/2.0/libraries/cluster-status", cluster_id=cluster)
    assert library in [entry["library"] for entry in status["library_statuses"]]


def test_volumes_are_listed_written_and_emptied(direct: Direct) -> None:
    """The path is part of the URL, with any character."""
    volume = "/Volumes/" + direct.workspace.truth("volumes")[0]["full_name"].replace(
        ".", "/"
    )
    direct.send("PUT", f"/api/2.0/fs/files{volume}/x/a #?%.bin", body={"a": 1})
    assert direct.status == 204
    contents = direct.every(f"/api/2.0/fs/directories{volume}/x", "contents")
    assert [entry["path"] for entry in contents] == [f"{volume}/x/a #?%.bin"]
    head = direct.send("HEAD", f"/api/2.0/fs/files{volume}/x/a #?%.bin")
    assert head.headers["Content-Length"] == "7"
    refused = direct.other("DELETE", f"/api/2.0/fs/directories{volume}/x")
    assert refused["error_code"] == "DIRECTORY_NOT_EMPTY"
    direct.send("DELETE", f"/api/2.0/fs/files{volume}/x/a #?%.bin")
    direct.send("DELETE", f"/api/2.0/fs/directories{volume}/x")
    assert direct.status == 204


def test_the_same_seed_makes_the_same_state(direct: Direct) -> None:
    """And another one another."""
    from asyncdbx.simulator import Simulator

    twin, other = (Simulator(1, scale=0.1, seed=seed)["prod"] for seed in (7, 8))
    for resource in ("clusters", "dbfs", "permissions", "tables"):
        assert twin.truth(resource) == direct.workspace.truth(resource)
        assert other.truth(resource) != direct.workspace.truth(resource)
    assert (twin.token, other.token == twin.token) == (direct.workspace.token, False)


def test_the_state_holds_what_breaks_careless_clients(direct: Direct) -> None:
    """Ids beyond 2^53, unknown fields, escapes, and names that need encoding."""
    clusters = direct.workspace.truth("clusters")
    assert min(cluster["spark_context_id"] for cluster in clusters) > 2**53
    assert [cluster for cluster in clusters if "x_future_field" not in cluster] == []
    names = str([job["settings"]["name"] for job in direct.workspace.truth("jobs")])
    assert "\\x1b[31m" in names
    files = direct.workspace.truth("dbfs")
    assert max(entry["file_size"] for entry in files) > 2**53
    paths = "".join(entry["path"] for entry in files)
    assert {"#", "?", "%", " ", "+", "&"} <= set(paths)
    assert max(entry["path"].count("/") for entry in files) > 15
