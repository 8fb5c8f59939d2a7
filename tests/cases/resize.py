# SPDX-License-Identifier: MIT
"""Interpolation. Scales are such that no place falls where rounding decides between two pixels."""

from typing import Any

from cases import Case

_LINEAR = {3: "linear", 4: "bilinear", 5: "trilinear"}
_SHAPES = ((2, 3, 7), (2, 3, 5, 7), (1, 2, 3, 4, 5))
_LONG = (1, 2, 9, 70)  # rows of several vectors


def _case(name: str, shape: tuple[int, ...], **kwargs: Any) -> Case:
    mode = kwargs.get("mode", "nearest")
    return Case("interpolate", f"{mode}_{name}", (shape,), kwargs)


def _sizes(shape: tuple[int, ...], mode: str, **kwargs: Any) -> list[Case]:
    """Up and down: by whole factors, by odd ones, and to one pixel."""
    rank = len(shape) - 2
    name = f"{rank}d" + "".join(f"_{key}" for key in kwargs)
    return [
        _case(f"{name}_double", shape, scale_factor=2, mode=mode, **kwargs),
        _case(f"{name}_eightfold", shape[:2] + (3,) * rank, scale_factor=8, mode=mode, **kwargs),
        _case(f"{name}_up", shape, size=tuple(2 * n - 1 for n in shape[2:]), mode=mode, **kwargs),
        _case(f"{name}_down", shape, size=(2, 3, 4)[:rank], mode=mode, **kwargs),
        _case(f"{name}_one", shape, size=1, mode=mode, **kwargs),
        _case(f"{name}_from_one", (1, 2, *(1,) * rank), size=5, mode=mode, **kwargs),
        _case(f"{name}_same", shape, size=shape[2:], mode=mode, **kwargs),
    ]


CASES = [
    *(c for s in _SHAPES for m in ("nearest", "nearest-exact", "area") for c in _sizes(s, m)),
    *(c for s in _SHAPES for c in _sizes(s, _LINEAR[len(s)])),
    *(c for s in _SHAPES for c in _sizes(s, _LINEAR[len(s)], align_corners=True)),
    *_sizes(_SHAPES[1], "bicubic"),
    *_sizes(_SHAPES[1], "bicubic", align_corners=True),
    *(c for m in ("bilinear", "bicubic", "lanczos") for c in _sizes(_SHAPES[1], m, antialias=True)),
    *(
        _case(f"long_{k}", _LONG, scale_factor=(1.5, k), mode=mode)
        for mode in ("nearest", "bilinear", "bicubic", "area")
        for k in (2.0, 3.0, 0.5, 0.37, 0.11)
    ),
    *(
        _case(f"long_antialias_{k}", _LONG, scale_factor=k, mode=mode, antialias=True)
        for mode in ("bilinear", "bicubic")
        for k in (0.5, 0.13)
    ),
    _case("tall", (1, 2, 70, 2), size=(9, 33), mode="bilinear"),
    _case("column", (1, 2, 20, 1), size=(33, 1), mode="bilinear"),
    _case("far_down", (1, 1, 40, 300), size=(3, 5), mode="bilinear"),
    _case("scale_kept", (1, 2, 5, 7), scale_factor=1.7, mode="bilinear"),
    _case(
        "scale_recomputed",
        (1, 2, 5, 7),
        scale_factor=1.7,
        mode="bilinear",
        recompute_scale_factor=True,
    ),
    _case("scales", (1, 2, 5, 7), scale_factor=(1.7, 0.6), mode="bicubic"),
    _case("barely", (1, 1, 300), scale_factor=1.0001, mode="linear"),
    _case("empty_batch", (0, 2, 5, 7), scale_factor=2, mode="bilinear"),
    Case("upsample", "nearest", ((1, 2, 5, 7),), {"scale_factor": 3}),
    Case("upsample", "bilinear", ((1, 2, 5, 7),), {"size": 9, "mode": "bilinear"}),
]
