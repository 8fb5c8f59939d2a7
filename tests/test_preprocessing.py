# SPDX-License-Identifier: MIT
"""Scalers beside scikit-learn's, in chunks, there and back."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ndnn
from ndnn import preprocessing as pre

RNG = np.random.default_rng(0)
X = RNG.standard_normal((50, 4)) * [1, 10, 1e-3, 0] + [0, 1e6, 5, 7]  # the last is constant
HOLES = np.where(RNG.random(X.shape) < 0.2, np.nan, X)
HOLES[:, 0] = np.nan  # nothing is known of the first

ALL = [
    pre.ZScore(),
    pre.MinMax(),
    pre.MinMax((-3, 5)),
    pre.LogScale(2),
    pre.ArctanScale(),
    pre.ArctanScale(None, None),
    pre.SigmoidScale(None, None),
    pre.SigmoidScale(1.0, 3.0),
]


@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (pre.ZScore(), "StandardScaler()"),
        (pre.ZScore(with_mean=False), "StandardScaler(with_mean=False)"),
        (pre.ZScore(with_std=False), "StandardScaler(with_std=False)"),
        (pre.MinMax(), "MinMaxScaler()"),
        (pre.MinMax((-1, 3), clip=True), "MinMaxScaler((-1, 3), clip=True)"),
    ],
)
def test_as_in_scikit_learn(ours: Any, theirs: str, holes: bool) -> None:
    sklearn = pytest.importorskip("sklearn.preprocessing")
    other = eval(f"sklearn.{theirs}", {"sklearn": sklearn})
    x = HOLES[:, 1:] if holes else X
    for got, want in (
        (ours.fit_transform(x), other.fit_transform(x)),
        (ours.transform(x + 1), other.transform(x + 1)),
        (ours.inverse_transform(x), other.inverse_transform(x)),
    ):
        np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-8)
    for name in ("mean_", "var_", "scale_", "min_", "data_min_", "data_max_", "data_range_"):
        if getattr(other, name, None) is not None and name in vars(ours):
            want = getattr(other, name)
            np.testing.assert_allclose(getattr(ours, name), want, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("scaler", ALL, ids=repr)
@pytest.mark.parametrize("x", [np.abs(X[:, :3]), np.abs(HOLES)], ids=["whole", "holes"])
def test_there_and_back_and_in_chunks(scaler: Any, x: np.ndarray, tmp_path: Path) -> None:
    y = scaler.fit_transform(x)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(x))
    if np.nanmax(np.abs(y)) < 1 or not isinstance(scaler, pre._Squash):  # 1 has no way back
        np.testing.assert_allclose(scaler.inverse_transform(y), x, rtol=1e-6, atol=1e-9)
    chunks = type(scaler)(**scaler.get_params())
    for part in np.array_split(x, [0, 1, 7, 8, 30]):
        chunks.partial_fit(part)
    np.testing.assert_allclose(chunks.transform(x), y, rtol=1e-7, atol=1e-9)
    ndnn.save(tmp_path / "scaler.npz", scaler.state_dict())
    again = type(scaler)(**scaler.get_params()).load_state_dict(ndnn.load(tmp_path / "scaler.npz"))
    np.testing.assert_array_equal(again.transform(x), y)


def test_chunks_far_from_zero() -> None:
    """A mean of 1e8 deviations leaves the variance as exact as one fit."""
    x = 1e8 + RNG.standard_normal((10_000, 2))
    chunks = pre.ZScore()
    for part in np.array_split(x, 100):
        chunks.partial_fit(part)
    np.testing.assert_allclose(chunks.var_, x.var(0), rtol=1e-9)
    np.testing.assert_allclose(chunks.mean_, x.mean(0), rtol=1e-14)


@pytest.mark.parametrize("make", [pre.ZScore, pre.MinMax])
def test_per(make: Any) -> None:
    x = RNG.standard_normal((8, 3, 4, 5)) * np.array([1, 2, 3]).reshape(3, 1, 1)
    for per, shape, axes in (
        ("feature", (3, 4, 5), 0),
        ("channel", (3,), (0, 2, 3)),
        ("array", (), None),
    ):
        scaler = make(per=per)
        y = scaler.fit_transform(x)
        assert scaler.scale_.shape == shape
        if make is pre.ZScore:
            np.testing.assert_allclose(y.mean(axes), 0, atol=1e-12)
            np.testing.assert_allclose(y.std(axes), 1)
        else:
            np.testing.assert_allclose(y.min(axes), 0, atol=1e-12)
            np.testing.assert_allclose(y.max(axes), 1)
        np.testing.assert_allclose(scaler.inverse_transform(y), x)


def test_dtypes() -> None:
    for dtype, want in (("float32", "float32"), ("float64", "float64"), ("uint8", "float64")):
        x = np.arange(12).reshape(4, 3).astype(dtype)
        kept = x.copy()
        for scaler in ALL:
            assert scaler.fit_transform(x).dtype == want
        np.testing.assert_array_equal(x, kept)
    x = (1e4 + RNG.standard_normal((1000, 1))).astype(np.float32)
    np.testing.assert_allclose(pre.ZScore().fit_transform(x).std(), 1, rtol=1e-5)


def test_given_constants() -> None:
    x = np.array([[0, 128], [255, 64]], np.uint8)
    y = pre.MinMax((0, 1), 0, 255).fit_transform(x)
    np.testing.assert_allclose(y, x / 255)
    by_feature = pre.MinMax((0, 1), [0, 0], [255, 128]).fit_transform(x)
    np.testing.assert_allclose(by_feature, x / [255, 128])


def test_in_a_pipeline() -> None:
    pipeline = pytest.importorskip("sklearn.pipeline")
    linear_model = pytest.importorskip("sklearn.linear_model")
    base = pytest.importorskip("sklearn.base")
    steps = [
        ("log", pre.LogScale(10)),
        ("scale", pre.ZScore()),
        ("fit", linear_model.LinearRegression()),
    ]
    x, y = np.abs(X[:, :3]), X[:, 0]
    line = pipeline.Pipeline(steps)
    line.set_params(log__base=2.0).fit(x, y)
    assert line.named_steps["log"].base == 2.0
    assert np.isfinite(line.predict(x)).all()
    copy = base.clone(line)
    assert not hasattr(copy.named_steps["scale"], "mean_")
    np.testing.assert_allclose(copy.fit(x, y).predict(x), line.predict(x))
    assert "ZScore" in repr(line)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: pre.ZScore().transform(X), ValueError, "ZScore: must be fitted first"),
        (lambda: pre.ZScore().fit(X).transform(X[:, :2]), ValueError, "features it was fitted"),
        (lambda: pre.ZScore().fit(X).partial_fit(X[:, :2]), ValueError, "chunks before"),
        (lambda: pre.ZScore(per="channel").fit(X).transform(X.T), ValueError, "features"),
        (lambda: pre.ZScore("pixel").fit(X), ValueError, "per must be one of .* 'pixel'"),
        (lambda: pre.ZScore("channel").fit(X[0]), ValueError, r"\(N, C, ...\)"),
        (lambda: pre.ZScore().fit(3.0), ValueError, "axis of samples"),
        (lambda: pre.ZScore().fit([["a"]]), TypeError, "array of numbers"),
        (lambda: pre.ZScore().fit(np.array([[np.inf]])), ValueError, "finite numbers or nan"),
        (lambda: pre.ZScore().set_params(mean=1), ValueError, "'mean'"),
        (lambda: pre.ZScore().load_state_dict({"per": 1}), ValueError, "'per'"),
        (lambda: pre.MinMax((1, 0)).fit(X), ValueError, r"\(1, 0\)"),
        (lambda: pre.MinMax(data_min=2, data_max=1).fit(X), ValueError, "exceed"),
        (lambda: pre.LogScale(1).fit_transform(X), ValueError, "base=1"),
        (lambda: pre.LogScale().fit_transform([[-1.0]]), ValueError, "-1.0 at offset=1"),
        (lambda: pre.SigmoidScale(scale=0.0).fit(X), ValueError, "scale=0"),
        (lambda: pre.SigmoidScale().fit(X).inverse_transform([[1.0] * 4]), ValueError, "and 1"),
        (lambda: pre.ArctanScale().fit(X).inverse_transform([[-1.0] * 4]), ValueError, "-1"),
    ],
)
def test_errors(call: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        call()


def test_scikit_learn_sees_what_is_fitted() -> None:
    validation = pytest.importorskip("sklearn.utils.validation")
    with pytest.raises(ValueError, match="not fitted"):
        validation.check_is_fitted(pre.ZScore())
    validation.check_is_fitted(pre.ZScore().fit(X))
    validation.check_is_fitted(pre.LogScale())


def test_results_share_no_memory_with_the_input() -> None:
    x = np.arange(6.0).reshape(2, 3)
    y = pre.ZScore(with_mean=False, with_std=False).fit_transform(x)
    y[...] = 0
    assert x.sum() == 15
