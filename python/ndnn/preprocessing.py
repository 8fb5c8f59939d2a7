# SPDX-License-Identifier: MIT
"""Scaling of data before it enters a network, with scikit-learn's conventions.

`fit` measures, `transform` scales, `inverse_transform` undoes it, `partial_fit` goes on measuring
with a further chunk. They have get_params and set_params, and stand in a scikit-learn Pipeline.
`state_dict()` is plain arrays, for ndnn.save.

Statistics are in float64, per="feature" for each position of a sample (all axes but the first),
per="channel" for each index of axis 1, per="array" for everything together. nan is a missing value:
it is left out of the statistics, and stays nan. A constant feature is moved but not scaled. float32
and float64 keep their dtype; float16 and whole numbers become float64.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]

__all__ = ["ArctanScale", "LogScale", "MinMax", "SigmoidScale", "ZScore"]

_PER = ("feature", "channel", "array")


class Scaler:
    """The base: parameters under the names of __init__, state in attributes that end in _."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> Self:
        unknown = set(params) - set(self.get_params())
        if unknown:
            raise ValueError(f"{self._name}.set_params: unknown parameters {sorted(unknown)}")
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        return f"{self._name}({', '.join(f'{k}={v!r}' for k, v in self.get_params().items())})"

    def __sklearn_tags__(self) -> Any:  # asked for by scikit-learn alone
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(preserves_dtype=["float64", "float32"]),
            input_tags=InputTags(allow_nan=True),
            requires_fit=type(self)._measure is not Scaler._measure,
        )

    def __sklearn_is_fitted__(self) -> bool:
        return bool(self._state())

    # ---- what scalers define

    def _measure(self, x: Array) -> None:
        """Adds a chunk, float64, to the state; nothing where the parameters say all."""

    def _scale(self, x: Array) -> Array:
        raise NotImplementedError

    def _unscale(self, x: Array) -> Array:
        raise NotImplementedError

    # ---- what they share

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Forgets what was measured before, and measures X."""
        for name in self._state():
            delattr(self, name)
        return self.partial_fit(X)

    def partial_fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Measures X besides what was measured before: as one fit of all, within rounding."""
        x = self._checked(X)
        if np.isinf(x).any():
            raise ValueError(f"{self._name}: X must hold finite numbers or nan, but got inf")
        self._measure(x)
        self.n_features_in_ = x.shape[1] if x.ndim > 1 else 1
        return self

    def transform(self, X: ArrayLike) -> Array:
        return self._applied(self._scale, X)

    def inverse_transform(self, X: ArrayLike) -> Array:
        return self._applied(self._unscale, X)

    def fit_transform(self, X: ArrayLike, y: Any = None) -> Array:
        return self.fit(X).transform(X)

    def state_dict(self) -> dict[str, Array]:
        """What was measured, as arrays."""
        return {name: np.array(value) for name, value in self._state().items()}

    def load_state_dict(self, state: Mapping[str, ArrayLike]) -> Self:
        for name in self._state():
            delattr(self, name)
        for name, value in state.items():
            if not name.endswith("_") or name.startswith("_"):
                raise ValueError(f"{self._name}.load_state_dict: no state, but got {name!r}")
            setattr(self, name, np.array(value))
        return self

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _state(self) -> dict[str, Any]:
        own = vars(self).items()
        return {k: v for k, v in own if k.endswith("_") and not k.startswith("_")}

    def _checked(self, X: ArrayLike) -> Array:
        """float64, with an axis of samples."""
        x = np.asarray(X)
        if x.dtype.kind not in "fiub" or isinstance(X, np.ma.MaskedArray):
            raise TypeError(f"{self._name}: X must be an array of numbers, but got {x.dtype}")
        if x.ndim == 0:
            raise ValueError(f"{self._name}: X must have an axis of samples, but got shape=()")
        return x.astype(np.float64, copy=False)

    def _applied(self, function: Any, X: ArrayLike) -> Array:
        x = self._checked(X)
        dtype = np.float32 if np.asarray(X).dtype == np.float32 else np.float64
        try:
            y = function(x)
        except AttributeError as error:
            raise ValueError(f"{self._name}: must be fitted first") from error
        if y.shape != x.shape:
            raise ValueError(
                f"{self._name}: X must have the features it was fitted with, "
                f"but got shape={x.shape}"
            )
        result = np.asarray(y.astype(dtype, copy=False))
        return result.copy() if np.may_share_memory(result, X) else result  # nothing was to do


class _Measured(Scaler):
    """Statistics over the axes that `per` leaves."""

    per: str
    n_samples_seen_: Any
    mean_: Any
    var_: Any
    scale_: Any

    def _axes(self, x: Array) -> tuple[int, ...]:
        if self.per not in _PER:
            raise ValueError(f"{self._name}: per must be one of {_PER}, but got {self.per!r}")
        if self.per == "channel" and x.ndim < 2:
            raise ValueError(f"{self._name}: X must be (N, C, ...), but got shape={x.shape}")
        axes = tuple(range(x.ndim))
        return {"feature": axes[:1], "channel": axes[:1] + axes[2:], "array": axes}[self.per]

    def _beside(self, values: Any, x: Array) -> Array:
        """Statistics, which have no axes of samples or pixels, in a shape to compute with x."""
        array = np.asarray(values)
        if self.per == "channel":
            array = array.reshape(-1, *(1,) * (x.ndim - 2))
        if self.per != "array" and array.shape[:1] != x.shape[1:2]:
            raise ValueError(
                f"{self._name}: X must have the features it was fitted with, "
                f"but got shape={x.shape}"
            )
        return array

    def _same_features(self, measured: Array, before: Any) -> None:
        if np.shape(before) != measured.shape:
            raise ValueError(
                f"{self._name}.partial_fit: X must have the features of the chunks before, "
                f"{np.shape(before)}, but got {measured.shape}"
            )

    def _add_moments(self, x: Array) -> None:
        """n_samples_seen_, mean_ and var_, joined with a chunk's."""
        axes = self._axes(x)
        seen = ~np.isnan(x)
        count = seen.sum(axes)
        some = np.maximum(count, 1)
        mean = np.where(count > 0, np.where(seen, x, 0).sum(axes) / some, np.nan)
        beside = np.expand_dims(mean, axes)
        deviation = np.where(seen, x - beside, 0)
        # The second term corrects the rounding of the mean.
        squares = (deviation**2).sum(axes) - deviation.sum(axes) ** 2 / some
        mean = mean + deviation.sum(axes) / some
        if hasattr(self, "mean_"):
            self._same_features(mean, self.mean_)
            before = np.asarray(self.n_samples_seen_)
            total = before + count
            step = np.where((before > 0) & (count > 0), mean - self.mean_, 0)
            part = count / np.maximum(total, 1)
            squares = squares + step**2 * before * part
            squares += np.where(before > 0, self.var_, 0) * before
            mean = np.where(before > 0, np.asarray(self.mean_) + step * part, mean)
            count = total
        self.n_samples_seen_, self.mean_ = count, mean
        self.var_ = np.where(count > 0, squares / np.maximum(count, 1), np.nan)

    def _deviation(self) -> Array:
        """sqrt(var_); 1 where it is no more than the rounding of the mean, as of equal values."""
        eps, n = np.finfo(np.float64).eps, np.asarray(self.n_samples_seen_)
        bound = n * eps * self.var_ + (n * np.asarray(self.mean_) * eps) ** 2
        return np.where(self.var_ <= bound, 1.0, np.sqrt(self.var_))


class ZScore(_Measured):
    """(x - mean) / standard deviation.

    >>> ZScore().fit_transform([[1.0, 5.0], [3.0, 5.0]]).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """

    def __init__(self, per: str = "feature", with_mean: bool = True, with_std: bool = True) -> None:
        self.per, self.with_mean, self.with_std = per, with_mean, with_std

    def _measure(self, x: Array) -> None:
        self._add_moments(x)
        self.scale_ = self._deviation()

    def _scale(self, x: Array) -> Array:
        mean, scale = self._beside(self.mean_, x), self._beside(self.scale_, x)
        x = x - mean if self.with_mean else x
        return x / scale if self.with_std else x

    def _unscale(self, x: Array) -> Array:
        mean, scale = self._beside(self.mean_, x), self._beside(self.scale_, x)
        x = x * scale if self.with_std else x
        return x + mean if self.with_mean else x


class MinMax(_Measured):
    """Moves the range of the data, or what is given of data_min and data_max, to feature_range.

    clip: what lies outside is moved to the ends.

    >>> MinMax().fit_transform([[1.0, 5.0], [3.0, 5.0]]).tolist()
    [[0.0, 0.0], [1.0, 0.0]]
    >>> MinMax((-1, 1), data_min=0, data_max=255, per="array").fit_transform([[0, 255]]).tolist()
    [[-1.0, 1.0]]
    """

    def __init__(
        self,
        feature_range: tuple[float, float] = (0, 1),
        data_min: ArrayLike | None = None,
        data_max: ArrayLike | None = None,
        clip: bool = False,
        per: str = "feature",
    ) -> None:
        self.feature_range, self.clip, self.per = feature_range, clip, per
        self.data_min: Any = data_min
        self.data_max: Any = data_max

    data_min_: Any
    data_max_: Any
    data_range_: Any
    min_: Any

    def _measure(self, x: Array) -> None:
        low, high = self.feature_range
        if not low < high:
            raise ValueError(
                f"MinMax: feature_range must go up, but got feature_range={self.feature_range}"
            )
        axes = self._axes(x)
        least = np.fmin.reduce(x, axes, initial=math.inf)
        most = np.fmax.reduce(x, axes, initial=-math.inf)
        if hasattr(self, "data_min_"):
            self._same_features(least, self.data_min_)
            least, most = np.fmin(least, self.data_min_), np.fmax(most, self.data_max_)
        none = np.isinf(least)  # nothing but nan so far
        least, most = np.where(none, np.nan, least), np.where(none, np.nan, most)
        if self.data_min is not None:
            least = np.broadcast_to(np.asarray(self.data_min, np.float64), least.shape).copy()
        if self.data_max is not None:
            most = np.broadcast_to(np.asarray(self.data_max, np.float64), most.shape).copy()
        if np.any(least > most):
            raise ValueError(
                f"MinMax: data_min must not exceed data_max, but got {self.data_min} "
                f"and {self.data_max}"
            )
        self.data_min_, self.data_max_ = least, most
        self.data_range_ = most - least
        flat = self.data_range_ < 10 * np.finfo(np.float64).eps
        self.scale_ = (high - low) / np.where(flat, 1.0, self.data_range_)
        self.min_ = low - least * self.scale_

    def _scale(self, x: Array) -> Array:
        y = x * self._beside(self.scale_, x) + self._beside(self.min_, x)
        return np.clip(y, *self.feature_range) if self.clip else y

    def _unscale(self, x: Array) -> Array:
        return (x - self._beside(self.min_, x)) / self._beside(self.scale_, x)


class LogScale(Scaler):
    """log(x + offset) to a base. Values not above -offset are a ValueError.

    >>> LogScale(10).fit_transform([[0.0, 9.0, 99.0]]).tolist()
    [[0.0, 1.0, 2.0]]
    """

    def __init__(self, base: float = math.e, offset: float = 1.0) -> None:
        self.base, self.offset = base, offset

    def _scale(self, x: Array) -> Array:
        base = self._log_base()
        if np.any(x <= -self.offset):
            raise ValueError(
                f"LogScale: X must be above -offset, but got {np.nanmin(x)} at offset={self.offset}"
            )
        return np.asarray(np.log1p(x + (self.offset - 1)) / base)

    def _unscale(self, x: Array) -> Array:
        return np.asarray(np.expm1(x * self._log_base()) - (self.offset - 1))

    def _log_base(self) -> float:
        if not (0 < self.base < math.inf and self.base != 1):
            raise ValueError(
                f"LogScale: base must be above 0, finite and not 1, but got base={self.base}"
            )
        return math.log(self.base)


class _Squash(_Measured):
    """A bounded function of (x - centre) / scale. What is None is fitted: mean and deviation."""

    def __init__(
        self, centre: float | None = 0.0, scale: float | None = 1.0, per: str = "feature"
    ) -> None:
        self.centre, self.scale, self.per = centre, scale, per

    def _measure(self, x: Array) -> None:
        if self.scale is not None and not 0 < self.scale < math.inf:
            raise ValueError(f"{self._name}: scale must be above 0, but got scale={self.scale}")
        self._add_moments(x)
        self.centre_ = np.asarray(self.mean_ if self.centre is None else float(self.centre))
        self.scale_ = np.asarray(self._deviation() if self.scale is None else float(self.scale))

    def _scale(self, x: Array) -> Array:
        return self._squash((x - self._given(self.centre_, x)) / self._given(self.scale_, x))

    def _unscale(self, x: Array) -> Array:
        low = self._low
        if np.any((x <= low) | (x >= 1)):
            raise ValueError(
                f"{self._name}: what is scaled back must lie between {low} and 1, "
                f"but got values from {np.nanmin(x)} to {np.nanmax(x)}"
            )
        return self._stretch(x) * self._given(self.scale_, x) + self._given(self.centre_, x)

    def _given(self, values: Array, x: Array) -> Array:
        return values if np.ndim(values) == 0 else self._beside(values, x)

    _low = 0

    def _squash(self, x: Array) -> Array:
        raise NotImplementedError

    def _stretch(self, x: Array) -> Array:
        raise NotImplementedError


class ArctanScale(_Squash):
    """2 / pi * arctan((x - centre) / scale): between -1 and 1. None: the mean, the deviation.

    >>> ArctanScale().fit_transform([[0.0, 1.0]]).tolist()
    [[0.0, 0.5]]
    """

    _low = -1

    def _squash(self, x: Array) -> Array:
        return np.arctan(x) * (2 / math.pi)

    def _stretch(self, x: Array) -> Array:
        return np.tan(x * (math.pi / 2))


class SigmoidScale(_Squash):
    """1 / (1 + e^((centre - x) / scale)): between 0 and 1. None: the mean, the deviation.

    >>> SigmoidScale().fit_transform([[0.0]]).tolist()
    [[0.5]]
    """

    def _squash(self, x: Array) -> Array:
        power = np.exp(-np.abs(x))  # never overflows
        return np.asarray(np.where(x < 0, power, 1) / (1 + power))

    def _stretch(self, x: Array) -> Array:
        return np.asarray(np.log(x) - np.log1p(-x))
