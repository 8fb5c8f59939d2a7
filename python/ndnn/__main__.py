# SPDX-License-Identifier: MIT
"""The command line: ``python -m ndnn demo`` and ``python -m ndnn info``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from . import __version__, config


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 good, 1 a check failed, 2 bad usage."""
    options = _parser().parse_args(arguments)
    if options.command == "info":
        return _info(as_json=options.json)
    from . import demo  # imported late: `info` needs nothing but numpy

    try:
        demo.run(options.image, options.output, options.threads)
    except demo.DemoError as error:
        print(f"ndnn demo: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _info(*, as_json: bool) -> int:
    if as_json:
        print(json.dumps(config.config(), indent=2, default=str))
    else:
        config.show_config()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ndnn", description="Neural-network operators on NumPy arrays."
    )
    parser.add_argument("--version", action="version", version=f"ndnn {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="{demo,info}")

    demo = commands.add_parser(
        "demo",
        help="run a photograph through seven convolutions; check, time and draw each one",
        description="Run a photograph through seven convolutions. Each result is checked against "
        "a float64 NumPy reference and timed; a table goes to the terminal, a picture to --output. "
        'Needs the extra: pip install "ndnn[demo]".',
    )
    demo.add_argument("--image", metavar="FILE", help="your own photograph (default: a dahlia)")
    demo.add_argument(
        "--output", metavar="FILE", default="ndnn-demo.png", help="PNG to write (%(default)s)"
    )
    demo.add_argument(
        "--threads", metavar="N", type=_thread_count, help="threads to use (default: ndnn's own)"
    )

    info = commands.add_parser("info", help="show the instruction set, threads and versions in use")
    info.add_argument("--json", action="store_true", help="the same as one JSON object")
    return parser


def _thread_count(text: str) -> int:
    try:
        count = int(text)
    except ValueError:
        count = 0
    if count < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, but got {text!r}")
    return count


if __name__ == "__main__":
    sys.exit(main())
