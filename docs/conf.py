# SPDX-License-Identifier: MIT
"""Sphinx: python -m sphinx -W docs build/docs

Pictures, the reference of operators and the table against torch are made here, at build time.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import docstrings
import generate
import pictures

import ndnn

project = "ndnn"
author = "the ndnn authors"
copyright = "the ndnn authors"
version = release = ndnn.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.mathjax", "numpydoc", "myst_parser"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"ndnn {version}"
html_copy_source = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False


def setup(app):
    generate.write(Path(__file__).parent / "_generated")
    pictures.draw_all(Path(__file__).parent / "_pictures")
    app.connect("autodoc-process-docstring", docstrings.convert, priority=400)
