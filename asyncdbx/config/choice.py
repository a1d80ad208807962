"""Which workspaces a run takes.

The first of these that applies: the profiles that were named or all of them; the
environment, if ``DATABRICKS_HOST`` or ``DATABRICKS_TOKEN`` is set; the profile of
``DATABRICKS_CONFIG_PROFILE``; the one of ``[__settings__] default_profile``; ``DEFAULT``.

One place says everything: a profile takes nothing from the environment, and the
environment nothing from a profile. The SDKs mix them, and so can send the token of one
workspace to the host of another.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from asyncdbx.config.files import expand, shown
from asyncdbx.config.login import Netrc
from asyncdbx.config.profiles import DEFAULT, ProfileFile, read_profiles
from asyncdbx.config.settings import AMBIENT, VARIABLES, Settings
from asyncdbx.config.workspace import WorkspaceConfig, workspace
from asyncdbx.errors import ConfigError

_ONE_PLACE = (
    "; the environment and a profile are never mixed: unset DATABRICKS_HOST and"
    " DATABRICKS_TOKEN to use the default profile, or name one with -p"
)


def resolve(
    profiles: Sequence[str],
    *,
    all_profiles: bool = False,
    netrc: bool | Path = False,
    environ: Mapping[str, str],
    home: Path,
) -> list[WorkspaceConfig]:
    """Return the chosen workspaces, each once, in the order they were named.

    Args:
        profiles: Names of profiles, from ``~/.databrickscfg`` or the file that
            ``DATABRICKS_CONFIG_FILE`` names.
        all_profiles: Also take every profile that names a host.
        netrc: Take the login of a host that comes with none from this file; True means
            ``$NETRC`` or ``~/.netrc``, as for ``curl -n``.
        environ: The environment variables.
        home: The user's home folder.

    Raises:
        ConfigError: Something cannot be used; nothing is left out silently. If several
            profiles are at fault, it says what is wrong with each.
    """
    login_file = _netrc(netrc, environ, home)
    if profiles or all_profiles:
        file = _profile_file(environ, home)
        names = [*profiles, *(file.with_host() if all_profiles else ())]
        return _each(file, names, login_file)
    return [workspace(_only(environ, home), login_file)]


def _each(
    file: ProfileFile, names: Sequence[str], netrc: Netrc | None
) -> list[WorkspaceConfig]:
    if not names:
        raise ConfigError(f"{file.name} has no profile with a host")
    found: list[WorkspaceConfig] = []
    problems: list[str] = []
    for name in dict.fromkeys(names):
        try:
            found.append(workspace(file.settings(name), netrc))
        except ConfigError as error:
            problems.append(str(error))
    if len(problems) > 1:
        problems.insert(0, f"{len(problems)} profiles cannot be used")
    if problems:
        raise ConfigError("\n  ".join(problems))
    return found


def _only(environ: Mapping[str, str], home: Path) -> Settings:
    """Return the settings of the one workspace that is meant if none is named."""
    if any(environ.get(VARIABLES[key], "").strip() for key in ("host", "token")):
        return _environment(environ)
    if name := environ.get("DATABRICKS_CONFIG_PROFILE"):
        return _profile_file(environ, home).settings(name)
    path = _profile_path(environ, home)
    file = read_profiles(path, shown(path, home))
    if file is not None and file.default_profile:
        return file.settings(file.default_profile)
    if file is not None and file.profiles.get(DEFAULT):
        return file.settings(DEFAULT)
    raise ConfigError(
        "no workspace was named and there is no default one; give a profile of"
        f" {shown(path, home)} ([{DEFAULT}], or any with -p NAME), or set DATABRICKS_HOST"
        " and DATABRICKS_TOKEN, or set DATABRICKS_HOST and use --netrc"
    )


def _environment(environ: Mapping[str, str]) -> Settings:
    # Named after its host even if DATABRICKS_CONFIG_PROFILE is set as well: results of
    # one workspace must not be filed under the name of another.
    variables = {**VARIABLES, **AMBIENT}
    values = {key: environ.get(variable, "") for key, variable in variables.items()}
    # The older name of the variable still counts.
    older = environ.get("DATABRICKS_OIDC_TOKEN_FILE", "")
    values["oidc_token_filepath"] = values["oidc_token_filepath"] or older
    return Settings("", "environment", values, variables, hint=_ONE_PLACE)


def _profile_path(environ: Mapping[str, str], home: Path) -> Path:
    return expand(environ.get("DATABRICKS_CONFIG_FILE") or "~/.databrickscfg", home)


def _profile_file(environ: Mapping[str, str], home: Path) -> ProfileFile:
    path = _profile_path(environ, home)
    file = read_profiles(path, shown(path, home))
    if file is None:
        raise ConfigError(f"{shown(path, home)} does not exist, so there are no profiles")
    return file


def _netrc(netrc: bool | Path, environ: Mapping[str, str], home: Path) -> Netrc | None:  # noqa: FBT001 - the option's value, passed on as it is
    if netrc is False:
        return None
    path = expand(environ.get("NETRC") or "~/.netrc", home) if netrc is True else netrc
    return Netrc(path, shown(path, home))
