# SPDX-License-Identifier: MIT
"""The command line, `python -m ndnn`: the demos and `info`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ndnn
from ndnn.__main__ import main
from ndnn.demo import filters, measure

STEPS = ["luminance", "blur", "sobel", "gabor", "dilated", "strided", "mixing"]


def run_ndnn(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `python -m ndnn` as a user does."""
    command = [sys.executable, "-m", "ndnn", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A small picture of a bright disc on a slope, as a PNG."""
    image = pytest.importorskip("matplotlib.image")
    y, x = np.mgrid[:48, :64] / 48
    disc = np.hypot(y - 0.5, x - 0.6) < 0.3
    path = tmp_path / "photo.png"
    image.imsave(path, np.clip(np.stack([0.5 * x, 0.5 * y, disc], axis=-1), 0, 1))
    return path


def test_photo_writes_table_and_picture(photo: Path, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    done = run_ndnn("photo", "--image", photo, "--output", picture, "--threads", "1")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split()[:3] == ["step", "input", "weight"]
    rows = [line.split() for line in lines[2 : 2 + len(STEPS)]]
    assert [row[0] for row in rows] == STEPS
    for row in rows:
        assert len(row) == 9
        assert float(row[4]) > 0  # ms
        assert 0 <= float(row[8]) <= 1  # error / bound
    check_picture(picture)


def test_photo_that_is_bundled(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("sklearn")
    picture = tmp_path / "picture.png"
    done = run_ndnn("photo", "--output", picture)
    assert done.returncode == 0, done.stderr
    assert "1x3x427x640" in done.stdout
    check_picture(picture)


def check_picture(path: Path) -> None:
    """A PNG of decent size with many colours in it."""
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    pixels = pytest.importorskip("matplotlib.image").imread(path)
    assert min(pixels.shape[:2]) > 800
    assert len(np.unique((pixels[::4, ::4, :3] * 15).astype(int).reshape(-1, 3), axis=0)) > 100


def test_bad_images_end_with_one_line_and_code_2(tmp_path: Path) -> None:
    image = pytest.importorskip("matplotlib.image")
    (tmp_path / "text.png").write_text("no picture")
    image.imsave(tmp_path / "tiny.png", np.zeros((8, 8, 3)))
    for name in ("missing.jpg", "text.png", "tiny.png", "."):
        output = tmp_path / "picture.png"
        done = run_ndnn("photo", "--image", tmp_path / name, "--output", output)
        assert done.returncode == 2
        assert done.stderr.startswith("ndnn photo: ")
        assert len(done.stderr.splitlines()) == 1
        assert not output.exists()


def test_digits_are_learned_and_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("sklearn")
    files = []
    for threads in ("1", "2"):
        picture, weights = tmp_path / f"{threads}.png", tmp_path / f"{threads}.npz"
        done = run_ndnn("demo", "--output", picture, "--weights", weights, "--threads", threads)
        assert done.returncode == 0, done.stderr
        right = float(re.search(r"right: ([\d.]+) %", done.stdout)[1])
        assert right >= 98
        assert "The same from the saved weights" in done.stdout
        check_picture(picture)
        files.append(ndnn.load(weights))
    assert files[0].keys() == files[1].keys()
    for name, values in files[0].items():
        np.testing.assert_array_equal(values, files[1][name], name)


def test_noise_is_taken_from_a_photograph(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("sklearn")
    picture, weights = tmp_path / "picture.png", tmp_path / "weights.npz"
    done = run_ndnn("denoise", "--output", picture, "--weights", weights, "--epochs", "6")
    assert done.returncode == 0, done.stderr
    noisy, cleaned = map(
        float, re.search(r"noisy ([\d.]+) dB, cleaned ([\d.]+) dB", done.stdout).groups()
    )
    assert cleaned > noisy + 2
    check_picture(picture)


@pytest.mark.parametrize("command", ["demo", "denoise", "photo"])
@pytest.mark.parametrize("output", ["missing_folder/picture.png", "."])
def test_bad_output_fails_before_the_work(
    command: str, output: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    assert main([command, "--output", str(tmp_path / output)]) == 2
    assert "cannot write" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["demo", "--threads", "0"], ["demo", "--seed", "-1"], ["nonsense"], []]
)
def test_bad_usage_is_code_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_wrong_result_is_code_1(
    photo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    right = measure.reference.conv2d
    monkeypatch.setattr(measure.reference, "conv2d", lambda *a, **k: right(*a, **k) + 1e-4)
    output = tmp_path / "picture.png"
    assert main(["photo", "--image", str(photo), "--output", str(output)]) == 1
    assert "luminance: the result is wrong" in capsys.readouterr().err
    assert not output.exists()


def test_missing_package_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["demo"]) == 2
    assert 'pip install "ndnn[demo]"' in capsys.readouterr().err


def test_error_is_measured_in_units_of_its_bound() -> None:
    x = np.ones((1, 2, 4, 4), dtype=np.float32)
    weight = np.ones((3, 2, 1, 1), dtype=np.float32)
    y = np.full((1, 3, 4, 4), 2, dtype=np.float32)
    exact = y.astype(np.float64)
    bound = 3 * np.finfo(np.float32).eps * 2  # 2 terms and a rounding, values up to 2
    assert measure.relative_error(y, exact, x, weight) == 0
    assert measure.relative_error(y, exact + bound, x, weight) == pytest.approx(1)
    assert measure.relative_error(y, exact[:, :2], x, weight) == np.inf
    y[0, 0, 0, 0] = np.nan
    assert np.isnan(measure.relative_error(y, exact, x, weight))


def test_filters_do_what_they_say() -> None:
    assert filters.luminance().sum() == pytest.approx(1)
    np.testing.assert_allclose(filters.gaussian(13, 2.8, 3).sum((1, 2, 3)), 1, rtol=1e-6)
    for flat in (filters.sobel(), filters.gabor_bank(), filters.difference_of_gaussians(5, 3)):
        np.testing.assert_allclose(flat.sum((1, 2, 3)), 0, atol=1e-6)
    rightwards = filters.gabor_bank()[0, 0]  # a wave along each row, none down a column
    assert rightwards[5].min() < 0 < rightwards[:, 5].min()
    np.testing.assert_allclose(filters.hue(0.3), filters.hue(0.3 + np.pi))


def test_info_prints_text_and_json() -> None:
    assert run_ndnn("info").stdout.strip()
    done = run_ndnn("info", "--json")
    assert done.returncode == 0, done.stderr
    assert isinstance(json.loads(done.stdout), dict)
