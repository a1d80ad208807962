"""Names that somebody may give a workspace, and that mean something to somebody else."""

__all__ = ["NAMES"]

NAMES = [
    "prod",
    "it's",
    "a b",
    "a/b",
    "a=b",
    "100%",
    "a%2Fb",
    "ü漢😀",
    "back\\slash",
    '"q"',
]
NAMES += ["..", "*?", "new\nline", "UPPER", "upper", "__HIVE_DEFAULT_PARTITION__", "null"]
NAMES += ["'; DROP TABLE jobs --", "#1", " lead", "trail ", "7", "2026-11-23", "true"]
