"""The profile file that all Databricks tools share, read as the SDK for Python reads it.

Keys are case-insensitive, profile names are not. ``:`` separates like ``=``. A value
keeps ``%``, ``#``, ``;`` and quotes: a comment stands on its own line. No profile takes
anything from ``[DEFAULT]``. Only stricter than the SDK: ``[DEFAULT]`` twice is an error,
as it is for every other name.
"""

import configparser
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from asyncdbx.config.files import read_text
from asyncdbx.config.settings import Settings
from asyncdbx.errors import ConfigError

DEFAULT = "DEFAULT"
RESERVED = "__settings__"

_ERRORS = (
    configparser.DuplicateSectionError,
    configparser.DuplicateOptionError,
    configparser.ParsingError,
)


@dataclass(frozen=True, slots=True)
class ProfileFile:
    """All profiles of one file.

    Attributes:
        name: What errors call the file.
        path: Where it is.
        profiles: Profile to its settings, in the file's order.
        default_profile: The profile that ``[__settings__]`` names; empty if none.
    """

    name: str
    path: Path
    profiles: Mapping[str, Mapping[str, str]] = field(repr=False)
    default_profile: str = ""

    def settings(self, profile: str) -> Settings:
        """Return what the file says about ``profile``.

        Raises:
            ConfigError: There is no such profile.
        """
        if profile not in self.profiles:
            raise ConfigError(
                f"{self.name} has no profile {profile!r}{self._near(profile)}"
            )
        return Settings(
            name=profile,
            origin=f"profile {profile} of {self.name}",
            values=self.profiles[profile],
            file=str(self.path),
        )

    def with_host(self) -> list[str]:
        """Return the profiles that name a host, in the file's order."""
        return [name for name, keys in self.profiles.items() if keys.get("host")]

    def _near(self, profile: str) -> str:
        if profile == RESERVED:
            return "; that name is reserved for the settings of the tools"
        by_lower = {name.lower(): name for name in self.profiles}
        near = get_close_matches(profile.lower(), by_lower, n=1)
        return f"; did you mean {by_lower[near[0]]!r}?" if near else ""


def read_profiles(path: Path, name: str) -> ProfileFile | None:
    """Read a profile file; None if there is none.

    Raises:
        ConfigError: It cannot be read or is no INI file. The error names the line, but
            does not repeat it, because it may hold a token.
    """
    text = read_text(path, name)
    if text is None:
        return None
    sections = _sections(text, name)
    reserved = sections.pop(RESERVED, {})
    return ProfileFile(name, path, sections, reserved.get("default_profile", ""))


def _sections(text: str, name: str) -> dict[str, dict[str, str]]:
    # No section can be called "", so [DEFAULT] is one like the others.
    parser = configparser.RawConfigParser(default_section="")
    try:
        parser.read_string(text)
    except _ERRORS as error:
        problem = _problem(error)
    else:
        return {section: dict(parser.items(section)) for section in parser.sections()}
    # Raised out here, because the parser's error carries the line it stumbled over.
    raise ConfigError(f"{name}, {problem}")


def _problem(
    error: configparser.DuplicateSectionError
    | configparser.DuplicateOptionError
    | configparser.ParsingError,
) -> str:
    match error:
        case configparser.DuplicateSectionError(section=section, lineno=line):
            return f"line {line}: there is a second profile {section!r}"
        case configparser.DuplicateOptionError(section=section, option=key, lineno=line):
            return f"line {line}: profile {section!r} has a second {key!r}"
        case configparser.MissingSectionHeaderError(lineno=line):
            return f"line {line}: a [profile] line must come first"
        case _:
            line, _ = error.errors[0]
            return f"line {line}: neither a [profile] nor a key = value line"
