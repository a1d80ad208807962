"""Serve a simulated fleet until SIGINT or SIGTERM: ``python -m asyncdbx.simulator``.

Prints nothing but the ready profile file, and that only without ``--config-out``. The
``--ready-file`` appears, whole, once every port is open: JSON with the control URL and, by
workspace, host, token, the service principal's secret and (of the account) account id;
with ``--identity`` also where Entra, IMDS and GitHub are played.
"""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import orjson

from asyncdbx.simulator.fleet import Simulator
from asyncdbx.simulator.generated import Size
from asyncdbx.simulator.host import Fuse
from asyncdbx.simulator.workspace import SimulatedWorkspace

T = TypeVar("T")


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse arguments and serve."""
    parser = _parser()
    options = parser.parse_args(arguments)
    fleet = _simulator(options)
    names = [workspace.name for workspace in fleet.everyone]
    for name in _named(options):
        if name not in names:
            parser.error(f"there is no workspace '{name}', only {', '.join(names)}")
    _set_up(fleet, options)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(fleet, options))


def _loop_factory() -> "type[asyncio.AbstractEventLoop] | None":
    try:
        import uvloop  # noqa: PLC0415 - there is none on Windows
    except ImportError:
        return None
    return uvloop.Loop


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m asyncdbx.simulator", description=__doc__
    )
    parser.add_argument("--workspaces", type=int, default=5, metavar="N")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--no-account", action="store_true")
    parser.add_argument("--no-limits", action="store_true")
    parser.add_argument("--limiter", choices=["sliding", "bucket"], default="sliding")
    parser.add_argument(
        "--retry-after", choices=["seconds", "none", "date"], default="seconds"
    )
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--no-gzip", action="store_true")
    parser.add_argument("--speed", type=float, default=60.0, help="of clusters and runs")
    parser.add_argument("--config-out", type=Path, metavar="FILE", help="a .databrickscfg")
    parser.add_argument(
        "--ready-file", type=Path, metavar="FILE", help="JSON, once it serves"
    )
    parser.add_argument("--while-stdin", action="store_true", help="end when stdin ends")
    parser.add_argument(
        "--stop-after",
        action="append",
        default=[],
        type=_fuse,
        metavar="NAME=SECONDSs|NAME=REQUESTS",
        help="switch a workspace off: dev=5s after its first request, dev=200 requests",
    )
    parser.add_argument("--login", choices=["pat", "oauth-m2m"], default="pat")
    parser.add_argument("--token-life", type=float, default=3600.0, metavar="SECONDS")
    parser.add_argument("--identity", action="store_true", help="play Entra, IMDS, GitHub")
    _add_oddities(parser)
    return parser


def _add_oddities(parser: argparse.ArgumentParser) -> None:
    """Add what is odd about, or in, single workspaces; each may be given several times."""
    for option, kind, metavar, what in (
        ("--status", _pair, "NAME=STATUS", "what the account says of it, e.g. FAILED"),
        ("--dark", str, "NAME", "connecting to it times out"),
        ("--skew", _skew, "NAME=SECONDS", "how far its clock is ahead"),
        ("--deny", str, "NAME", "the service principal is no member of it"),
        ("--expired", str, "NAME", "token and secret of its profile are past their end"),
        ("--tree", _tree, "NAME=DIRECTORIES*FILES", "a tree in DBFS, FILES in each"),
        ("--directory", _directory, "NAME=FILES", "a directory in DBFS of so many files"),
    ):
        parser.add_argument(
            option, action="append", default=[], type=kind, metavar=metavar, help=what
        )


def _pair(text: str) -> tuple[str, str]:
    """Read ``name=text``."""
    name, sign, value = text.partition("=")
    if not sign:
        raise ValueError(text)
    return name, value


def _skew(text: str) -> tuple[str, float]:
    """Read ``name=-7200``."""
    name, seconds = _pair(text)
    return name, float(seconds)


def _tree(text: str) -> tuple[str, Size]:
    """Read ``name=50000*100``, or with an x, which no shell takes for a pattern."""
    name, size = _pair(text)
    directories, files = size.replace("x", "*").split("*")
    return name, (_number(directories, 1), _number(files, 0))


def _directory(text: str) -> tuple[str, int]:
    """Read ``name=1000000``."""
    name, files = _pair(text)
    return name, _number(files, 0)


def _number(text: str, least: int) -> int:
    if int(text) < least:
        raise ValueError(text)
    return int(text)


def _fuse(text: str) -> tuple[str, Fuse]:
    """Read ``name=5s`` (seconds after its first request) or ``name=200`` (requests)."""
    name, _, after = text.partition("=")
    if after.endswith("s"):
        return name, Fuse(seconds=float(after[:-1]))
    return name, Fuse(requests=int(after))


def _by_name(pairs: Iterable[tuple[str, T]]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _named(options: argparse.Namespace) -> list[str]:
    pairs = (
        *(*options.stop_after, *options.status, *options.skew),
        *(*options.tree, *options.directory),
    )
    plain = (*options.deny, *options.dark, *options.expired)
    return [*plain, *(name for name, _ in pairs)]


def _set_up(fleet: Simulator, options: argparse.Namespace) -> None:
    """Make single workspaces odd, as the options say; dark they get once they listen."""
    for name, fuse in options.stop_after:
        fleet[name].server.fuse = fuse
    for name, status in options.status:
        fleet[name].status = status
    for name, seconds in options.skew:
        fleet[name].skew = seconds
    for name in options.deny:
        fleet[name].logins.assigned = False
    for name in options.expired:
        fleet[name].logins.expire()


async def _serve(fleet: Simulator, options: argparse.Namespace) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if options.while_stdin:
        loop.add_reader(0, _stop_at_end_of_stdin, stop)
    async with fleet:
        for name in options.dark:
            await fleet[name].go_dark()
        _announce(fleet, options)
        await stop.wait()


def _stop_at_end_of_stdin(stop: asyncio.Event) -> None:
    if not os.read(0, 4096):
        asyncio.get_running_loop().remove_reader(0)
        stop.set()


def _simulator(options: argparse.Namespace) -> Simulator:
    return Simulator(
        options.workspaces,
        scale=options.scale,
        seed=options.seed,
        account=not options.no_account,
        limits=not options.no_limits,
        limiter=options.limiter,
        retry_after=options.retry_after,
        latency=options.latency,
        gzip=not options.no_gzip,
        speed=options.speed,
        token_life=options.token_life,
        identity=options.identity,
        trees=_by_name(options.tree),
        directories=_by_name(options.directory),
    )


def _announce(fleet: Simulator, options: argparse.Namespace) -> None:
    profiles = fleet.databrickscfg(options.login)
    text = f"; simulator control: {fleet.control_url}\n\n{profiles}"
    if options.config_out is None:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        _write(options.config_out, text.encode())
    if options.ready_file is not None:
        _write(options.ready_file, orjson.dumps(_facts(fleet)))


def _facts(fleet: Simulator) -> dict[str, object]:
    workspaces = {workspace.name: _entry(workspace) for workspace in fleet.everyone}
    identity = {"identity": fleet.identity.url} if fleet.identity.url else {}
    control = {"control": fleet.control_url, "pid": os.getpid()}
    return {**control, **identity, "workspaces": workspaces}


def _entry(workspace: SimulatedWorkspace) -> dict[str, str]:
    account = {"account_id": workspace.account_id} if workspace.account_id else {}
    principal = workspace.logins.principal._asdict()
    return {"host": workspace.host, "token": workspace.token, **principal, **account}


def _write(path: Path, content: bytes) -> None:
    """Write a file that is whole from the moment it exists, readable by its owner only."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_bytes(content)
    draft.replace(path)


if __name__ == "__main__":
    main()
