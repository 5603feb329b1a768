"""The `souk` command: open the window, play the journey, serve over HTTP. Sub-commands import what they need."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

from app import operate
from app.settings import Settings, SettingsError, load
from app.version import VERSION


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="souk", description="Buy and run AI agents, also with no network.")
    parser.add_argument("--version", action="version", version=f"souk {VERSION}")
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep everything in DIR instead of the user's folder")
    parser.add_argument("--remote", metavar="URL", help="work against a server started with `souk serve`")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    journey = commands.add_parser("journey", help="play the whole purchase in the real window and measure it")
    journey.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    journey.add_argument("--out", type=Path, metavar="DIR", help="where to write the screenshots")
    journey.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed gives the same ids and names")
    journey.add_argument("--data", type=Path, metavar="DIR", default=argparse.SUPPRESS, help="use DIR, not a fresh one")

    serve = commands.add_parser("serve", help="serve Souk over HTTP")
    serve.add_argument("--host", default=None, help="address to listen on (default 127.0.0.1)")
    serve.add_argument("--port", type=int, default=None, help="port to listen on (default 8741)")
    serve.add_argument("--database", default=None, metavar="URL", help="a PostgreSQL database (default: a file in DIR)")
    serve.add_argument("--allow-time-travel", action="store_true", help="let test-mode time be moved (one workspace)")
    serve.add_argument("--data", type=Path, metavar="DIR", default=argparse.SUPPRESS, help="keep everything in DIR")
    operate.add_parsers(commands)

    simulate = commands.add_parser("simulate", help="live random months on the real services and check every rule")
    simulate.add_argument("--seeds", type=int, default=20, metavar="N", help="how many lives (default 20)")
    simulate.add_argument("--start", type=int, default=1, metavar="S", help="the first seed (default 1)")
    simulate.add_argument("--months", type=int, default=5, metavar="M", help="how long each life is (default 5)")
    simulate.add_argument("--story", action="store_true", help="print what happened, also when all is well")
    simulate.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def has_display() -> bool:
    """Whether a window can be shown; a platform chosen by hand is believed."""
    if os.environ.get("QT_QPA_PLATFORM") or sys.platform in {"win32", "darwin"}:
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _about_payments(arguments: argparse.Namespace, settings: Settings) -> int:
    if arguments.command == "keys":
        from app.key_commands import run as run_keys  # lazy: the desktop needs none of it

        return run_keys(arguments, settings)
    from app.doctor import run as run_doctor  # lazy: as above

    return run_doctor(arguments, settings)


def main(argv: list[str] | None = None) -> int:
    """Runs one command; returns the exit code (2 for a wrong setting or a taken port)."""
    arguments = _parser().parse_args(argv)
    try:
        settings = load(arguments.data, remote=arguments.remote, host=getattr(arguments, "host", None),
                        port=getattr(arguments, "port", None),
                        database=getattr(arguments, "database", None))  # fmt: skip
    except SettingsError as error:
        print(f"souk: {error}", file=sys.stderr)
        return 2
    if arguments.command == "serve":
        from app.serve import serve  # lazy: the server's libraries are not for the desktop

        return serve(settings, moves_in_time=arguments.allow_time_travel)
    if arguments.command == "simulate":
        from app.simulate.run import simulate  # lazy: tests and operators only

        return simulate(
            arguments.seeds, arguments.start, arguments.months, as_json=arguments.json, story=arguments.story
        )
    if arguments.command in operate.ABOUT_PAYMENTS:
        return _about_payments(arguments, settings)
    if arguments.command in operate.NAMES:
        from app.operator_commands import run as operate_now  # lazy: the desktop needs none of it

        return operate_now(arguments, settings)
    if arguments.command == "journey" or not has_display():
        from app.journey import play  # lazy: tests and tours only

        if arguments.command != "journey":
            print("There is no display here, so Souk plays the whole journey offscreen instead of opening a window.")
        return play(
            out=getattr(arguments, "out", None),
            seed=getattr(arguments, "seed", 1),
            as_json=getattr(arguments, "json", False),
            data=arguments.data,
            remote=settings.remote,
        )
    from app.desktop import run  # lazy: a server has no Qt

    return run(replace(settings, database=""))  # whose window it is keeps a file


if __name__ == "__main__":
    sys.exit(main())
