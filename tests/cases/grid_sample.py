# SPDX-License-Identifier: MIT
"""Images at points, which lie inside, outside and, as they are normal numbers, mostly near."""

from cases import Case

_NAMES = "input", "grid"

CASES = [
    *(
        Case(
            "grid_sample",
            f"{mode}_{padding}{'_corners' if align else ''}",
            ((2, 3, 4, 5), (2, 3, 2, 2)),
            {"mode": mode, "padding_mode": padding, "align_corners": align},
            _NAMES,
        )
        for mode in ("bilinear", "nearest", "bicubic")
        for padding in ("zeros", "border", "reflection")
        for align in (False, True)
    ),
    *(
        Case(
            "grid_sample",
            f"{mode}_{padding}_volume",
            ((2, 2, 3, 4, 2), (2, 2, 1, 3, 3)),
            {"mode": mode, "padding_mode": padding, "align_corners": False},
            _NAMES,
        )
        for mode in ("bilinear", "nearest")
        for padding in ("zeros", "border", "reflection")
    ),
    *(
        Case("grid_sample", name, shapes, {"align_corners": align, **kwargs}, _NAMES)
        for name, shapes, align, kwargs in (
            ("tiles", ((1, 1, 9, 7), (1, 13, 11, 2)), False, {}),
            ("channels", ((1, 19, 3, 3), (1, 5, 2, 2)), False, {}),
            ("many_channels", ((2, 37, 3, 4), (2, 2, 3, 2)), False, {"mode": "bicubic"}),
            ("one_pixel", ((1, 2, 1, 1), (1, 2, 3, 2)), True, {"padding_mode": "reflection"}),
            ("one_row", ((1, 2, 1, 5), (1, 2, 3, 2)), False, {"padding_mode": "reflection"}),
            ("empty_batch", ((0, 2, 3, 3), (0, 2, 2, 2)), False, {}),
            ("no_points", ((1, 2, 3, 3), (1, 0, 2, 2)), False, {}),
        )
    ),
    *(
        Case("affine_grid", name, (theta,), {"size": size, "align_corners": align}, ("theta",))
        for name, theta, size, align in (
            ("plane", (2, 2, 3), (2, 1, 3, 4), False),
            ("plane_corners", (2, 2, 3), (2, 1, 3, 4), True),
            ("volume", (2, 3, 4), (2, 1, 3, 4, 2), False),
            ("volume_corners", (1, 3, 4), (1, 5, 2, 3, 4), True),
        )
    ),
]
