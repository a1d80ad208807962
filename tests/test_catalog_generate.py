"""The generator of endpoints.json, on small SDKs of our own making."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from asyncdbx.catalog.generate.build import catalog_of, render
from asyncdbx.catalog.generate.sdk import Sdk, locate

CLIENT = """
class WorkspaceClient:
    @property
    def things(self) -> ThingsExt:
        return self._things
    @property
    def config(self) -> client.Config:
        return self._config
class AccountClient:
    @property
    def things(self) -> pkg_other.ThingsAPI:
        return self._things
"""
SERVICE = """
class Thing:
    id: Optional[str] = None
    size: Optional[int] = None
    tags: Optional[Dict[str, str]] = None
    @classmethod
    def from_dict(cls, d):
        return cls(id=d.get("id", None), size=_int64(d, "size"), tags=d.get("tags", None))
class ThingsAPI:
    def list(self, *, page_token: Optional[str] = None):
        query = {}
        if page_token is not None:
            query["page_token"] = page_token
        while True:
            json = self._api.do("GET", "/api/2.0/things", query=query, headers=headers)
            if "things" in json:
                for v in json["things"]:
                    yield Thing.from_dict(v)
            if "next_page_token" not in json or not json["next_page_token"]:
                return
            query["page_token"] = json["next_page_token"]
    def wait_get_thing_ready(self, id: str):
        return self.get(id)
"""
OTHER = """
class ThingsAPI:
    def get(self, id: str):
        return self._api.do("GET", f"/api/2.0/accounts/{self._api.account_id}/things/{id}")
"""


THINGS_LIST = {
    "http": "GET /api/2.0/things",
    "query": "page_token",
    "items": "things",
    "paging": {},
    "record": "things.Thing",
}


def sdk_folder(folder: Path, service: str = SERVICE) -> Path:
    """Write an SDK of two services and return the folder that holds it."""
    sdk = folder / "databricks" / "sdk"
    for name, text in {
        "version.py": '__version__ = "0.999.0"\n',
        "__init__.py": CLIENT,
        "mixins/things.py": "class ThingsExt(things.ThingsAPI): ...\n",
        "service/things.py": service,
        "service/other.py": OTHER,
    }.items():
        (sdk / name).parent.mkdir(parents=True, exist_ok=True)
        (sdk / name).write_text(text, encoding="utf-8")
    return folder


def test_the_generator_reads_an_sdk_without_importing_it(tmp_path: Path) -> None:
    """Two services of the same class name, one behind a mixin; helpers are left out."""
    generated = catalog_of(Sdk.read(locate(sdk_folder(tmp_path))))

    assert generated == {
        "sdk_version": "0.999.0",
        "records": {"things.Thing": "id size:int64"},
        "workspace": {"things.list": THINGS_LIST},
        "account": {
            "things.get": {"http": "GET /api/2.0/accounts/{account_id}/things/{id}"}
        },
    }


def test_the_file_has_one_line_per_endpoint(tmp_path: Path) -> None:
    """So that a new SDK version shows as a short diff."""
    text = render(catalog_of(Sdk.read(locate(sdk_folder(tmp_path)))))

    assert text.splitlines() == [
        "{",
        '"sdk_version": "0.999.0",',
        '"workspace": {',
        f'"things.list":{json.dumps(THINGS_LIST, separators=(",", ":"))}',
        "},",
        '"account": {',
        '"things.get":{"http":"GET /api/2.0/accounts/{account_id}/things/{id}"}',
        "},",
        '"records": {',
        '"things.Thing":"id size:int64"',
        "}",
        "}",
    ]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("query=query", "cookies=query", "unknown keyword of do"),
        ('"/api/2.0/things"', "self._path", "unknown form of a path"),
        (
            '"/api/2.0/things"',
            'f"/api/{page_token.upper()}"',
            "unknown form of a path parameter",
        ),
        ("page_token is not None:", "page_token != '':", "unknown condition"),
        (
            'query["page_token"] = json["next_page_token"]',
            "print(json)",
            "unknown form of paging",
        ),
        (
            'query["page_token"] = json["next_page_token"]',
            'query["page_token"] = json.token',
            "unknown form of paging",
        ),
        ('query["page_token"] = page_token', 'x["page_token"] = 1', "unknown place"),
        ("query = {}\n", "query = {}\n        body = Body()\n", "unknown form of a body"),
    ],
)
def test_an_unknown_form_is_an_error_that_names_the_method(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    """A later SDK with other code must not give a catalog with silent gaps."""
    assert before in SERVICE
    sdk = Sdk.read(locate(sdk_folder(tmp_path, SERVICE.replace(before, after))))

    with pytest.raises(
        ValueError, match=rf"databricks-sdk 0\.999\.0, things\.list: {message}"
    ):
        catalog_of(sdk)


def test_no_sdk_is_said_plainly(tmp_path: Path) -> None:
    """With what to install."""
    with pytest.raises(FileNotFoundError, match=r"pip install 'databricks-sdk>=0\.150'"):
        locate(tmp_path)


def test_the_command_writes_the_file(tmp_path: Path) -> None:
    """And says how many endpoints of which version."""
    target = tmp_path / "out.json"
    command = [sys.executable, "-m", "asyncdbx.catalog.generate"]
    options = ["--sdk-path", str(sdk_folder(tmp_path)), "-o", str(target)]

    run = subprocess.run(  # noqa: S603 - our own interpreter
        [*command, *options], capture_output=True, text=True, check=True
    )

    assert run.stderr == f"{target}: 2 endpoints of databricks-sdk 0.999.0\n"
    assert target.read_text("utf-8").startswith('{\n"sdk_version": "0.999.0",')


def test_the_command_without_an_sdk_fails_in_one_sentence(tmp_path: Path) -> None:
    """No traceback."""
    command = [
        sys.executable,
        "-m",
        "asyncdbx.catalog.generate",
        "--sdk-path",
        str(tmp_path),
    ]

    run = subprocess.run(  # noqa: S603 - our own interpreter
        command, capture_output=True, text=True, check=False
    )

    assert run.returncode == 1
    assert run.stderr.startswith(f"no databricks-sdk under {tmp_path}")
    assert run.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("version.py", "VERSION = 1\n", r"version\.py holds no __version__"),
        ("__init__.py", "class WorkspaceClient: ...\n", "holds no AccountClient"),
    ],
)
def test_something_else_than_an_sdk_is_refused(
    tmp_path: Path, file: str, text: str, message: str
) -> None:
    """The file that is not as it should be is named."""
    folder = locate(sdk_folder(tmp_path))
    (folder / file).write_text(text, "utf-8")

    with pytest.raises(ValueError, match=message):
        Sdk.read(folder)


def test_a_record_that_cannot_be_decoded_has_no_fields(tmp_path: Path) -> None:
    """The listing itself stays."""
    service = SERVICE.replace("def from_dict", "def something_else")

    generated = catalog_of(Sdk.read(locate(sdk_folder(tmp_path, service))))

    assert generated["records"] == {}
    assert generated["workspace"]["things.list"]["items"] == "things"
