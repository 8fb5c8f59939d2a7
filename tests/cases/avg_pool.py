# SPDX-License-Identifier: MIT
"""Pooling by means and by powers."""

from typing import Any

from cases import Case

_SHAPES = {1: (2, 3, 13), 2: (2, 3, 8, 11), 3: (1, 2, 5, 6, 7)}
_OUTS = {1: (5,), 2: (3, 5), 3: (2, 5, 3)}


def _avg(name: str, shape: tuple[int, ...], rank: int = 2, **kwargs: Any) -> Case:
    return Case(f"avg_pool{rank}d", name, (shape,), kwargs)


def _of_rank(rank: int) -> list[Case]:
    shape, op = _SHAPES[rank], f"adaptive_avg_pool{rank}d"
    return [
        _avg("plain", shape, rank, kernel_size=2),
        _avg("smooth", shape, rank, kernel_size=3, stride=1, padding=1),
        _avg("stem", shape, rank, kernel_size=3, stride=2, padding=1),
        _avg("ceil", shape, rank, kernel_size=3, stride=2, ceil_mode=True),
        _avg("even", shape, rank, kernel_size=4, stride=3, padding=2, count_include_pad=False),
        _avg("whole", shape, rank, kernel_size=shape[2:]),
        _avg("unbatched", shape[1:], rank, kernel_size=2),
        _avg("empty_batch", (0, *shape[1:]), rank, kernel_size=2),
        *(
            Case(op, name, (shape,), {"output_size": size})
            for name, size in (("one", 1), ("uneven", _OUTS[rank]), ("larger", 17))
        ),
        *(
            Case(f"lp_pool{rank}d", f"p{p}", (shape,), {"norm_type": p, "kernel_size": 2})
            for p in (2, 4)
        ),
        Case(
            f"lp_pool{rank}d",
            "overlapping_ceil",
            (shape,),
            {"norm_type": 2.0, "kernel_size": 3, "stride": 2, "ceil_mode": True},
        ),
    ]


CASES = [
    *(case for rank in (1, 2, 3) for case in _of_rank(rank)),
    _avg("oblong", (1, 2, 9, 8), kernel_size=(3, 2), stride=(2, 3), padding=(1, 0)),
    _avg("rows_only", (1, 2, 9, 8), kernel_size=(3, 1), stride=(2, 1)),
    _avg("columns_only", (1, 2, 9, 40), kernel_size=(1, 3), stride=1, padding=(0, 1)),
    _avg("column", (1, 2, 30, 1), kernel_size=(3, 1), stride=1, padding=(1, 0)),
    _avg("depth_only", (1, 2, 9, 3, 5), 3, kernel_size=(3, 1, 1), stride=(2, 1, 1)),
    _avg("ceil_padded", (1, 2, 6, 5), kernel_size=2, stride=3, padding=1, ceil_mode=True),
    _avg("ceil_larger", (1, 2, 4, 6), kernel_size=(5, 3), stride=2, ceil_mode=True),
    _avg("far_larger", (1, 2, 3, 4), kernel_size=(41, 6), stride=(1, 2), padding=(20, 3)),
    _avg("divisor", (1, 2, 6, 5), kernel_size=2, divisor_override=3),
    _avg("divisor_of_pixels", (1, 2, 6, 5), kernel_size=1, divisor_override=-4),
    _avg("strided_pixels", (1, 2, 6, 50), kernel_size=1, stride=2),
    *(
        _avg(f"{k}_by_{s}", (1, 2, 40, 50), kernel_size=k, stride=s, padding=k // 2)
        for k, s in ((5, 1), (5, 2), (3, 3), (7, 4), (7, 7), (35, 1), (35, 2))
    ),
    _avg("counted", (1, 1, 20, 43), kernel_size=5, stride=1, padding=2, count_include_pad=False),
    Case("adaptive_avg_pool2d", "kept", ((3, 4, 3),), {"output_size": (None, 5)}),
    Case("adaptive_avg_pool2d", "thirds", ((2, 3, 9, 48),), {"output_size": 3}),
]
