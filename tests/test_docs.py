# SPDX-License-Identifier: MIT
"""The guide: every block of code runs, every picture is drawn, torch's list is torch's."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted(p for p in DOCS.rglob("*.md") if "_generated" not in p.parts)
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def docs_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(DOCS), *sys.path])


def page_name(page: Path) -> str:
    return page.relative_to(DOCS).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_code_of_a_page_runs(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In order, as a reader would type it; what needs torch, where it is installed."""
    blocks = BLOCK.findall(page.read_text())
    if not blocks:
        assert page.name in ("glossary.md",)
        return
    names: dict[str, Any] = {}
    skipped = False
    for number, code in enumerate(blocks):
        if "import torch" in code and not _has_torch():
            skipped = True
            continue
        exec(compile(code, f"{page.name}, block {number}", "exec"), names)
    if skipped:
        pytest.skip("torch is not installed; the other blocks ran")


def _has_torch() -> bool:
    try:
        import torch  # noqa: F401
    except ImportError:
        return False
    return True


def test_chapters_have_formula_code_picture_and_torch() -> None:
    for page in (DOCS / "guide").glob("*.md"):
        text = page.read_text()
        assert "$$" in text, page
        assert "torch" in text, page
        assert len(BLOCK.findall(text)) > 0, page
        if page.name != "chain_rule.md":
            assert "_pictures/" in text, page


def test_pictures_are_drawn_and_used(docs_path: None) -> None:
    pytest.importorskip("matplotlib")
    import pictures

    text = "".join(page.read_text() for page in PAGES)
    used = set(re.findall(r"_pictures/(\w+)\.png", text))
    assert used == set(pictures.PICTURES)
    quick = {"activations", "convolutions", "gridding", "resampling"}  # the build draws them all
    for name in quick:
        figure = pictures.PICTURES[name]()
        figure.canvas.draw()
        assert np.asarray(figure.canvas.buffer_rgba())[..., :3].std() > 5, name


def test_torchs_list_is_torchs() -> None:
    torch = pytest.importorskip("torch")
    if not torch.__version__.startswith("2.13"):
        pytest.skip("the list is that of torch 2.13")
    import torch.nn.functional as theirs

    names = (DOCS / "torch_functional.txt").read_text().split()
    assert names == sorted(set(names))
    found = {
        n
        for n in dir(theirs)
        if not n.startswith("_")
        and callable(getattr(theirs, n))
        and not inspect.isclass(getattr(theirs, n))
    }
    helpers = {"Optional", "assert_int_or_pair", "boolean_dispatch", "handle_torch_function"}
    assert found - {n for n in found if n.startswith("has_torch_function")} - helpers == set(names)


def test_generated_pages(docs_path: None, tmp_path: Path) -> None:
    import generate

    import ndnn.functional as F

    generate.write(tmp_path)
    parity = (tmp_path / "parity.md").read_text()
    operators = (tmp_path / "functional.rst").read_text()
    for name in F.__all__:
        assert f"`{name}`" in parity
        assert f".. autofunction:: {name}\n" in operators
    assert "| `max_pool2d` | yes |" in parity
    assert "| dense3x3 |" in (tmp_path / "measured.md").read_text()


def test_docstrings_become_numpydoc(docs_path: None) -> None:
    import docstrings

    found = docstrings.numpydoc(
        inspect.cleandoc(
            """One line with `code` and a*b.

            Shapes: x (N, C) -> (N,),
                next line.
            Arguments:
                stride: None is |kernel|.
            Raises: ValueError.
            Example:
                >>> 1 + 1
                2
            """
        ).split("\n")
    )
    text = "\n".join(found)
    assert "One line with ``code`` and a\\*b." in text
    assert "**Shapes**\n\n| x (N, C) -> (N,),\n| next line.\n" in text
    assert "Parameters\n----------\nstride\n    None is \\|kernel\\|.\n" in text
    assert "Notes\n-----\n**Raises**\n\n| ValueError.\n" in text
    assert "Examples\n--------\n>>> 1 + 1\n2\n" in text


def test_sources_of_the_guide_are_python() -> None:
    for path in DOCS.glob("*.py"):
        ast.parse(path.read_text())
        assert path.read_text().startswith("# SPDX-License-Identifier: MIT\n")
        assert path.read_text().count("\n") <= 500
