# SPDX-License-Identifier: MIT
"""`python -m ndnn rf`, `summary` and `flow`: the instruments on the built-in networks."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from ndnn import examples
from ndnn.inspect import five, plot
from ndnn.inspect.effective import effective_receptive_field
from ndnn.inspect.receptive import receptive_field
from ndnn.inspect.summaries import summary
from ndnn.inspect.table import table


def add_commands(commands: Any) -> None:
    """The three commands, in the parser of `python -m ndnn`."""
    rf = commands.add_parser(
        "rf",
        help="receptive fields of a well-known network",
        description="Size, jump, start and padding of the receptive field behind each layer; with "
        "--plot the field of the middle output, drawn on the input, with its effective one.",
    )
    _network(rf)
    rf.add_argument("--layer", metavar="NAME", help="the layer to draw (default: the last)")
    _outputs(rf)
    totals = commands.add_parser(
        "summary",
        help="layers, shapes, parameters and multiplications of a well-known network",
        description="Layers, output shapes, parameters, multiplications, bytes and fields.",
    )
    _network(totals)
    totals.add_argument("--time", action="store_true", help="also the time of each layer")
    totals.add_argument("--json", action="store_true", help="the same as one JSON object")
    flow = commands.add_parser(
        "flow",
        help="vanishing gradients: one deep network, built in five ways",
        description="A deep network with sigmoids, tanh, He's initial weights, batch "
        "norm and with residual connections: how the gradient fares in each, and which learns.",
    )
    flow.add_argument("--depth", metavar="N", type=int, default=20, help="layers (%(default)s)")
    flow.add_argument("--seed", metavar="N", type=int, default=0, help="of all random numbers")
    _outputs(flow)


def run(options: argparse.Namespace) -> None:
    """Runs one of the commands.

    Raises: ValueError, ImportError, OSError, KeyError with a line for the user.
    """
    {"rf": _rf, "summary": _summary, "flow": _flow}[options.command](options)


def _network(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "network", choices=examples.NETWORKS, help="one of: %(choices)s", metavar="NETWORK"
    )
    command.add_argument(
        "--size", metavar="N", type=int, nargs="+", help="height and width of the input (224)"
    )


def _outputs(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="the same as one JSON object")
    command.add_argument("--plot", metavar="FILE", help="also draw a picture")


def _made(options: argparse.Namespace) -> tuple[Any, tuple[int, ...]]:
    make, shape = examples.NETWORKS[options.network]
    size = tuple(options.size or shape[2:])
    if len(size) not in (1, 2):
        raise ValueError(f"--size must be one number or two, but got {len(size)}")
    return make(), (*shape[:2], *(size * (3 - len(size))))


def _write(options: argparse.Namespace, report: dict[str, Any] | str) -> None:
    print(report if isinstance(report, str) else json.dumps(report, indent=2))


def _draw(options: argparse.Namespace, draw: Callable[[], Any]) -> None:
    if options.plot:
        draw().figure.savefig(options.plot)


def _rf(options: argparse.Namespace) -> None:
    model, shape = _made(options)
    field = receptive_field(model, shape)
    # the last layer whose outputs do not all see everything: before a classifier
    places = [row.name for row in field if row.output and max(row.output) > 1]
    layer = options.layer or (places[-1] if places else field[-1].name)
    field[layer]  # KeyError for a name that is not there
    _write(options, field.to_dict() if options.json else str(field))

    def draw() -> Any:
        effective = effective_receptive_field(model, shape, samples=2, layer=layer)
        return field.plot(layer=layer, effective=effective)

    _draw(options, draw)


def _summary(options: argparse.Namespace) -> None:
    model, shape = _made(options)
    found = summary(model, shape, time=options.time)
    _write(options, found.to_dict() if options.json else str(found))


def _flow(options: argparse.Namespace) -> None:
    if not 1 <= options.depth <= 1000:
        raise ValueError(f"--depth must be from 1 to 1000, but got {options.depth}")
    flows = five.flows(options.depth, options.seed)
    networks = five.networks(options.depth, seed=options.seed)
    losses = {name: five.train(net, seed=options.seed) for name, net in networks.items()}
    if options.json:
        report = {k: {**flow.to_dict(), "losses": losses[k]} for k, flow in flows.items()}
        _write(options, report)
    else:
        heads = ["network", "gradient at input / at loss", "loss before", "after 100 steps"]
        rows = [
            [
                name,
                f"{flow[0].norm / flow[-1].norm:.2g}",
                f"{losses[name][0]:.3f}",
                f"{losses[name][-1]:.3f}",
            ]
            for name, flow in flows.items()
        ]
        found = [f"{name}: {f}" for name, flow in flows.items() for f in flow.findings]
        _write(options, "\n".join([table(heads, rows), *found]))
    _draw(options, lambda: plot.flow(flows))
