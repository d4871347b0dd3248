"""Sphinx's configuration, for build.py, which stages the pages and says where Doxygen's XML is."""

import os
import re
from typing import Any

from docutils import nodes

project = "Launchpad"
html_title = "Launchpad"
extensions = [
    "breathe",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]

# Docstrings and pages say `x` for code.
default_role = "code"
highlight_language = "text"
smartquotes = False  # --flag is no dash.
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 80
toc_object_entries_show_parents = "hide"
napoleon_use_ivar = True

breathe_projects = {"launchpad": os.environ.get("LAUNCHPAD_DOXYGEN_XML", "")}
breathe_default_project = "launchpad"
cpp_maximum_signature_line_length = 80

pygments_dark_style = "github-dark"
html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["launchpad.css"]
html_show_sourcelink = False
html_copy_source = False
html_show_sphinx = False
copybutton_exclude = ".linenos, .gp, .go"


def _take_stars_as_they_are(*event: Any) -> None:
    """Docstrings say *args, and mean it."""
    lines: list[str] = event[-1]
    for i, line in enumerate(lines):
        parts = line.split("`")
        parts[::2] = [re.sub(r"\*", r"\\*", part) for part in parts[::2]]
        lines[i] = "`".join(parts)


def _make_dashes(app: Any, doctree: nodes.document, page: str) -> None:
    """Between a parameter and what is said of it; elsewhere -- is part of a flag."""
    del app, page
    for text in list(doctree.findall(nodes.Text)):
        if text.astext() == " -- ":
            text.parent.replace(text, nodes.Text(" \N{EN DASH} "))


def setup(app: Any) -> None:
    app.connect("doctree-resolved", _make_dashes)
    # Before napoleon.
    app.connect("autodoc-process-docstring", _take_stars_as_they_are, priority=400)
