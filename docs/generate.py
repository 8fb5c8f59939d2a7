# SPDX-License-Identifier: MIT
"""Pages made from the package: the reference of all operators, layers, tools; torch's list."""

from __future__ import annotations

import inspect
from pathlib import Path

import measured

import ndnn.functional as F
from ndnn import config, examples, fused, grad, init, nn, optim
from ndnn.inspect import plot

FOLDER = Path(__file__).parent
FAMILIES = {  # of operators, in the order of the guide; the others follow by their name
    "conv": "Convolution",
    "conv_transpose": "Transposed convolution",
    "max_pool": "Maximum pooling",
    "avg_pool": "Average pooling",
    "unpool": "Unpooling",
    "activation": "Activations",
    "norm": "Normalisation",
    "linear": "Linear",
    "loss": "Losses",
    "classification_loss": "Losses of classes",
    "margin_loss": "Losses with margins",
    "ctc_loss": "Losses of sequences",
}
TOOLS = "receptive_field effective_receptive_field gradient_flow summary output_size same_padding"
TOP = "load save manual_seed gradcheck no_grad set_num_threads get_num_threads num_threads"
NOTES = {
    "in place": "results are new arrays",
    "attention": "not planned",
    "helper": "use the function without this part of its name",
    "products": "not planned",
}


def write(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    pages = {
        "functional": functional(),
        "nn": classes(
            "Layers", "ndnn.nn", [n for n in nn.__all__ if inspect.isclass(getattr(nn, n))]
        ),
        "optim": classes("Optimisers", "ndnn.optim", optim.__all__),
        "init": functions("Initial values", "ndnn.init", public(init)),
        "inspect": instruments_page(),
        "more": more(),
    }
    for name, text in pages.items():
        put(folder / f"{name}.rst", text)
    put(folder / "parity.md", parity())
    put(folder / "measured.md", measured.table())
    put(folder / "reference.md", reference())


def put(path: Path, text: str) -> None:
    """Only where it changed, so that the next build is quick."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def heading(text: str, line: str = "=") -> str:
    return f"{text}\n{line * len(text)}\n\n"


def functional() -> str:
    """Each family of operators under its name."""
    modules: dict[str, list[str]] = {}
    for name in F.__all__:
        modules.setdefault(getattr(F, name).__module__.split(".")[-1], []).append(name)
    order = [
        *(m for m in FAMILIES if m in modules),
        *sorted(m for m in modules if m not in FAMILIES),
    ]
    text = heading("Operators") + ".. currentmodule:: ndnn.functional\n\n"
    for module in order:
        title = FAMILIES.get(module) or module.replace("_", " ").capitalize()
        text += heading(title, "-")
        text += "".join(f".. autofunction:: {name}\n\n" for name in modules[module])
    return text


def classes(title: str, module: str, names: list[str]) -> str:
    text = heading(title) + f".. currentmodule:: {module}\n\n"
    return text + "".join(f".. autoclass:: {name}\n\n" for name in names)


def functions(title: str, module: str, names: list[str]) -> str:
    text = heading(title) + f".. currentmodule:: {module}\n\n"
    return text + "".join(f".. autofunction:: {name}\n\n" for name in names)


def public(module: object) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    ]


def instruments_page() -> str:
    text = functions("Instruments", "ndnn", TOOLS.split())
    text += ".. autoclass:: ndnn.GradientRecorder\n   :members:\n\n"
    for name in ("ReceptiveField", "GradientFlow", "Summary"):
        text += f".. autoclass:: ndnn.inspect.{name}\n   :members:\n"
        text += "   :exclude-members: index, count\n\n"
    text += ".. autoclass:: ndnn.inspect.Window\n\n.. autofunction:: ndnn.inspect.central_box\n\n"
    text += heading("Pictures", "-") + ".. currentmodule:: ndnn.inspect.plot\n\n"
    return text + "".join(f".. autofunction:: {name}\n\n" for name in public(plot))


def more() -> str:
    text = heading("Tensor, files, threads") + ".. currentmodule:: ndnn\n\n"
    text += ".. autoclass:: Tensor\n"
    text += "   :members: backward, detach, numpy, item, zero_grad, data, grad\n\n"
    text += ".. autoclass:: PackedWeight\n\n"
    text += "".join(f".. autofunction:: {name}\n\n" for name in TOP.split())
    for title, module in (
        ("Fused", fused),
        ("Gradients", grad),
        ("Configuration", config),
        ("Example networks", examples),
    ):
        text += heading(title, "-") + f".. currentmodule:: {module.__name__}\n\n"
        text += "".join(f".. autofunction:: {name}\n\n" for name in public(module))
    return text


def reference() -> str:
    pages = ("functional", "nn", "optim", "init", "inspect", "more")
    return "# Reference\n\n```{toctree}\n" + "".join(f"{page}\n" for page in pages) + "```\n"


def parity() -> str:
    """torch.nn.functional's names, and which of them are here."""
    names = (FOLDER / "torch_functional.txt").read_text().split()
    here = [name for name in names if name in F.__all__]
    own = [name for name in F.__all__ if name not in names]
    rows = [f"| `{n}` | {'yes' if n in F.__all__ else missing(n)} |" for n in names]
    rows += [f"| | `{name}` |" for name in own]
    return "\n".join(
        [
            "# Beside torch",
            "",
            f"{len(here)} of the {len(names)} functions of `torch.nn.functional` 2.13 are",
            f"here, and {len(own)} that torch has elsewhere or not at all. Names, arguments, order",
            "and defaults are torch's; [coming from torch](../coming_from.md) lists what differs.",
            "",
            "| torch | ndnn |",
            "|---|---|",
            *rows,
            "",
        ]
    )


def missing(name: str) -> str:
    if name.endswith("_"):
        return NOTES["in place"]
    if "attention" in name or name.startswith("multi_head"):
        return NOTES["attention"]
    if name.startswith(("scaled_", "grouped_")):
        return NOTES["products"]
    return NOTES["helper"] if name.endswith("_with_indices") or "native" in name else "not yet"
