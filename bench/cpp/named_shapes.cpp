// SPDX-License-Identifier: MIT
#include "named_shapes.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "core/check.hpp"

namespace ndnn::bench {
namespace {

using Tokens = std::map<std::string, std::string>;
constexpr index_t kMost = index_t{1} << 40;
const std::set<std::string> kKeys{"class", "op", "n", "c", "oc", "g", "in", "k", "s", "p", "d"};

// "3x5": one value per axis, behind leading unit axes.
Axes parse_axes(const Tokens& tokens, const std::string& key, int rank, index_t least, index_t fill) {
  Axes out{fill, fill, fill};
  std::istringstream text(tokens.at(key));
  std::string part;
  int n = 0;
  for (; n < rank && std::getline(text, part, 'x'); ++n)
    out[kMaxSpatial - rank + n] = parse_number(key, part, least, kMost);
  NDNN_CHECK(n == rank && text.eof(), key, " must have ", rank, " values joined by x, but got ", key, "=",
             tokens.at(key));
  return out;
}

Tokens split(std::istringstream& line) {
  Tokens tokens;
  for (std::string token; line >> token;) {
    const std::size_t at = token.find('=');
    NDNN_CHECK(at != std::string::npos, "tokens must be key=value, but got '", token, "'");
    const std::string key = token.substr(0, at);
    NDNN_CHECK(kKeys.count(key), "no such key, but got '", token, "'");
    NDNN_CHECK(tokens.emplace(key, token.substr(at + 1)).second, "a key must stand once, but got two ", key,
               "=");
  }
  for (const std::string& key : kKeys) NDNN_CHECK(tokens.count(key), "the key ", key, "= is missing");
  return tokens;
}

NamedShape parse_shape(const std::string& text) {
  std::istringstream line(text);
  NamedShape s;
  line >> s.name;
  const Tokens t = split(line);
  const std::string& op = t.at("op");
  NDNN_CHECK(op == "conv1d" || op == "conv2d" || op == "conv3d",
             "op must be conv1d, conv2d or conv3d, but got op=", op);
  const int rank = s.args.rank = op[4] - '0';
  const auto number = [&](const char* key, index_t least) {
    return parse_number(key, t.at(key), least, kMost);
  };
  const Axes in = parse_axes(t, "in", rank, 1, 1), kernel = parse_axes(t, "k", rank, 1, 1);
  s.args.stride = parse_axes(t, "s", rank, 1, 1);
  s.args.padding = parse_axes(t, "p", rank, 0, 0);
  s.args.dilation = parse_axes(t, "d", rank, 1, 1);
  s.args.groups = number("g", 1);
  const index_t c = number("c", 1);
  NDNN_CHECK(c % s.args.groups == 0, "g must divide c, but got c=", c, " and g=", s.args.groups);
  s.x = {number("n", 1), c, in[0], in[1], in[2]};
  s.w = {number("oc", 1), c / s.args.groups, kernel[0], kernel[1], kernel[2]};
  s.geometry = conv_geometry(op.c_str(), s.args, s.x, s.w, -1);
  return s;
}

}  // namespace

index_t parse_number(const std::string& what, const std::string& text, index_t least, index_t most) {
  index_t n = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, n);
  NDNN_CHECK(error == std::errc() && stop == end && n >= least && n <= most, what,
             " must be a whole number from ", least, " to ", most, ", but got '", text, "'");
  return n;
}

std::vector<NamedShape> load_shapes(const std::string& folder) {
  // The other files hold what only bench.peers runs.
  const std::filesystem::path path = std::filesystem::path(folder) / "conv.txt";
  std::ifstream file(path);
  NDNN_CHECK(file.good(), "--shapes must name a folder with a conv.txt, but got '", folder, "'");

  std::vector<NamedShape> shapes;
  std::set<std::string> names;
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    line.resize(std::min(line.find('#'), line.size()));
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    try {
      shapes.push_back(parse_shape(line));
      NDNN_CHECK(names.insert(shapes.back().name).second, "this name stands twice");
    } catch (const ValueError& e) {
      value_error(path.string(), ":", number, ": ", e.what());
    }
  }
  return shapes;
}

}  // namespace ndnn::bench
