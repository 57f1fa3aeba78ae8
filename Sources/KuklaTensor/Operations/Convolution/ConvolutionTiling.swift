import KuklaNumerics

/// How a convolution is cut into products whose unfolded input stays in the cache: part of one image where images are large,
/// several images where they are small, some of the
/// channels at a time where filters are large. Cut by the shapes alone, whatever the number of threads.
struct ConvolutionTiling {
    /// One product.
    struct Tile {
        let images: Range<Int>
        let positions: Range<Int>

        /// Columns of the product.
        var columns: Int { images.count * positions.count }
    }

    /// Floats of an unfolded tile: 768 KiB, most of a core's second-level cache.
    private static let floats = 192 << 10
    /// A product of fewer columns reads the weights too often.
    private static let fewestColumns = 192

    let tiles: [Tile]
    /// The columns of the widest tile.
    let widest: Int
    /// Input channels that are unfolded at a time.
    let channels: Int

    init(_ geometry: ConvolutionGeometry) {
        let plane = geometry.outputPlane
        // All channels at once where enough columns fit; else twice the fewest columns, channels in blocks.
        let all = Self.floats / max(1, geometry.filter)
        let columns = all >= Self.fewestColumns ? all : 2 * Self.fewestColumns
        var tiles: [Tile] = []
        if plane <= Self.fewestColumns {
            // At least four tiles where there are images enough, for the sake of the threads.
            let joined = min(columns, 2 * Self.fewestColumns) / max(1, plane)
            let count = max(1, min(joined, (geometry.images + 3) / 4))
            for first in stride(from: 0, to: geometry.images, by: count) {
                tiles.append(
                    Tile(images: first..<min(first + count, geometry.images), positions: 0..<plane))
            }
        } else {
            var parts = (plane + columns - 1) / columns
            if geometry.images < 4 { parts = max(parts, min(4, plane / 64)) }
            let length = ((plane + parts - 1) / parts + 15) / 16 * 16
            for image in 0..<geometry.images {
                for first in stride(from: 0, to: plane, by: length) {
                    tiles.append(
                        Tile(images: image..<image + 1, positions: first..<min(first + length, plane)))
                }
            }
        }
        self.tiles = tiles
        widest = tiles.lazy.map(\.columns).max() ?? 0
        let room = max(1, Self.floats / max(1, geometry.taps * widest))
        let blocks = (geometry.groupInputs + room - 1) / room
        channels = (geometry.groupInputs + blocks - 1) / blocks
    }
}
