"""One version of a runtime: its parts, its text, its place among others."""

from dataclasses import dataclass
from functools import total_ordering
from math import inf
from typing import Literal, get_args

__all__ = ["FORMS", "Form", "RuntimeVersion"]

Form = Literal[
    "unknown", "custom", "policy", "alias", "dlt", "client", "light", "dbr"
]  # in the order in which they sort
FORMS: tuple[Form, ...] = get_args(Form)

PREFIXES: dict[Form, str] = {
    "light": "apache-spark-",
    "client": "client.",
    "dlt": "dlt:",
    "policy": "auto:",
    "custom": "custom:",
}
WITH_X: tuple[Form, ...] = ("dbr", "light")  # where no patch is given, x stands for it
PRERELEASES = ("snapshot", "rc")  # the one that comes first is the older

Numbers = tuple[float, ...]


@total_ordering
@dataclass(frozen=True, slots=True)
class RuntimeVersion:
    """What a ``spark_version`` says.

    Versions sort from old to new, and differ if their texts do. Numbers count first:

    - ``18.x`` is newer than any ``18.2.x``: the key of a major version alone follows its
      newest release. Point releases ended with 18.2, and what would have been 18.3 reaches
      ``18.x`` as dated updates
      (https://docs.databricks.com/aws/en/release-notes/runtime/18, 2026-11-26).
    - ``12.2.x`` is newer than any ``12.2.1``, as its last maintenance update is meant.
    - A snapshot comes before a release candidate, and that before all of its release.
    - Extended support (``esr``) was a release after the one it extends.

    Forms that are no Databricks Runtime sort before it, in the order of ``FORMS``.

    Attributes:
        form: ``dbr``, the plain runtime, ``16.4.x-photon-scala2.12``; ``light``, Databricks
            Light; ``alias``, ``latest-stable-…``; ``client``, that of serverless compute;
            ``custom``, an image by name; ``dlt``, that of a pipeline; ``policy``, an alias
            that only a policy's definition may have, ``auto:latest-lts``; ``unknown``.
        major: Number before the first point; None if the form has none.
        minor: Number behind it; None also of a major version alone, ``18.x``.
        patch: Third number, if there is one in the place of ``x``.
        tags: Words between numbers and Scala, in their order, which is not fixed.
        scala: Version of Scala, ``"2.12"``.
        dashed: Scala is spelled ``-scala-2.12``.
        name: What an alias, an image, a pipeline's release or an unknown text is called.
    """

    form: Form
    major: int | None = None
    minor: int | None = None
    patch: int | None = None
    tags: tuple[str, ...] = ()
    scala: str | None = None
    dashed: bool = False
    name: str = ""

    def __str__(self) -> str:
        """Return the text, made of the parts."""
        prefix = PREFIXES.get(self.form, "")
        patch = ".x" if self.form in WITH_X and self.patch is None else ""
        name = f"-{self.name}" if self.form == "dlt" else self.name
        tags = "".join(f"-{tag}" for tag in self.tags)
        return f"{prefix}{self.number}{patch}{name}{tags}{self._scala}"

    @property
    def number(self) -> str:
        """The numbers alone, as people write them: ``16.4``, ``18``, ``12.2.1``; or ""."""
        numbers = (self.major, self.minor, self.patch)
        return ".".join(str(number) for number in numbers if number is not None)

    @property
    def ml(self) -> bool:
        """For machine learning."""
        return "ml" in self.tags

    @property
    def gpu(self) -> bool:
        """With libraries for GPUs."""
        return "gpu" in self.tags

    @property
    def photon(self) -> bool:
        """With Photon by its key; a cluster may also ask for it by ``runtime_engine``."""
        return "photon" in self.tags

    @property
    def arm(self) -> bool:
        """For ARM processors (Graviton)."""
        return "aarch64" in self.tags

    @property
    def genomics(self) -> bool:
        """For genomics, also called health and life sciences."""
        return "hls" in self.tags

    @property
    def esr(self) -> bool:
        """The release of extended support."""
        return "esr" in self.tags

    @property
    def prerelease(self) -> bool:
        """A snapshot or a release candidate."""
        return any(tag in self.tags for tag in PRERELEASES)

    @property
    def age(self) -> tuple[int, Numbers]:
        """What makes a version older or newer, whatever its tags and its Scala."""
        stage = next(
            (n for n, tag in enumerate(PRERELEASES) if tag in self.tags), len(PRERELEASES)
        )
        numbers = (self.major or 0, _or_newest(self.minor), stage, _or_newest(self.patch))
        return FORMS.index(self.form), (*numbers, self.esr)

    def __lt__(self, other: "RuntimeVersion") -> bool:
        """Return whether this is the older one."""
        return self._order < other._order

    @property
    def _order(self) -> tuple[tuple[int, Numbers], Numbers, str]:
        scala = tuple(float(part) for part in (self.scala or "").split(".") if part)
        return self.age, scala, str(self)

    @property
    def _scala(self) -> str:
        if self.scala is None:
            return ""
        return f"-scala-{self.scala}" if self.dashed else f"-scala{self.scala}"


def _or_newest(number: int | None) -> float:
    return inf if number is None else number
