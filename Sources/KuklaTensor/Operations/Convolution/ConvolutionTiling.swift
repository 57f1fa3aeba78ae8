import KuklaNumerics

/// How a convolution is cut into products whose unfolded input stays in the cache: part of one image where images are large,
/// several images where they are small. Cut by the shapes alone, whatever the number of threads.
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

    init(_ geometry: ConvolutionGeometry) {
        let plane = geometry.outputPlane
        let fitting = max(64, Self.floats / max(1, geometry.filter))
        var tiles: [Tile] = []
        if plane * 2 <= fitting && plane < Self.fewestColumns {
            // At least four tiles where there are images enough, for the sake of the threads.
            let joined = max(
                1, min(fitting, Self.fewestColumns * 2) / max(1, plane))
            let count = max(1, min(joined, (geometry.images + 3) / 4))
            for first in stride(from: 0, to: geometry.images, by: count) {
                tiles.append(
                    Tile(images: first..<min(first + count, geometry.images), positions: 0..<plane))
            }
        } else {
            var parts = (plane + fitting - 1) / fitting
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
    }
}
