# SPDX-License-Identifier: MIT
"""Rules about the repository itself: what a reviewer would otherwise have to look for."""

import ast
import importlib
import inspect
import os
import pkgutil
import platform
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import ndnn
import ndnn.functional as F
import ndnn.ops
from cases import all_cases, array_cases
from ndnn._load import _core

ROOT = Path(__file__).parent.parent
SOURCES = sorted(
    path
    for folder in ("cpp", "python", "tests", "bench")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".pyi", ".cpp", ".hpp", ".cmake"} or path.name == "CMakeLists.txt"
)
CPP = [path for path in SOURCES if path.suffix in {".cpp", ".hpp"}]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def grep(pattern: str, files: list[Path]) -> list[str]:
    """`file:line: text` of every line that matches."""
    return [
        f"{name(path)}:{number}: {text.strip()}"
        for path in files
        for number, text in enumerate(path.read_text().splitlines(), 1)
        if re.search(pattern, text)
    ]


def test_files_are_short() -> None:
    assert [name(path) for path in SOURCES if path.read_text().count("\n") > 500] == []


def test_every_source_file_names_its_licence() -> None:
    first_lines = {"# SPDX-License-Identifier: MIT", "// SPDX-License-Identifier: MIT"}
    files = [ROOT / "CMakeLists.txt", *SOURCES]
    assert [name(p) for p in files if p.read_text().split("\n", 1)[0] not in first_lines] == []


def test_versions_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    cmake = re.search(r"project\(ndnn .*VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())
    assert cmake is not None
    assert ndnn.__version__ == project["version"] == cmake[1]


def test_openmp_stands_in_one_file() -> None:
    files = [path for path in CPP if name(path) != "cpp/core/parallel.cpp"]
    assert grep(r"#\s*pragma\s+omp|<omp\.h>|\bomp_\w+\(", files) == []


def test_kernels_are_called_where_data_is_touched() -> None:
    header = (ROOT / "cpp/ops/matmul/tile_kernels.hpp").read_text()
    tables = re.findall(r"TileFn<T> (\w+)\[", header)
    pointers = re.findall(r"void \(\*(\w+)\)\(", header)
    assert tables
    assert pointers
    use = rf"[.>](({'|'.join(tables)})\[|({'|'.join(pointers)})\b)"
    users = [path for path in CPP if re.search(r"TileKernels<|tile_kernels<", path.read_text())]
    owner = re.compile(r"_(run|pack|stage|kernels)\.cpp$")
    assert grep(use, [path for path in users if owner.search(path.name)])
    assert grep(use, [path for path in users if not owner.search(path.name)]) == []


def test_the_map_names_every_folder() -> None:
    text = (ROOT / "cpp/README.md").read_text()
    folders = [path.name for path in (ROOT / "cpp").rglob("*") if path.is_dir()]
    assert [folder for folder in folders if not re.search(rf"\b{folder}/", text)] == []


def test_functional_holds_every_operator() -> None:
    modules = [
        importlib.import_module(module.name)
        for module in pkgutil.walk_packages(ndnn.ops.__path__, "ndnn.ops.")
    ]
    operators = [
        key
        for module in modules
        for key, value in vars(module).items()
        if inspect.isfunction(value)
        and value.__module__ == module.__name__
        and not key.startswith("_")
    ]
    assert sorted(operators) == sorted(F.__all__)
    assert {case.op for case in [*all_cases(), *array_cases()]} == set(F.__all__)


@pytest.mark.parametrize("op", F.__all__)
def test_operators_are_documented(op: str) -> None:
    function = getattr(F, op)
    text = inspect.getdoc(function) or ""
    sections = ("Shapes", "Raises", "Accuracy", "Source", "Example")
    assert [s for s in sections if not re.search(rf"^\s*{s}:", text, re.MULTILINE)] == []
    signature = inspect.signature(function)
    annotations = [p.annotation for p in signature.parameters.values()]
    assert inspect.Signature.empty not in [*annotations, signature.return_annotation]


def test_stub_names_what_the_extension_holds() -> None:
    tree = ast.parse((ROOT / "python/ndnn/_core.pyi").read_text())
    stub = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    stub |= {node.target.id for node in tree.body if isinstance(node, ast.AnnAssign)}
    own = {key for key in vars(_core) if not key.startswith("_")}
    assert {key for key in stub if not key.startswith("_")} == own


# Code that needs more than the baseline stands in its own namespace only, or a shared weak function
# (std::, a template) may crash an older CPU. A mangled name begins with its function's namespace.
SET_OF_SYMBOL = re.compile(r"_Z+NK?4ndnn(?:4(avx2)|6(avx512))")
NEEDS_AVX512 = re.compile(r"%zmm|%k[0-7]\b|%[xy]mm(?:1[6-9]|2\d|3[01])\b")


def compile_kernels(folder: Path) -> Path:
    """The kernel files of every instruction set, where no build folder is at hand."""
    compiler = os.environ.get("CXX") or shutil.which("g++") or pytest.skip("no C++ compiler")
    flags = ["-O3", "-std=c++17", "-ffp-contract=fast", "-w", "-fPIC", "-c", f"-I{ROOT / 'cpp'}"]
    for level, isa in enumerate(("base", "avx2", "avx512")):
        for source in (path for path in CPP if path.name.endswith("_kernels.cpp")):
            defines = [f"-DNDNN_ISA={isa}", f"-DNDNN_ISA_LEVEL={level}"]
            target = folder / f"{source.stem}_{isa}.o"
            subprocess.run([compiler, *flags, *defines, source, "-o", target], check=True)
    return folder


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Object files of NDNN_BUILD_DIR, else of the last build/*/, else compiled here."""
    if platform.machine() not in {"x86_64", "AMD64"} or not shutil.which("objdump"):
        pytest.skip("needs x86-64 and objdump")
    builds = ROOT / "build"
    newest = max(builds.rglob("*.o"), key=lambda p: p.stat().st_mtime, default=None)
    built = newest and builds / newest.relative_to(builds).parts[0]
    folder = os.environ.get("NDNN_BUILD_DIR") or built
    return sorted(Path(folder or compile_kernels(tmp_path_factory.mktemp("o"))).rglob("*.o"))


def instructions(path: Path) -> Iterator[tuple[str, str]]:
    """(mangled function, instruction) of an object file."""
    command = ["objdump", "-d", "--no-show-raw-insn", path]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    function = ""
    for line in listing.splitlines():
        if header := re.match(r"[0-9a-f]+ <(.+)>:$", line):
            function = header[1]
        elif "\t" in line:
            yield function, line.split("\t", 1)[1]


def test_wide_instructions_stay_in_their_namespace(objects: list[Path]) -> None:
    seen, leaks = set(), set()
    for path in objects:
        for function, text in instructions(path):
            if not text.startswith("v"):  # as every AVX instruction, and no other of compilers
                continue
            own = SET_OF_SYMBOL.match(function)
            isa = own and (own[1] or own[2])
            seen.add(isa)
            if isa is None or (isa == "avx2" and NEEDS_AVX512.search(text)):
                leaks.add(f"{path.name}: {function}: {text}")
    assert sorted(leaks) == []
    assert seen == {"avx2", "avx512"}
