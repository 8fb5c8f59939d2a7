# SPDX-License-Identifier: MIT
"""Transposed convolutions. The shapes are (input, weight, bias); kwargs are the operator's own."""

from typing import Any

from cases import Case


def _case(op: str, id: str, x: tuple[int, ...], w: tuple[int, ...], **kwargs: Any) -> Case:
    return Case(op, id, (x, w, (w[1] * kwargs.get("groups", 1),)), kwargs)


CASES = [
    # vectors of every instruction set, and the steps that are shuffled together
    *(
        _case("conv_transpose1d", f"step_{s}_tail_{n}", (1, 3, n), (3, 5, s + 1), stride=s)
        for s in (1, 2, 3, 4, 5, 8)
        for n in (1, 2, 5, 8, 17, 33)
    ),
    # shapes of networks, small
    _case("conv_transpose2d", "dcgan", (2, 24, 8, 8), (24, 40, 4, 4), stride=2, padding=1),
    _case("conv_transpose2d", "dcgan.first", (3, 20, 1, 1), (20, 33, 4, 4)),
    _case("conv_transpose2d", "dcgan.out", (1, 16, 32, 32), (16, 3, 4, 4), stride=2, padding=1),
    _case("conv_transpose2d", "unet", (2, 20, 9, 11), (20, 17, 2, 2), stride=2),
    _case(
        "conv_transpose2d",
        "cyclegan",
        (1, 20, 13, 12),
        (20, 18, 3, 3),
        stride=2,
        padding=1,
        output_padding=1,
    ),
    _case("conv_transpose2d", "winograd", (1, 24, 14, 14), (24, 40, 3, 3), padding=1),
    _case("conv_transpose2d", "fcn", (1, 5, 9, 7), (5, 1, 16, 16), stride=8, padding=4, groups=5),
    _case("conv_transpose2d", "depthwise", (2, 7, 17, 9), (7, 1, 3, 3), padding=1, groups=7),
    _case(
        "conv_transpose2d",
        "depthwise_stride_2",
        (1, 7, 17, 9),
        (7, 2, 3, 3),
        stride=2,
        padding=1,
        groups=7,
    ),
    _case("conv_transpose2d", "grouped", (2, 24, 10, 12), (24, 7, 3, 3), stride=2, groups=3),
    _case("conv_transpose1d", "hifigan", (1, 20, 40), (20, 12, 16), stride=8, padding=4),
    _case("conv_transpose3d", "unet3d", (1, 12, 3, 5, 6), (12, 9, 2, 2, 2), stride=2),
    _case("conv_transpose3d", "mixed", (2, 4, 3, 5, 6), (4, 3, 3, 2, 4), stride=(1, 3, 2)),
    # several boxes: cut along images, rows, columns
    _case("conv_transpose1d", "boxes", (1, 2, 90001), (2, 3, 3), stride=4, padding=1),
    _case("conv_transpose2d", "boxes", (1, 2, 150, 260), (2, 9, 3, 3), stride=2, padding=1),
    _case("conv_transpose2d", "boxes_of_images", (70, 3, 15, 20), (3, 17, 2, 3), stride=2),
    # geometry at its edges
    _case("conv_transpose2d", "one_pixel", (1, 1, 1, 1), (1, 1, 1, 1)),
    _case("conv_transpose2d", "one_output", (1, 3, 1, 1), (3, 2, 3, 3), padding=1),
    _case("conv_transpose2d", "stride_beyond_kernel", (1, 3, 5, 6), (3, 4, 2, 3), stride=(5, 7)),
    _case("conv_transpose2d", "only_one_phase", (1, 3, 9, 8), (3, 4, 1, 1), stride=2),
    _case("conv_transpose2d", "padding_beyond_kernel", (1, 3, 9, 8), (3, 4, 2, 2), padding=(3, 2)),
    _case("conv_transpose1d", "inputs_dropped", (1, 3, 12), (3, 4, 3), stride=2, padding=9),
    _case("conv_transpose1d", "huge_stride", (1, 2, 2), (2, 3, 2), stride=100000),
    _case("conv_transpose1d", "huge_dilation", (1, 2, 3), (2, 3, 2), dilation=100000),
    _case("conv_transpose1d", "long_kernel", (1, 2, 300), (2, 3, 900), stride=2, padding=400),
    _case(
        "conv_transpose2d",
        "output_padding_beyond_stride",
        (1, 3, 7, 8),
        (3, 5, 3, 2),
        stride=2,
        dilation=(4, 5),
        output_padding=(3, 4),
    ),
    _case(
        "conv_transpose2d",
        "stride_and_dilation_share_a_factor",
        (1, 3, 8, 9),
        (3, 5, 4, 3),
        stride=(4, 6),
        dilation=(6, 4),
        padding=(3, 1),
    ),
    _case("conv_transpose2d", "unbatched", (3, 12, 11), (3, 8, 3, 3), stride=2),
    _case("conv_transpose1d", "unbatched", (3, 12), (3, 8, 3)),
    Case("conv_transpose2d", "no_bias", ((1, 3, 8, 8), (3, 4, 3, 3), None), {"stride": 2}),
    # sizes of zero
    _case("conv_transpose2d", "empty_batch", (0, 3, 8, 8), (3, 4, 3, 3), stride=2),
    _case("conv_transpose2d", "no_output_channels", (2, 3, 8, 8), (3, 0, 3, 3), stride=2),
    _case("conv_transpose2d", "no_input_channels", (2, 0, 8, 8), (0, 4, 3, 3), stride=2),
]
