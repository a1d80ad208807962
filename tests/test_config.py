"""Which workspaces a run takes, from which file or environment, or why it cannot."""

import traceback
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pytest

from asyncdbx.config import Basic, Pat, Secret, WorkspaceConfig, redact, resolve
from asyncdbx.config.netrc_file import find_entry
from asyncdbx.errors import ConfigError

A = "https://a.cloud.databricks.com"
B = "https://b.cloud.databricks.com"
PROD = f"[prod]\nhost = {A}\ntoken = t-a\n"
DEV = f"[dev]\nhost = {B}\ntoken = t-b\n"
ENV = {"DATABRICKS_HOST": B, "DATABRICKS_TOKEN": "t-env"}
ENV_HOST = {"DATABRICKS_HOST": B}
NETRC = "machine b.cloud.databricks.com login token password t-netrc\n"
CANARY = "dapiCANARY0123456789"


@pytest.fixture(autouse=True)
def no_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The official SDK is not installed."""
    monkeypatch.setattr("asyncdbx.config.login.sdk_is_installed", lambda: False)


def chosen(
    home: Path,
    file: str | bytes | None = None,
    *profiles: str,
    env: Mapping[str, str] | None = None,
    all_profiles: bool = False,
    netrc: str | None = None,
) -> list[WorkspaceConfig]:
    """Return what ``resolve`` makes of a home folder with these files."""
    if file is not None:
        data = file if isinstance(file, bytes) else file.encode()
        (home / ".databrickscfg").write_bytes(data)
    if netrc is not None:
        (home / ".netrc").write_text(netrc)
    return resolve(
        profiles,
        all_profiles=all_profiles,
        netrc=netrc is not None,
        environ=env or {},
        home=home,
    )


def login(config: WorkspaceConfig) -> str:
    """Return the login in the form ``t-a`` or ``user:password``."""
    match config.login:
        case Pat(token):
            return token.reveal()
        case Basic(username, password):
            return f"{username}:{password.reveal()}"
        case other:
            raise AssertionError(other)


@pytest.mark.parametrize(
    ("file", "profiles", "env", "expected"),
    [
        (PROD, ["prod"], {}, [("prod", A, "t-a")]),
        (PROD + DEV, ["dev", "prod"], {}, [("dev", B, "t-b"), ("prod", A, "t-a")]),
        (PROD + DEV, ["dev", "dev"], {}, [("dev", B, "t-b")]),
        (PROD, ["prod"], ENV, [("prod", A, "t-a")]),
        (PROD, ["prod"], {"DATABRICKS_CONFIG_PROFILE": "x"}, [("prod", A, "t-a")]),
        (PROD + PROD.replace("prod", "same"), ["prod", "same"], {},
         [("prod", A, "t-a"), ("same", A, "t-a")]),
        (PROD.replace("prod", "DEFAULT"), [], {}, [("DEFAULT", A, "t-a")]),
        (PROD.replace("prod", "DEFAULT"), ["DEFAULT"], {}, [("DEFAULT", A, "t-a")]),
        (PROD.replace("prod", "DEFAULT"), [], ENV, [("b", B, "t-env")]),
        (PROD, [], ENV | {"DATABRICKS_CONFIG_PROFILE": "prod"}, [("b", B, "t-env")]),
        (PROD + DEV, [], {"DATABRICKS_CONFIG_PROFILE": "dev"}, [("dev", B, "t-b")]),
        (PROD + DEV + "[__settings__]\ndefault_profile = dev\n", [], {},
         [("dev", B, "t-b")]),
        (PROD + DEV + "[__settings__]\ndefault_profile = dev\n", [],
         {"DATABRICKS_CONFIG_PROFILE": "prod"}, [("prod", A, "t-a")]),
        (None, [], ENV, [("b", B, "t-env")]),
        (None, [], ENV | {"DATABRICKS_TOKEN": " t-env\r\n"}, [("b", B, "t-env")]),
        (None, [], {"DATABRICKS_HOST": "http://127.0.0.1:80", "DATABRICKS_TOKEN": "t"},
         [("127.0.0.1", "http://127.0.0.1", "t")]),
        (None, [], {"DATABRICKS_HOST": "http://[::1]:8", "DATABRICKS_TOKEN": "t"},
         [("::1", "http://[::1]:8", "t")]),
        (None, [], ENV_HOST | {"DATABRICKS_USERNAME": "u", "DATABRICKS_PASSWORD": "p w"},
         [("b", B, "u:p w")]),
        (f"[p]\nHOST : {A}\nToken : t-a\n", ["p"], {}, [("p", A, "t-a")]),
        (f"[p]\r\nhost={A}\r\ntoken=t-a\r\n", ["p"], {}, [("p", A, "t-a")]),
        (f"# c\n; c\n[p]\n# c\nhost = {A}\ntoken = t%a#b;c\"'\nunknown = 1\n", ["p"], {},
         [("p", A, "t%a#b;c\"'")]),
        (f"[p]\nhost = {A}\nauth_type = basic\ntoken = t\nusername = u\npassword = p\n",
         ["p"], {}, [("p", A, "u:p")]),
        (PROD + "auth_type = pat\nusername = u\npassword = p\n", ["prod"], {},
         [("prod", A, "t-a")]),
        (PROD + "auth_type = pat\nclient_id = c\n", ["prod"], {}, [("prod", A, "t-a")]),
        (f"[höfe]\nhost = {A}\ntoken = t\n", ["höfe"], {}, [("höfe", A, "t")]),
    ],
)  # fmt: skip
def test_one_place_says_everything(
    tmp_path: Path,
    file: str | None,
    profiles: list[str],
    env: dict[str, str],
    expected: list[tuple[str, str, str]],
) -> None:
    """Named profiles, else the environment, else the default profile; never a mixture."""
    found = chosen(tmp_path, file, *profiles, env=env)

    assert [(c.name, c.host, login(c)) for c in found] == expected


@pytest.mark.parametrize(
    ("file", "profiles", "env", "message"),
    [
        (PROD, ["prdo"], {}, ".databrickscfg has no profile 'prdo'; did you mean 'prod'?"),
        (PROD.replace("prod", "DEFAULT"), ["default"], {}, "did you mean 'DEFAULT'?"),
        (PROD, ["__settings__"], {}, "'__settings__'; that name is reserved"),
        (PROD, [""], {}, "~/.databrickscfg has no profile ''"),
        (PROD, [], {"DATABRICKS_CONFIG_PROFILE": "nope"}, "has no profile 'nope'"),
        ("[__settings__]\ndefault_profile = nope\n", [], {}, "has no profile 'nope'"),
        (None, ["prod"], {}, "~/.databrickscfg does not exist, so there are no profiles"),
        (None, ["prod"], ENV, "~/.databrickscfg does not exist"),
        (None, [], {}, "give a profile of ~/.databrickscfg ([DEFAULT], or any with -p "),
        (None, [], {}, "or set DATABRICKS_HOST and DATABRICKS_TOKEN, or set DATABRICKS_H"),
        (None, [], {}, " and use --netrc"),
        (PROD, [], {}, "no workspace was named and there is no default one"),
        ("[DEFAULT]\n", [], {}, "no workspace was named and there is no default one"),
        ("", [], {"DATABRICKS_HOST": " "}, "no workspace was named"),
        (PROD, [], ENV_HOST, "environment: there is no login; give DATABRICKS_TOKEN, or "),
        (PROD, [], ENV_HOST, "[sdk]'; the environment and a profile are never mixed"),
        (PROD, [], {"DATABRICKS_TOKEN": "t"}, "environment: DATABRICKS_HOST is not set;"),
        (PROD, [], ENV_HOST | {"DATABRICKS_CONFIG_PROFILE": "prod"}, "are never mixed"),
        ("[DEFAULT]\nhost = a.b\n[p]\ntoken = t\n", ["p"], {},
         "profile p of ~/.databrickscfg: host is not set"),
        ("[DEFAULT]\ntoken = t\n[p]\nhost = a.b\n", ["p"], ENV,
         "p of ~/.databrickscfg: there is no login; give token, or client_id and client_s"),
        (f"[p]\nhost = {A}\nusername = u\n", ["p"], {},
         "login kind basic is not complete, password is not set"),
        (f"[p]\nhost = {A}\nauth_type = databricks-cli\n", ["p"], {},
         "p of ~/.databrickscfg: login kind databricks-cli is done by the official SDK;"),
        (PROD + "auth_type = azure-cli\n", ["prod"], {},
         "login kind azure-cli is done by the official SDK; pip install 'asyncdbx[sdk]'"),
        (PROD + "auth_type = token\n", ["prod"], {}, "auth_type 'token' is no kind of lo"),
        (f"[p]\nhost = {A}\nauth_type = pat\nusername = u\npassword = p\n", ["p"], {},
         "login kind pat is not complete, token is not set"),
        (f"[p]\nhost = {A}\nclient_id = c\n", ["p"], {},
         "login kind oauth-m2m is not complete, client_secret is not set"),
        (f"[p]\nhost={A}\nclient_id=c\nclient_secret=s\ndiscovery_url=http://x.y/z\n",
         ["p"], {}, "p of ~/.databrickscfg: discovery_url http:// is only for this m"),
        (f"[p]\nhost = {A}\nclient_id = c\nclient_secret = s\ndiscovery_url = x.y\n",
         ["p"], {}, "discovery_url must be a whole address, https://"),
        (f"[p]\nhost = {A}\nauth_type = file-oidc\n", ["p"], {},
         "login kind file-oidc is not complete, oidc_token_filepath is not set"),
        (f"[p]\nhost = {A}\nauth_type = azure-client-secret\n", ["p"], {},
         "is not complete, azure_client_id and azure_client_secret are not set"),
        (PROD + "client_id = c\nclient_secret = s\n", ["prod"], {},
         "profile prod of ~/.databrickscfg: client_id and token belong to different logi"),
        (None, [], ENV | {"ARM_CLIENT_ID": "stray"},
         "environment: ARM_CLIENT_ID and DATABRICKS_TOKEN belong to different logins; rem"),
        (None, [], ENV | {"ARM_CLIENT_ID": "stray"}, "or set DATABRICKS_AUTH_TYPE"),
        (f"[p]\nhost = {A}\nazure_use_msi = maybe\n", ["p"], {}, "azure_use_msi must be t"),
        (f"[p]\nhost={A}\nazure_client_id=c\nazure_client_secret=s\nazure_tenant_id=/\n",
         ["p"], {}, "azure_tenant_id is no tenant's id or domain"),
        (f"[p]\nhost = {A}\nazure_use_msi=1\nazure_workspace_resource_id=x\n",
         ["p"], {}, "azure_workspace_resource_id must be a path, /subscriptions/"),
        (f"[p]\nhost = {A}\nazure_use_msi=1\nazure_environment = MARS\n", ["p"], {},
         "azure_environment must be PUBLIC, USGOVERNMENT or CHINA"),
        (PROD + "group_id = g\n", ["prod"], {},
         "login kind pat cannot take the role of a group; remove group_id, or use Datab"),
        (f"[p]\nhost = {A}\nazure_tenant_id = c\n", ["p"], {}, "login kind azure-cli"),
        (f"[p]\nhost = {A}\ngoogle_service_account = c\n", ["p"], {}, "kind google-id"),
        (None, [], ENV_HOST | {"ARM_CLIENT_SECRET": "s"},
         "environment: login kind azure-client-secret is not complete, ARM_CLIENT_ID is"),
        (PROD + "token = u\n", ["prod"], {},
         "~/.databrickscfg, line 4: profile 'prod' has a second 'token'"),
        (PROD + PROD, ["prod"], {},
         "~/.databrickscfg, line 4: there is a second profile 'prod'"),
        ("[DEFAULT]\n[DEFAULT]\n", [], {}, "line 2: there is a second profile 'DEFAULT'"),
        ("host = a.b\n" + PROD, ["prod"], {}, "line 1: a [profile] line must come first"),
        (PROD + "[dev\n", ["prod"], {}, "line 4: neither a [profile] nor a key = value"),
        ("\ufeff" + PROD, ["prod"], {}, "~/.databrickscfg, line 1: the file starts with a"),
        (PROD.encode("utf-16"), ["prod"], {}, "line 1: the file starts with a byte order"),
        (b"[p]\nhost=a.b\ntoken=\xff\n", ["p"], {}, "line 3: the file is not UTF-8"),
        (PROD.replace("t-a", "t-a # comment"), ["prod"], {},
         "profile prod of ~/.databrickscfg: token has a blank, a line break or a charact"),
        (PROD.replace("t-a", "t-a ; x"), ["prod"], {}, "(a comment must stand on a line "),
        (PROD + "  more\n", ["prod"], {}, "token has a blank, a line break"),
        (PROD.replace("t-a", "t-ä"), ["prod"], {}, "token has a blank, a line break"),
        (None, [], ENV | {"DATABRICKS_TOKEN": "t\r\nX-Evil: 1"},
         "environment: DATABRICKS_TOKEN has a blank, a line break"),
        (None, [], ENV_HOST | {"DATABRICKS_USERNAME": "u:v", "DATABRICKS_PASSWORD": "p"},
         "environment: a user name has no colon"),
        (PROD + "workspace_id = 1\\n2 3\n", ["prod"], {}, "workspace_id has a blank"),
        (f"[p]\nhost = {A}/?o=7\nworkspace_id = 8\ntoken = t\n", ["p"], {},
         "workspace_id is not the one that host names"),
        (f"[p]\nhost = {A}/?o=7%0d%0aX:1\ntoken = t\n", ["p"], {}, "workspace_id has a"),
        ("[p]\nhost = accounts.cloud.databricks.com\ntoken = t\n", ["p"], {},
         "an account's host needs account_id"),
        ("[p]\nhost = http://a.b\ntoken = t\n", ["p"], {},
         "host http:// is only for this machine; write https://a.b"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_says_where_and_why(
    tmp_path: Path,
    file: str | bytes | None,
    profiles: list[str],
    env: dict[str, str],
    message: str,
) -> None:
    """One sentence: the file or the environment, the profile, the setting, the way out."""
    with pytest.raises(ConfigError) as caught:
        chosen(tmp_path, file, *profiles, env=env)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_profiles_are_those_with_a_host(tmp_path: Path) -> None:
    """The reserved section and profiles that only hold other settings are left out."""
    file = "[__settings__]\nhost = x\n[DEFAULT]\ncluster_id = 1\n[empty]\nhost =\n"

    found = chosen(tmp_path, file + PROD + DEV, "dev", all_profiles=True)

    assert [c.name for c in found] == ["dev", "prod"]


def test_all_profiles_of_none(tmp_path: Path) -> None:
    """A file without a usable profile is an error, not an empty fleet."""
    with pytest.raises(ConfigError, match="has no profile with a host"):
        chosen(tmp_path, "[p]\ntoken = t\n", all_profiles=True)


def test_all_unusable_profiles_are_listed(tmp_path: Path) -> None:
    """Nothing is left out silently, and the user need not come back once per mistake."""
    file = PROD + f"[p]\nhost = {A}\n[q]\nhost = {A}\nauth_type = azure-cli\n"

    with pytest.raises(ConfigError) as caught:
        chosen(tmp_path, file, all_profiles=True)

    first, *rest = str(caught.value).splitlines()
    assert first == "2 profiles cannot be used"
    assert [line.partition(";")[0] for line in rest] == [
        "  profile p of ~/.databrickscfg: there is no login",
        "  profile q of ~/.databrickscfg: login kind azure-cli is done by the official SDK",
    ]


def test_config_file_elsewhere(tmp_path: Path) -> None:
    """DATABRICKS_CONFIG_FILE replaces the file, and errors and origins name it."""
    (tmp_path / "other.ini").write_text(PROD)
    env = {"DATABRICKS_CONFIG_FILE": "~/other.ini"}

    found = chosen(tmp_path, DEV, "prod", env=env)

    assert [c.origin for c in found] == ["profile prod of ~/other.ini"]
    with pytest.raises(ConfigError, match=r"^/nowhere/x does not exist"):
        chosen(tmp_path, DEV, "dev", env={"DATABRICKS_CONFIG_FILE": "/nowhere/x"})


def test_a_folder_instead_of_a_file(tmp_path: Path) -> None:
    """What the operating system says is passed on."""
    (tmp_path / ".databrickscfg").mkdir()

    with pytest.raises(ConfigError, match=r"^~/\.databrickscfg cannot be read: Is a dir"):
        chosen(tmp_path, None, "prod")


@pytest.mark.parametrize(
    ("file", "env", "netrc", "expected"),
    [
        (None, ENV_HOST, NETRC, "t-netrc"),
        (None, ENV, NETRC, "t-env"),
        (f"[DEFAULT]\nhost = {B}\n", {}, NETRC, "t-netrc"),
        (f"[DEFAULT]\nhost = {B}\nauth_type = pat\n", {}, NETRC, "t-netrc"),
        (f"[DEFAULT]\nhost = {B}\nusername = ann\n", {}, NETRC, "t-netrc"),
        (None, ENV_HOST, NETRC.replace("token", "ann"), "ann:t-netrc"),
        (None, ENV_HOST, "default login token password d\n" + NETRC, "d"),
        (None, ENV_HOST, NETRC.replace("b.cloud", "B.Cloud"), "t-netrc"),
        (None, ENV_HOST, NETRC + NETRC.replace("t-netrc", "second"), "t-netrc"),
        (None, ENV_HOST, "machine x login token password t-x\n" + NETRC, "t-netrc"),
        (None, ENV_HOST, NETRC.replace(" ", "\n  "), "t-netrc"),
        (None, ENV_HOST, NETRC.replace("login", "port 1 account x LOGIN"), "t-netrc"),
        (None, ENV_HOST, "# machine\n" + NETRC + "# more", "t-netrc"),
        (None, ENV_HOST, "macdef m\nmachine b\npassword\n\n" + NETRC, "t-netrc"),
        (None, ENV_HOST, NETRC.replace("t-netrc", r'"p \"w\t"').replace("token", "ann"),
         None),
        (None, ENV_HOST, NETRC.replace("t-netrc", r'"p \"w"').replace("token", "ann"),
         'ann:p "w'),
    ],
)  # fmt: skip
def test_netrc_fills_in_a_missing_login(
    tmp_path: Path, file: str | None, env: dict[str, str], netrc: str, expected: str | None
) -> None:
    """As curl -n: the first entry of the host; login ``token`` means an access token."""
    if expected is None:
        with pytest.raises(ConfigError, match="line break or control character"):
            chosen(tmp_path, file, env=env, netrc=netrc)
        return

    [config] = chosen(tmp_path, file, env=env, netrc=netrc)

    assert (config.host, login(config)) == (B, expected)


@pytest.mark.parametrize(
    ("netrc", "message"),
    [
        ("machine x login l password p", "~/.netrc has no entry 'machine b.cloud"),
        ("login token password t", "~/.netrc has no entry"),
        (NETRC.replace("t-netrc", ""), "needs a login and a password"),
        ("machine b.cloud.databricks.com login token", "needs a login and a password"),
        (
            NETRC.replace("t-netrc", '"open'),
            "~/.netrc, line 1: a quoted value is not closed",
        ),
        (NETRC.replace("t-netrc", '"a b"'), "machine b.cloud.databricks.com: password has"),
        ("\ufeff" + NETRC, "~/.netrc, line 1: the file starts with a byte order mark"),
    ],
)
def test_netrc_that_does_not_help(tmp_path: Path, netrc: str, message: str) -> None:
    """It says what is wrong without repeating words of the file."""
    with pytest.raises(ConfigError, match=message):
        chosen(tmp_path, env=ENV_HOST, netrc=netrc)


def test_where_netrc_is_looked_for(tmp_path: Path) -> None:
    """A path that was given, else $NETRC, else the home folder; it has to be there."""
    other = tmp_path / "other"
    other.write_text(NETRC)
    named = ENV_HOST | {"NETRC": str(other)}

    for netrc, env in ((other, ENV_HOST), (True, named)):
        [config] = resolve([], netrc=netrc, environ=env, home=tmp_path)
        assert config.origin == "environment, login of ~/other"
    with pytest.raises(ConfigError, match=r"^~/\.netrc does not exist; --netrc needs it$"):
        resolve([], netrc=True, environ=ENV_HOST, home=tmp_path)


def test_ids_come_from_the_settings_or_the_address(tmp_path: Path) -> None:
    """Both places may say the same; the ids of the environment belong to it alone."""
    file = f"[p]\nhost = {A}/?o=7\nworkspace_id = 7\naccount_id = u\ntoken = t\n{DEV}"
    env = {"DATABRICKS_ACCOUNT_ID": "e", "DATABRICKS_WORKSPACE_ID": "9"}

    found = [*chosen(tmp_path, file, "p", "dev", env=env), *chosen(tmp_path, env=ENV | env)]

    ids = [(c.account_id, c.workspace_id) for c in found]
    assert ids == [("u", "7"), (None, None), ("e", "9")]


@pytest.mark.parametrize(
    "file",
    [
        f"[p]\nhost = {A}\ntoken = {CANARY}\n",
        f"[p]\nhost = {A}\nusername = u\npassword = {CANARY}\n",
        f"[p]\nhost = {CANARY}\ntoken = {A}\n",
        f"[p]\nhost = https://u:{CANARY}@a.b\ntoken = t\n",
        f"[p]\nhost = https://[{CANARY}\ntoken = t\n",
        f"[p]\nhost = {A}\ntoken = {CANARY} {CANARY}\n",
        f"[p]\nhost = {A}\nusername = a:b\npassword = {CANARY}\n",
        f"[p]\nhost = {A}\nclient_id = c\nclient_secret = {CANARY}\n",
        f"[p]\nhost = {A}\nazure_client_id = c\nazure_client_secret = {CANARY}\n",
        f"[p]\nhost = {A}\ngoogle_credentials = {CANARY}\n",
        f"[p]\nhost = {A}\ntoken = t\nworkspace_id = {CANARY} x\n",
        f"[p]\nhost = {A}\n{CANARY}\n",
        f"{CANARY}\n[p]\nhost = {A}\n",
        f"[p]\nhost = {A}\ntoken = t\ntoken = {CANARY}\n",
        f"[p]\nhost = {A}\ntoken = {CANARY}\nx = ".encode() + b"\xff\n",
    ],
)
def test_no_secret_is_ever_seen(tmp_path: Path, file: str | bytes) -> None:
    """Neither what is returned nor an error with its whole traceback shows a value."""
    try:
        [config] = chosen(tmp_path, file, "p")
        seen = f"{config} {config!r} {asdict(config)}"
    except ConfigError as error:
        seen = "".join(traceback.format_exception(error))

    source = Path(__file__).name
    lines = [line for line in seen.splitlines() if source not in line]
    assert CANARY.lower() not in "\n".join(lines).lower()


def test_no_secret_of_netrc_is_ever_seen(tmp_path: Path) -> None:
    """The entry hides its password from repr, str and format."""
    path = tmp_path / "n"
    path.write_text(f"default login ann password {CANARY}")

    entry = find_entry(path, "n", "a.b")

    assert entry.password == CANARY
    assert f"{entry} {entry!r}" == " ".join(["NetrcEntry(login='ann', password=***)"] * 2)


def test_secret() -> None:
    """A secret shows stars, gives its value when asked, and compares by value."""
    secret = Secret(CANARY)

    assert [repr(secret), str(secret), f"{secret}", f"{secret:>20}"] == ["***"] * 4
    assert secret.reveal() == CANARY
    assert secret == Secret(CANARY)
    assert len({secret, Secret(CANARY), Secret("other")}) == 2
    assert secret != CANARY


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("token t-1 and t-1", ["t-1"], "token *** and ***"),
        ("t-12 t-1", ["t-1", "t-12"], "*** ***"),
        ("nothing", ["t"], "no***hing"),
        ("nothing", ["", "x"], "nothing"),
        ("sent dapi-0123456789abcde", ["dapi-0123456789abcdef"], "sent ***"),
        ("dapi-0123456xyz dapi-012345", ["dapi-0123456789"], "***xyz dapi-012345"),
        ("nothing", [], "nothing"),
    ],
)
def test_redact(text: str, values: list[str], expected: str) -> None:
    """Every occurrence goes, the longest value first, one that was cut off too."""
    assert redact(text, map(Secret, values)) == expected
