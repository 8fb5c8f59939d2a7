# SPDX-License-Identifier: MIT
"""Convolutions. The shapes are (input, weight, bias); kwargs are the operator's own."""

from typing import Any

from cases import Case


def _case(op: str, id: str, x: tuple[int, ...], w: tuple[int, ...], **kwargs: Any) -> Case:
    return Case(op, id, (x, w, (w[0],)), kwargs)


CASES = [
    # vectors of every instruction set: below, at, above, twice and one
    *(
        _case("conv1d", f"tail_{n}", (1, 3, n), (5, 3, 3), padding=1)
        for n in (1, 2, 3, 4, 5, 7, 8, 9)
    ),
    *(
        _case("conv1d", f"tail_{n}", (2, 3, n), (7, 3, 3))
        for n in (15, 16, 17, 31, 33, 47, 48, 49, 65)
    ),
    *(
        _case("conv2d", f"channels_{n}", (1, 3, 9, 7), (n, 3, 3, 3), padding=1)
        for n in (1, 2, 4, 6, 8, 15, 16, 17, 31, 33, 48, 49, 63, 64, 65, 130)
    ),
    # shapes of networks, small
    _case("conv2d", "resnet.3x3", (2, 24, 14, 14), (40, 24, 3, 3), padding=1),
    _case("conv2d", "resnet.stem", (1, 3, 32, 30), (24, 3, 7, 7), stride=2, padding=3),
    _case("conv2d", "resnet.down", (1, 20, 15, 15), (36, 20, 1, 1), stride=2),
    _case("conv2d", "pointwise", (2, 70, 13, 11), (50, 70, 1, 1)),
    _case("conv2d", "pointwise_whole_vectors", (2, 20, 12, 12), (7, 20, 1, 1)),
    _case("conv2d", "pointwise_large", (1, 40, 64, 60), (9, 40, 1, 1)),
    _case("conv2d", "patches", (1, 3, 32, 32), (20, 3, 8, 8), stride=8),
    _case("conv2d", "patches_stride_4", (1, 3, 28, 33), (20, 3, 4, 4), stride=4),
    _case("conv2d", "depthwise", (2, 9, 17, 19), (9, 1, 3, 3), padding=1, groups=9),
    _case("conv2d", "depthwise_multiplier", (1, 5, 9, 9), (15, 1, 5, 5), padding=2, groups=5),
    _case(
        "conv2d", "depthwise_stride_2", (1, 8, 15, 18), (8, 1, 3, 3), stride=2, padding=1, groups=8
    ),
    # depthwise: rows of blocks, columns of taps, rows of vectors, phases, tiles
    *(
        _case(
            "conv2d",
            f"depthwise_{k}_{h}x{w}",
            (1, 3, h, w),
            (3, 1, k, k),
            padding=k // 2,
            groups=3,
        )
        for k, h, w in (
            (3, 7, 7),
            (7, 7, 7),
            (3, 14, 14),
            (5, 13, 15),
            (7, 22, 33),
            (11, 12, 35),
            (3, 1, 40),
        )
    ),
    *(
        _case(
            "conv2d",
            f"depthwise_{k}_stride_{s}_{h}x{w}",
            (1, 3, h, w),
            (3, 1, k, k),
            stride=s,
            padding=k // 2,
            groups=3,
        )
        for k, s, h, w in (
            (3, 2, 14, 14),
            (5, 2, 57, 56),
            (7, 2, 31, 64),
            (3, 2, 3, 66),
            (5, 3, 40, 41),
            (5, 4, 40, 70),
        )
    ),
    # one image: only the first and last rows lie at the ends of its memory
    _case("conv2d", "depthwise_one", (1, 1, 60, 37), (2, 1, 5, 5), padding=2),
    _case("conv2d", "depthwise_one_stride_2", (1, 1, 90, 70), (2, 1, 6, 6), stride=2, padding=3),
    _case("conv2d", "depthwise_tiles", (1, 2, 120, 120), (2, 1, 3, 3), padding=1, groups=2),
    _case("conv2d", "depthwise_row", (1, 3, 3, 90), (3, 1, 1, 21), padding=(0, 10), groups=3),
    _case("conv2d", "depthwise_column", (1, 3, 30, 19), (3, 1, 9, 1), padding=(4, 0), groups=3),
    _case(
        "conv2d",
        "depthwise_dilated",
        (1, 3, 33, 29),
        (6, 1, 5, 3),
        padding=(4, 3),
        dilation=(2, 3),
        groups=3,
    ),
    _case("conv1d", "depthwise_vectors", (1, 3, 311), (3, 1, 45), padding=22, groups=3),
    _case("conv1d", "depthwise_phases", (1, 3, 311), (3, 1, 70), stride=2, padding=22, groups=3),
    _case("conv1d", "depthwise_holes", (1, 3, 300), (3, 1, 37), padding=36, dilation=2, groups=3),
    _case("conv3d", "depthwise", (1, 5, 6, 17, 18), (5, 1, 3, 3, 3), padding=1, groups=5),
    _case(
        "conv3d",
        "depthwise_strided",
        (1, 4, 6, 17, 18),
        (8, 1, 3, 3, 3),
        stride=2,
        padding=1,
        groups=4,
    ),
    _case("conv2d", "grouped", (2, 24, 10, 12), (36, 8, 3, 3), padding=1, groups=3),
    _case("conv2d", "aspp", (1, 6, 15, 15), (20, 6, 3, 3), padding=6, dilation=6),
    _case("conv1d", "wavenet", (1, 32, 200), (32, 32, 2), dilation=16),
    _case("conv1d", "audio_k31", (1, 4, 300), (4, 1, 31), padding=15, groups=4),
    _case("conv3d", "c3d", (1, 8, 5, 9, 10), (20, 8, 3, 3, 3), padding=1),
    _case(
        "conv3d",
        "video_stem",
        (1, 3, 6, 17, 18),
        (17, 3, 3, 7, 7),
        stride=(1, 2, 2),
        padding=(1, 3, 3),
    ),
    # several reduction blocks and tiles
    _case("conv2d", "many_channels", (1, 300, 8, 9), (70, 300, 3, 3), padding=1),
    _case("conv1d", "long_row", (1, 40, 5000), (20, 40, 3), padding=1),
    _case("conv1d", "long_kernel", (1, 2, 3000), (3, 2, 1500), padding=20),
    _case("conv2d", "large_kernel", (1, 2, 60, 40), (3, 2, 41, 33), padding=(3, 20)),
    # small images, several in one tile
    _case("conv2d", "small_images", (5, 40, 7, 7), (70, 40, 3, 3), padding=1),
    _case("conv2d", "small_images_1x1", (9, 70, 5, 6), (65, 70, 1, 1)),
    _case("conv3d", "small_images", (3, 24, 4, 5, 6), (33, 24, 3, 3, 3), padding=1),
    # geometry at its edges
    _case("conv2d", "one_pixel", (1, 1, 1, 1), (1, 1, 1, 1)),
    _case("conv2d", "one_pixel_padded", (1, 3, 1, 1), (4, 3, 3, 3), padding=1),
    _case("conv2d", "one_row", (1, 3, 1, 40), (4, 3, 1, 3), padding=(0, 1)),
    _case("conv2d", "one_column", (1, 3, 40, 1), (4, 3, 3, 1), padding=(1, 0)),
    _case("conv2d", "kernel_is_input", (2, 5, 6, 7), (9, 5, 6, 7)),
    _case("conv2d", "padding_beyond_kernel", (1, 2, 4, 5), (3, 2, 3, 3), padding=(5, 9)),
    _case(
        "conv2d", "only_padding_seen", (1, 2, 3, 3), (3, 2, 2, 2), padding=8, stride=5, dilation=7
    ),
    _case("conv2d", "stride_beyond_kernel", (1, 3, 23, 25), (6, 3, 2, 3), stride=(5, 7)),
    _case(
        "conv2d",
        "mixed",
        (1, 4, 21, 18),
        (6, 2, 3, 2),
        stride=(3, 2),
        padding=(2, 3),
        dilation=(2, 4),
        groups=2,
    ),
    _case(
        "conv2d",
        "stride_and_dilation_share_a_factor",
        (1, 3, 30, 33),
        (5, 3, 4, 4),
        stride=2,
        dilation=4,
    ),
    _case("conv1d", "huge_dilation", (1, 2, 9), (3, 2, 3), padding=1000000, dilation=1000000),
    _case("conv1d", "huge_stride", (1, 2, 50), (3, 2, 3), stride=2**40),
    _case(
        "conv2d", "same_even_kernel", (1, 3, 8, 9), (4, 3, 4, 2), padding="same", dilation=(1, 3)
    ),
    _case("conv2d", "valid", (1, 3, 8, 9), (4, 3, 3, 2), padding="valid"),
    _case("conv3d", "same", (1, 2, 5, 6, 7), (3, 2, 3, 2, 5), padding="same"),
    _case("conv2d", "unbatched", (3, 12, 11), (8, 3, 3, 3), padding=1),
    _case("conv1d", "unbatched", (3, 12), (8, 3, 3)),
    Case("conv2d", "no_bias", ((1, 3, 8, 8), (4, 3, 3, 3), None)),
    # sizes of zero
    _case("conv2d", "empty_batch", (0, 3, 8, 8), (4, 3, 3, 3)),
    _case("conv2d", "no_output_channels", (2, 3, 8, 8), (0, 3, 3, 3)),
    _case("conv2d", "no_input_channels", (2, 0, 8, 8), (4, 0, 3, 3)),
    _case("conv2d", "empty_rows", (1, 2, 0, 5), (3, 2, 3, 3), padding=2),
    # the kernel rotated
    _case("true_conv1d", "plain", (1, 3, 20), (5, 3, 4)),
    _case("true_conv2d", "plain", (2, 3, 10, 12), (17, 3, 3, 2), stride=2, padding=1),
    _case("true_conv3d", "plain", (1, 2, 5, 6, 7), (3, 2, 3, 2, 2), padding="same"),
]
