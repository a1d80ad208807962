"""A runtime as a workspace offers it: a key, and a name that says what the key does not."""

import re
from dataclasses import dataclass
from functools import cached_property

from asyncdbx.runtime_version.parsing import parse
from asyncdbx.runtime_version.version import RuntimeVersion

__all__ = ["Runtime"]

_SPARK = re.compile(r"Apache Spark ([0-9]+(?:\.[0-9]+)*)")
_WORD = re.compile(r"[A-Za-z0-9]+")


@dataclass(frozen=True)
class Runtime:
    """One of the versions that ``clusters.spark_versions`` answers.

    Whether it is LTS or Beta, and its Spark, only the name tells; whether it is for ARM
    only the key. Of the rest they tell the same, and either of them is enough.

    Attributes:
        key: What a cluster's ``spark_version`` may be.
        name: What the workspace shows,
            ``"14.3 LTS ML (includes Apache Spark 3.5.0, GPU, Scala 2.12)"``.
    """

    key: str
    name: str = ""

    @cached_property
    def version(self) -> RuntimeVersion:
        """The key's version."""
        return parse(self.key)

    @cached_property
    def spark(self) -> str | None:
        """Version of Apache Spark, ``"3.5.0"``."""
        found = _SPARK.search(self.name)
        return None if found is None else found[1]

    @property
    def lts(self) -> bool:
        """Under long-term support, or under the extended one of 6.4."""
        return "LTS" in self._words or self.version.esr

    @property
    def beta(self) -> bool:
        """A Beta by its name, a snapshot or a release candidate by its key."""
        return "Beta" in self._words or self.version.prerelease

    @property
    def ml(self) -> bool:
        """For machine learning."""
        return self.version.ml or "ML" in self._words

    @property
    def gpu(self) -> bool:
        """With libraries for GPUs."""
        return self.version.gpu or "GPU" in self._words

    @property
    def photon(self) -> bool:
        """With Photon of its own; a cluster may add it by its ``runtime_engine``."""
        return self.version.photon or "Photon" in self._words

    @property
    def arm(self) -> bool:
        """For ARM processors (Graviton)."""
        return self.version.arm

    @property
    def genomics(self) -> bool:
        """For genomics."""
        return self.version.genomics or "Genomics" in self._words

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(_WORD.findall(self.name))
