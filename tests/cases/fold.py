# SPDX-License-Identifier: MIT
"""Padding, sliding blocks and shuffles."""

from cases import Case

_PADS = [
    Case("pad", f"{mode}_{name}", (shape,), {"pad": pad, "mode": mode})
    for mode in ("constant", "reflect", "replicate", "circular")
    for name, shape, pad in (
        ("row", (2, 3, 5), (2, 1)),
        ("vectors", (2, 3, 37), (3, 17)),
        ("plane", (2, 3, 4, 5), (1, 2, 3, 0)),
        ("volume", (1, 2, 3, 4, 5), (1, 2, 0, 3, 2, 1)),
        ("unbatched", (2, 4, 5), (1, 1, 2, 2)),
        ("crop", (2, 3, 6, 7), (-1, 2, 1, -3)),
        ("crop_both", (2, 7), (-2, -3)),
        ("nothing", (2, 3, 4), (0, 0)),
        ("empty_batch", (0, 3, 4), (1, 2)),
    )
]

CASES = [
    *_PADS,
    Case("pad", "value", ((2, 3),), {"pad": (1, 2, 0, 1), "value": -1.5}),
    Case("pad", "channels", ((2, 3, 4, 2),), {"pad": (0, 0, 0, 0, 1, 2)}),
    Case("pad", "every_axis", ((2, 3, 2, 1, 2),), {"pad": (1, 0, 0, 2, 1, 1, -1, 1, 2, 0)}),
    Case("pad", "of_nothing", ((2, 0),), {"pad": (1, 2)}),
    Case("pad", "cropped_away", ((2, 4),), {"pad": (-4, 1)}),
    Case("pad", "scalar", ((),), {"pad": ()}),
    *(
        Case("unfold", name, (shape,), kwargs)
        for name, shape, kwargs in (
            ("plain", (2, 3, 5, 6), {"kernel_size": 3}),
            ("padded", (2, 3, 5, 6), {"kernel_size": 3, "padding": 1}),
            ("strided", (1, 2, 9, 19), {"kernel_size": (2, 3), "stride": 2, "padding": (0, 1)}),
            ("patches", (1, 2, 8, 36), {"kernel_size": 4, "stride": 4}),
            ("dilated", (1, 2, 9, 11), {"kernel_size": 3, "dilation": (1, 3), "padding": 2}),
            ("in_the_padding", (1, 1, 2, 2), {"kernel_size": 2, "padding": 4}),
            ("unbatched", (2, 5, 6), {"kernel_size": (1, 2)}),
            ("empty_batch", (0, 2, 5, 6), {"kernel_size": 2}),
        )
    ),
    *(
        Case("fold", name, (shape,), kwargs)
        for name, shape, kwargs in (
            ("plain", (2, 12, 12), {"output_size": (4, 5), "kernel_size": 2}),
            ("padded", (1, 18, 20), {"output_size": (4, 5), "kernel_size": 3, "padding": 1}),
            ("gaps", (1, 4, 6), {"output_size": (8, 5), "kernel_size": 2, "stride": (3, 3)}),
            ("patches", (2, 32, 18), {"output_size": (8, 36), "kernel_size": 4, "stride": 4}),
            ("patches_of_3", (1, 18, 4), {"output_size": 6, "kernel_size": 3, "stride": 3}),
            (
                "dilated",
                (12, 18),
                {"output_size": (7, 8), "kernel_size": (2, 3), "dilation": (4, 1)},
            ),
            ("empty_batch", (0, 4, 9), {"output_size": 4, "kernel_size": 2}),
        )
    ),
    *(
        Case("pixel_shuffle", f"by_{r}", ((2, 2 * r * r, 3, 17),), {"upscale_factor": r})
        for r in (1, 2, 3, 4)
    ),
    Case("pixel_shuffle", "by_9", ((81, 1, 2),), {"upscale_factor": 9}),
    Case("pixel_shuffle", "deep", ((2, 1, 2, 4, 2, 3),), {"upscale_factor": 2}),
    *(
        Case("pixel_unshuffle", f"by_{r}", ((2, 2, 2 * r, 17 * r),), {"downscale_factor": r})
        for r in (1, 2, 3, 4)
    ),
    Case("pixel_unshuffle", "deep", ((2, 1, 2, 4, 2, 6),), {"downscale_factor": 2}),
    Case("channel_shuffle", "plain", ((2, 6, 3, 4),), {"groups": 3}),
    Case("channel_shuffle", "one_group", ((2, 6, 3),), {"groups": 1}),
    Case("channel_shuffle", "empty", ((0, 4, 3),), {"groups": 2}),
]
