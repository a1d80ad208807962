"""``python -m asyncdbx.catalog.generate [--sdk-path DIR] [-o FILE]``."""

import argparse
import sys
from pathlib import Path

from asyncdbx.catalog.generate.build import catalog_of, render
from asyncdbx.catalog.generate.sdk import Sdk, locate

DEFAULT_OUTPUT = Path(__file__).parent.parent / "endpoints.json"


def main() -> None:
    """Read the SDK, write the file, say what was found."""
    parser = argparse.ArgumentParser(
        prog="python -m asyncdbx.catalog.generate",
        description="Write endpoints.json from the source of a databricks-sdk >= 0.150.",
    )
    parser.add_argument(
        "--sdk-path",
        type=Path,
        metavar="DIR",
        help="folder that holds databricks/sdk (default: the installed package)",
    )
    parser.add_argument("-o", type=Path, default=DEFAULT_OUTPUT, metavar="FILE")
    options = parser.parse_args()
    try:
        catalog = catalog_of(Sdk.read(locate(options.sdk_path)))
    except (FileNotFoundError, ValueError) as error:
        sys.exit(str(error))
    options.o.write_text(render(catalog), encoding="utf-8")
    count = len(catalog["workspace"]) + len(catalog["account"])
    sys.stderr.write(
        f"{options.o}: {count} endpoints of databricks-sdk {catalog['sdk_version']}\n"
    )


if __name__ == "__main__":
    main()
