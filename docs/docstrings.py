# SPDX-License-Identifier: MIT
"""ndnn's docstrings (`Shapes:`, `Raises:`, ...) as numpydoc reads them.

Their text is plain, not reStructuredText: it is escaped, and keeps its lines.
"""

from __future__ import annotations

import re
import textwrap

SECTION = re.compile(
    r"^(Shapes|Units|Arguments|Returns|Raises|Accuracy|Source|Example|Examples):\s*(.*)$"
)
ARGUMENT = re.compile(r"^([A-Za-z_][\w ,*]*): +(.*)$")


def convert(app, what, name, obj, options, lines: list[str]) -> None:
    """Sphinx's autodoc-process-docstring: changes the lines in place."""
    lines[:] = numpydoc(lines)


def numpydoc(lines: list[str]) -> list[str]:
    head, sections = split(lines)
    found = [*paragraphs(head), ""]
    notes: list[str] = []
    for title, body in sections:
        if title == "Shapes":
            found += ["**Shapes**", "", *kept(body), ""]
        elif title == "Arguments":
            found += ["Parameters", "----------", *arguments(body), ""]
        elif title.startswith("Example"):
            continue
        else:
            notes += [f"**{title}**", "", *kept(body), ""]
    if notes:
        found += ["Notes", "-----", *notes]
    examples = [body for title, body in sections if title.startswith("Example")]
    if examples:
        found += ["Examples", "--------", *(line for body in examples for line in [*body, ""])]
    return found


def split(lines: list[str]) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """What stands before the first section, and the sections with their bodies, dedented."""
    head: list[str] = []
    sections: list[tuple[str, list[str]]] = []
    for line in lines:
        if found := SECTION.match(line):
            sections.append((found[1], [found[2]] if found[2] else []))
        elif sections:
            sections[-1][1].append(line)
        else:
            head.append(line)
    return head, [(title, dedented(body)) for title, body in sections]


def dedented(body: list[str]) -> list[str]:
    """The first line may stand behind the title; the others are indented."""
    inline = body[:1] if body and not body[0].startswith(" ") else []
    rest = textwrap.dedent("\n".join(body[len(inline) :])).split("\n")
    return [line for line in [*inline, *rest] if line.strip()]


def paragraphs(lines: list[str]) -> list[str]:
    """Prose as it is, examples too; what is indented keeps its lines."""
    found: list[str] = []
    for block in re.split(r"\n\s*\n", "\n".join(lines)):
        rows = block.split("\n")
        if block.lstrip().startswith(">>>"):
            found += [*textwrap.dedent(block).split("\n"), ""]
        elif any(row.startswith((" ", "- ")) for row in rows):
            found += [*kept(rows), ""]
        else:
            found += [*map(escaped, rows), ""]
    return found


def arguments(body: list[str]) -> list[str]:
    """`name: text` as numpydoc's name and indented text."""
    found: list[str] = []
    for line in body:
        named = ARGUMENT.match(line)
        if named:
            found += [named[1], f"    {escaped(named[2])}"]
        else:
            found.append(f"    {escaped(line.strip())}")
    return found


def kept(rows: list[str]) -> list[str]:
    """A line block: every line stays one."""
    return [f"| {escaped(row)}" if row.strip() else "|" for row in rows]


def escaped(text: str) -> str:
    """`code` as a literal, all else as it stands."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a quote that has no end on this line
        parts = [text.replace("`", "'")]
    for i, part in enumerate(parts):
        literal = i % 2 == 1 and part.strip() == part and part
        parts[i] = f"``{part}``" if literal else re.sub(r"([\\*|_`])", r"\\\1", part)
    return "".join(parts).replace("::", ":\\:")
