// Layout of the weights of frozen blocks, and the order in which their products pass through rows and panels.
#pragma once

#include <algorithm>
#include <cstdint>

namespace hyperswap {
namespace {

// Columns of a panel, the part of a weight that a product multiplies at once.
constexpr int64_t panelColumns = 64;
// Rows of a tile: 6 · 64 sums fill 24 of 32 vector registers.
constexpr int64_t tileRows = 6;

inline int64_t RoundUp(int64_t count, int64_t unit) { return (count + unit - 1) / unit * unit; }

// Calls tile(row, height) for tiles of nearly equal height: memory loads limit a tile of one or two rows.
template <class Tile>
inline void ForEachTile(int64_t rows, const Tile& tile) {
  const int64_t tiles = (rows + tileRows - 1) / tileRows;
  for (int64_t t = 0, row = 0; t < tiles; ++t) {
    const int64_t height = (rows - row + tiles - t - 1) / (tiles - t);
    tile(row, height);
    row += height;
  }
}

}  // namespace
}  // namespace hyperswap
