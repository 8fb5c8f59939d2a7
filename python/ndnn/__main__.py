# SPDX-License-Identifier: MIT
"""The command line, ``python -m ndnn``: three demos, three instruments, and ``info``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from . import __version__, config
from .inspect import cli

_EXTRA = 'Needs the extra: pip install "ndnn[demo]".'


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 good, 1 a check failed, 2 bad usage."""
    options = _parser().parse_args(arguments)
    if options.command == "info":
        return _info(as_json=options.json)
    if options.command in ("rf", "summary", "flow"):
        return _instrument(options)
    return _demo(options)


def _instrument(options: argparse.Namespace) -> int:
    try:
        cli.run(options)
    except (ValueError, ImportError, OSError, KeyError) as error:
        text = error.args[0] if isinstance(error, KeyError) else error
        print(f"ndnn {options.command}: {text}", file=sys.stderr)
        return 2
    return 0


def _demo(options: argparse.Namespace) -> int:
    from .demo import DemoError  # imported late: `info` needs nothing but numpy

    try:
        if options.command == "photo":
            from .demo import photo

            photo.run(options.image, options.output, options.threads)
        else:
            from .demo import denoise, digits

            run = {"demo": digits.run, "denoise": denoise.run}[options.command]
            run(options.output, options.weights, options.seed, options.epochs, options.threads)
    except DemoError as error:
        print(f"ndnn {options.command}: {error}", file=sys.stderr)
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
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="{demo,denoise,photo,rf,summary,flow,info}"
    )
    _training_command(
        commands,
        "demo",
        "train a small convolutional network to read handwritten digits",
        "Train a small convolutional network on 1437 scanned digits, test it on 360 others, save "
        "the weights, load them again, and draw filters, learning and answers.",
        epochs=20,
    )
    _training_command(
        commands,
        "denoise",
        "train a network of depthwise convolutions and unpooling to remove noise from photographs",
        "Train an encoder of depthwise-separable convolutions and max pooling, with a decoder of "
        "unpooling and transposed convolutions, on one photograph; take the noise from another.",
        epochs=12,
    )
    photo = commands.add_parser(
        "photo",
        help="run a photograph through seven convolutions; check, time and draw each one",
        description="Run a photograph through seven convolutions. Each result is checked against "
        "a float64 NumPy reference and timed; a table goes to the terminal, a picture to --output. "
        + _EXTRA,
    )
    photo.add_argument("--image", metavar="FILE", help="your own photograph (default: a dahlia)")
    _shared_options(photo)

    cli.add_commands(commands)
    info = commands.add_parser("info", help="show the instruction set, threads and versions in use")
    info.add_argument("--json", action="store_true", help="the same as one JSON object")
    return parser


def _training_command(
    commands: Any, name: str, summary: str, description: str, epochs: int
) -> None:
    command = commands.add_parser(name, help=summary, description=f"{description} {_EXTRA}")
    _shared_options(command)
    command.add_argument(
        "--weights", metavar="FILE", default=f"ndnn-{name}.npz", help="file to write (%(default)s)"
    )
    command.add_argument(
        "--epochs",
        metavar="N",
        type=_count,
        default=epochs,
        help="passes over the data (%(default)s)",
    )
    command.add_argument(
        "--seed",
        metavar="N",
        type=_seed,
        default=0,
        help="the same number gives the same weights, bit for bit (%(default)s)",
    )


def _shared_options(command: argparse.ArgumentParser) -> None:
    name = command.prog.split()[-1]
    command.add_argument(
        "--output", metavar="FILE", default=f"ndnn-{name}.png", help="PNG to write (%(default)s)"
    )
    command.add_argument(
        "--threads", metavar="N", type=_count, help="threads to use (default: ndnn's own)"
    )


def _seed(text: str) -> int:
    return _whole_number(text, 0)


def _count(text: str) -> int:
    return _whole_number(text, 1)


def _whole_number(text: str, least: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(
            f"must be a whole number of at least {least}, but got {text!r}"
        )
    return number


if __name__ == "__main__":
    sys.exit(main())
