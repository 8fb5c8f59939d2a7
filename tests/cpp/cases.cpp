// SPDX-License-Identifier: MIT
#include "cases.hpp"

#include "core/check.hpp"

namespace ndnn::selftest {
namespace {

struct Channels {
  index_t n, groups, ic, oc;  // ic and oc of one group
};

Case make(const char* name, int rank, Channels c, Axes in, Axes kernel, Axes stride = {1, 1, 1},
          Axes padding = {0, 0, 0}, Axes dilation = {1, 1, 1}, Padding mode = Padding::given) {
  Case k;
  k.name = name;
  k.args.rank = rank;
  k.args.stride = stride;
  k.args.padding = padding;
  k.args.dilation = dilation;
  k.args.mode = mode;
  k.args.groups = c.groups;
  k.x = {c.n, c.groups * c.ic, in[0], in[1], in[2]};
  k.w = {c.groups * c.oc, c.ic, kernel[0], kernel[1], kernel[2]};
  return k;
}

constexpr Axes kOnes{1, 1, 1}, kNone{0, 0, 0};
constexpr index_t kHuge = index_t{1} << 40;

Case random_case(Random& r) {
  const index_t largest[] = {90, 22, 9};
  Case k;
  const int rank = k.args.rank = static_cast<int>(r.between(1, 3));
  const bool depthwise = r.between(0, 4) == 0;
  const index_t groups = k.args.groups = depthwise ? r.between(1, 20) : r.between(0, 2) ? 1 : r.between(2, 5);
  const index_t ic = depthwise ? 1 : r.between(1, r.between(0, 3) ? 9 : 150);
  const index_t oc = depthwise ? r.between(1, 2) : r.between(1, r.between(0, 1) ? 9 : 70);
  k.x = {r.between(1, 3), groups * ic, 1, 1, 1};
  k.w = {groups * oc, ic, 1, 1, 1};
  const index_t mode = r.between(0, 9);
  k.args.mode = mode == 0 ? Padding::same : mode == 1 ? Padding::valid : Padding::given;
  for (int a = kMaxSpatial - rank; a < kMaxSpatial; ++a) {
    k.x[2 + a] = r.between(1, largest[rank - 1]);
    k.w[2 + a] = r.between(1, r.between(0, 3) ? 4 : 9);
    k.args.stride[a] = mode == 0 || r.between(0, 1) ? 1 : r.between(2, 5);
    k.args.dilation[a] = r.between(0, 1) ? 1 : r.between(2, 5);
    k.args.padding[a] = r.between(0, 1) ? r.between(0, 2) : r.between(0, k.w[2 + a] * k.args.dilation[a] + 1);
  }
  k.bias = r.between(0, 1);
  return k;
}

}  // namespace

std::vector<Case> awkward_cases() {
  std::vector<Case> all{
      make("one_element", 1, {1, 1, 1, 1}, kOnes, kOnes),
      make("tails_17x19", 2, {2, 1, 3, 17}, {1, 17, 19}, {1, 3, 3}, kOnes, {0, 1, 1}),
      make("one_output_channel", 2, {1, 1, 5, 1}, {1, 9, 33}, {1, 3, 3}, kOnes, {0, 1, 1}),
      make("column_one_wide", 2, {1, 1, 4, 20}, {1, 40, 1}, {1, 3, 1}, kOnes, {0, 1, 0}),
      make("column_one_wide_padded", 2, {1, 1, 3, 4}, {1, 30, 1}, {1, 4, 3}, kOnes, {0, 3, 1}, {1, 2, 1}),
      make("column_one_wide_taps_out", 2, {2, 2, 3, 70}, {1, 8, 1}, {1, 4, 3}, kOnes, {0, 3, 1}, {1, 2, 1}),
      make("row_one_high", 2, {1, 1, 4, 20}, {1, 1, 40}, {1, 1, 3}, kOnes, {0, 0, 1}),
      make("1x1_merged", 3, {2, 1, 7, 33}, {2, 5, 7}, kOnes),
      make("1x1_whole_vectors", 2, {2, 1, 20, 7}, {1, 12, 12}, kOnes),
      make("1x1_in_tiles", 2, {1, 1, 120, 9}, {1, 64, 60}, kOnes),
      make("1x1_strided", 2, {1, 1, 7, 33}, {1, 9, 8}, kOnes, {1, 2, 3}),
      make("1x1_padded", 2, {1, 1, 3, 5}, {1, 4, 5}, kOnes, kOnes, {0, 1, 2}),
      make("kernel_as_large_as_input", 2, {2, 1, 3, 9}, {1, 6, 7}, {1, 6, 7}),
      make("kernel_larger_than_input", 2, {1, 1, 3, 9}, {1, 2, 3}, {1, 5, 6}, kOnes, {0, 2, 3}),
      make("outputs_of_padding_only", 2, {1, 1, 2, 5}, {1, 3, 4}, {1, 2, 2}, kOnes, {0, 5, 6}),
      make("taps_of_padding_only", 2, {1, 1, 3, 18}, {1, 5, 6}, {1, 3, 3}, kOnes, {0, 7, 9}, {1, 7, 9}),
      make("padding_only_strided", 1, {1, 1, 2, 3}, {1, 1, 2}, {1, 1, 3}, {1, 1, 4}, {0, 0, 11}, {1, 1, 3}),
      make("empty_input_in_padding", 1, {2, 1, 2, 3}, {1, 1, 0}, {1, 1, 2}, kOnes, {0, 0, 2}),
      make("stride_above_kernel", 2, {1, 1, 3, 20}, {1, 23, 26}, {1, 2, 2}, {1, 5, 4}),
      make("stride_2", 2, {1, 1, 3, 20}, {1, 18, 37}, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}),
      make("stride_2_ends_inside", 2, {1, 1, 3, 4}, {1, 5, 77}, {1, 3, 3}, {1, 2, 2}),
      make("stride_4_patches", 2, {1, 1, 3, 9}, {1, 8, 148}, {1, 4, 4}, {1, 4, 4}),
      make("stride_2_dilation_2", 2, {1, 1, 3, 4}, {1, 18, 37}, {1, 3, 5}, {1, 2, 2}, {0, 2, 4}, {1, 2, 2}),
      make("stride_3_dilation_2", 2, {1, 1, 3, 4}, {1, 20, 41}, {1, 5, 7}, {1, 3, 3}, {0, 4, 5}, {1, 2, 2}),
      make("stride_4_dilation_6", 1, {1, 1, 3, 4}, {1, 1, 90}, {1, 1, 9}, {1, 1, 4}, {0, 0, 20}, {1, 1, 6}),
      make("stride_2_width_2", 1, {1, 1, 3, 4}, {1, 1, 2}, {1, 1, 2}, {1, 1, 2}, {0, 0, 1}),
      make("huge_stride", 2, {1, 1, 2, 3}, {1, 4, 5}, {1, 3, 3}, {1, kHuge, kHuge}),
      make("huge_dilation_of_one_tap", 2, {1, 1, 2, 3}, {1, 4, 5}, {1, 1, 3}, kOnes, kNone, {1, kHuge, 1}),
      make("axes_differ", 2, {1, 1, 3, 10}, {1, 12, 21}, {1, 1, 7}, {1, 2, 1}, {0, 0, 6}, {1, 3, 2}),
      make("depthwise", 2, {2, 19, 1, 1}, {1, 9, 21}, {1, 3, 3}, kOnes, {0, 1, 1}),
      make("depthwise_strided_times_2", 2, {1, 9, 1, 2}, {1, 15, 18}, {1, 5, 5}, {1, 2, 2}, {0, 2, 2}),
      make("depthwise_rows_14_and_7", 2, {1, 3, 1, 1}, {1, 31, 17}, {1, 7, 7}, kOnes, {0, 3, 3}),
      make("depthwise_rows_in_pieces", 2, {1, 3, 1, 1}, {1, 12, 35}, {1, 11, 9}, kOnes, {0, 5, 4}),
      make("depthwise_tiny", 2, {2, 40, 1, 1}, {1, 7, 7}, {1, 7, 7}, kOnes, {0, 3, 3}),
      make("depthwise_dilated", 2, {1, 3, 1, 2}, {1, 33, 29}, {1, 5, 3}, kOnes, {0, 4, 3}, {1, 2, 3}),
      make("depthwise_stride_4_dilation_6", 2, {1, 2, 1, 1}, {1, 70, 40}, {1, 5, 5}, {1, 4, 4}, {0, 9, 9},
           {1, 6, 6}),
      make("depthwise_in_tiles", 2, {1, 2, 1, 1}, {1, 120, 120}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}),
      make("depthwise_in_tiles_strided", 2, {1, 2, 1, 1}, {1, 121, 119}, {1, 3, 5}, {1, 2, 2}, {0, 1, 2}),
      make("depthwise_3d", 3, {1, 5, 1, 1}, {6, 17, 18}, {3, 3, 3}, kOnes, {1, 1, 1}),
      make("depthwise_1d_vectors_as_rows", 1, {1, 5, 1, 1}, {1, 1, 310}, {1, 1, 45}, kOnes, {0, 0, 22}),
      make("depthwise_1d_strided", 1, {1, 5, 1, 1}, {1, 1, 311}, {1, 1, 70}, {1, 1, 2}, {0, 0, 22}),
      make("depthwise_1d_dilated", 1, {1, 5, 1, 1}, {1, 1, 300}, {1, 1, 37}, kOnes, {0, 0, 36}, {1, 1, 2}),
      make("depthwise_long_row_kernel", 2, {1, 3, 1, 1}, {1, 3, 90}, {1, 1, 21}, kOnes, {0, 0, 10}),
      make("grouped_3_to_5", 2, {2, 4, 3, 5}, {1, 7, 9}, {1, 3, 3}, kOnes, {0, 1, 1}),
      make("small_images", 2, {5, 1, 40, 70}, {1, 7, 7}, {1, 3, 3}, kOnes, {0, 1, 1}),
      make("small_images_1x1", 2, {9, 1, 70, 65}, {1, 5, 6}, kOnes),
      make("small_images_grouped", 3, {4, 3, 6, 9}, {2, 4, 5}, {1, 3, 3}, kOnes, {0, 1, 1}),
      make("small_images_strided", 2, {7, 1, 5, 20}, {1, 6, 7}, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}),
      make("same_even_kernel", 2, {1, 1, 2, 5}, {1, 7, 8}, {1, 4, 2}, kOnes, kNone, kOnes, Padding::same),
      make("same_dilated", 1, {1, 1, 2, 5}, {1, 1, 30}, {1, 1, 4}, kOnes, kNone, {1, 1, 3}, Padding::same),
      make("valid", 3, {1, 1, 2, 5}, {4, 5, 6}, {2, 3, 2}, kOnes, kNone, kOnes, Padding::valid),
      make("3d", 3, {1, 1, 4, 18}, {5, 6, 7}, {3, 3, 3}, kOnes, {1, 1, 1}),
      make("3d_strided_dilated", 3, {2, 2, 2, 3}, {6, 9, 11}, {2, 3, 3}, {1, 2, 2}, {1, 2, 3}, {2, 1, 3}),
      make("no_input_channels", 2, {2, 1, 0, 3}, {1, 4, 5}, {1, 3, 3}),
      make("reduction_in_blocks", 2, {1, 1, 130, 17}, {1, 3, 4}, {1, 3, 3}, kOnes, {0, 1, 1}),
      make("1x1_reduction_in_blocks", 1, {1, 1, 1100, 6}, {1, 1, 5}, kOnes),
      make("taps_in_blocks_1d", 1, {1, 1, 2, 3}, {1, 1, 1330}, {1, 1, 1300}, kOnes, {0, 0, 4}),
      make("taps_in_blocks_2d", 2, {1, 1, 2, 3}, {1, 33, 34}, {1, 33, 34}, kOnes, {0, 2, 1}),
      make("taps_in_blocks_3d", 3, {1, 1, 1, 2}, {9, 10, 11}, {11, 11, 11}, {1, 1, 2}, {2, 2, 3}),
      make("many_output_channels", 2, {1, 1, 2, 530}, {1, 2, 3}, {1, 1, 2}),
      make("many_channels_in_blocks", 1, {1, 1, 1030, 530}, {1, 1, 2}, kOnes),
      make("row_in_parts", 1, {1, 1, 16, 2}, {1, 1, 20000}, {1, 1, 3}, kOnes, {0, 0, 1}),
      make("rows_in_parts", 2, {1, 1, 32, 2}, {1, 80, 80}, {1, 3, 3}, kOnes, {0, 1, 1}),
      make("panels_dealt_to_threads", 2, {1, 1, 128, 128}, {1, 7, 7}, {1, 3, 3}, kOnes, {0, 1, 1}),
      make("groups_dealt_to_threads", 2, {2, 2, 32, 48}, {1, 20, 20}, {1, 3, 3}, kOnes, {0, 1, 1}),
  };
  // Around the widths of vectors, panels and row groups.
  for (const index_t n : {2, 7, 8, 9, 15, 16, 31, 32, 33, 48, 49, 64, 65, 95, 97}) {
    all.push_back(make("channels", 1, {1, 1, 3, n}, {1, 1, 14}, {1, 1, 2}));
    all.push_back(make("pixels", 1, {1, 1, 3, 7}, {1, 1, n}, {1, 1, 3}, kOnes, {0, 0, 1}));
    for (auto k = all.end() - 2; k != all.end(); ++k) k->name += "_" + std::to_string(n);
  }
  for (std::size_t i = 0; i < all.size(); i += 5) all[i].bias = false;
  return all;
}

std::vector<Case> random_cases(int count, std::uint64_t seed) {
  constexpr double kMostMacs = 150e3;
  Random r(seed);
  std::vector<Case> all;
  while (static_cast<int>(all.size()) < count) {
    Case k = random_case(r);
    k.name = concat("random_", seed, "_", all.size());
    try {
      if (conv_geometry("selftest", k.args, k.x, k.w, -1).macs() > kMostMacs) continue;
    } catch (const ValueError&) {
      continue;  // the kernel does not fit
    }
    all.push_back(std::move(k));
  }
  return all;
}

}  // namespace ndnn::selftest
