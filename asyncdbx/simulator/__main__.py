"""Serve a simulated fleet until SIGINT or SIGTERM: ``python -m asyncdbx.simulator``.

Prints nothing but the ready profile file, and that only without ``--config-out``. The
``--ready-file`` appears, whole, once every port is open: JSON with the control URL and, by
workspace, host, token and (of the account) account id.
"""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import orjson

from asyncdbx.simulator.fleet import Simulator
from asyncdbx.simulator.host import Fuse
from asyncdbx.simulator.workspace import SimulatedWorkspace


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse arguments and serve."""
    parser = _parser()
    options = parser.parse_args(arguments)
    fleet = _simulator(options)
    names = [workspace.name for workspace in fleet.everyone]
    for name, fuse in options.stop_after:
        if name not in names:
            parser.error(f"there is no workspace '{name}', only {', '.join(names)}")
        fleet[name].server.fuse = fuse
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
    return parser


def _fuse(text: str) -> tuple[str, Fuse]:
    """Read ``name=5s`` (seconds after its first request) or ``name=200`` (requests)."""
    name, _, after = text.partition("=")
    if after.endswith("s"):
        return name, Fuse(seconds=float(after[:-1]))
    return name, Fuse(requests=int(after))


async def _serve(fleet: Simulator, options: argparse.Namespace) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if options.while_stdin:
        loop.add_reader(0, _stop_at_end_of_stdin, stop)
    async with fleet:
        _announce(fleet, options.config_out, options.ready_file)
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
    )


def _announce(fleet: Simulator, config: Path | None, ready: Path | None) -> None:
    text = f"; simulator control: {fleet.control_url}\n\n{fleet.databrickscfg()}"
    if config is None:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        _write(config, text.encode())
    if ready is not None:
        _write(ready, orjson.dumps(_facts(fleet)))


def _facts(fleet: Simulator) -> dict[str, object]:
    workspaces = {workspace.name: _entry(workspace) for workspace in fleet.everyone}
    return {"control": fleet.control_url, "workspaces": workspaces, "pid": os.getpid()}


def _entry(workspace: SimulatedWorkspace) -> dict[str, str]:
    account = {"account_id": workspace.account_id} if workspace.account_id else {}
    return {"host": workspace.host, "token": workspace.token, **account}


def _write(path: Path, content: bytes) -> None:
    """Write a file that is whole from the moment it exists, readable by its owner only."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_bytes(content)
    draft.replace(path)


if __name__ == "__main__":
    main()
