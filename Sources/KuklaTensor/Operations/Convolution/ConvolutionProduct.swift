import KuklaNumerics

/// The three products of a convolution, by unfolding and GEMM. With a dense channel mix this is as fast on our machines as
/// oneDNN's direct kernels with their reordering of the layout (measured: within 5 %), and serves every rank, stride and
/// dilation with one set of loops.
///
/// *Complexity:* each O(images * positions * outputChannels * filter).
struct ConvolutionProduct {
    private let geometry: ConvolutionGeometry
    private let unfolding: Unfolding
    private let tiling: ConvolutionTiling

    init(_ geometry: ConvolutionGeometry) {
        self.geometry = geometry
        unfolding = Unfolding(geometry)
        tiling = ConvolutionTiling(geometry)
    }

    private var inputImage: Int { geometry.inputChannels * geometry.inputPlane }
    private var outputImage: Int { geometry.outputChannels * geometry.outputPlane }
    private var groupWeights: Int { geometry.groupOutputs * geometry.filter }

    // MARK: - Forward

    /// `y = weight * x (+ bias)`.
    func output(
        _ x: UnsafePointer<Float>, _ weight: UnsafePointer<Float>, bias: UnsafePointer<Float>?,
        into y: UnsafeMutablePointer<Float>
    ) {
        // tiles write elements of their own
        nonisolated(unsafe) let (x, weight, bias, y) = (x, weight, bias, y)
        tensorFor(tiling.tiles.count, grain: tilesAtOnce) { block in
            let scratch = Scratch(geometry, tiling)
            for tile in tiling.tiles[block] { output(of: tile, x, weight, bias, y, scratch) }
        }
    }

    private func output(
        of tile: ConvolutionTiling.Tile, _ x: UnsafePointer<Float>, _ weight: UnsafePointer<Float>,
        _ bias: UnsafePointer<Float>?, _ y: UnsafeMutablePointer<Float>, _ scratch: Scratch
    ) {
        let g = geometry
        let isJoined = tile.images.count > 1
        for group in 0..<g.groups {
            let direct =
                y + tile.images.lowerBound * outputImage + group * g.groupOutputs * g.outputPlane
                + tile.positions.lowerBound
            let to = isJoined ? scratch.side.pointer : direct
            let rowStride = isJoined ? tile.columns : g.outputPlane
            if let bias {
                for c in 0..<g.groupOutputs {
                    (to + c * rowStride).update(
                        repeating: bias[group * g.groupOutputs + c], count: tile.columns)
                }
            }
            for channels in channelBlocks(0..<g.groupInputs) {
                let columns = columns(x, group: group, channels: channels, tile: tile, scratch)
                GEMM.multiply(
                    weight + group * groupWeights + channels.lowerBound * g.taps, columns.pointer, into: to,
                    m: g.groupOutputs, n: tile.columns, k: channels.count * g.taps, lda: g.filter,
                    ldb: columns.stride, ldc: rowStride,
                    beta: bias == nil && channels.lowerBound == 0 ? 0 : 1)
            }
            if isJoined {
                forEachJoinedRow(tile, group: group) { (y + $0).update(from: to + $1, count: $2) }
            }
        }
    }

    // MARK: - Gradients

    /// `x = weight' * y`: the gradient of the input, and the transposed convolution.
    func input(
        _ y: UnsafePointer<Float>, _ weight: UnsafePointer<Float>, into x: UnsafeMutablePointer<Float>
    ) {
        let g = geometry
        // Tiles of one image overlap in the input, so the work is cut by images and channels instead.
        let byImage = Dictionary(grouping: tiling.tiles, by: \.images.lowerBound)
        let starts = byImage.keys.sorted()
        let parts = max(1, min(g.groupInputs, starts.count >= 8 ? 1 : 8 / max(1, starts.count)))
        let channels = (g.groupInputs + parts - 1) / parts
        nonisolated(unsafe) let (x, weight, y) = (x, weight, y)  // every block writes channels of its own
        tensorFor(starts.count * parts, grain: parts == 1 ? max(1, starts.count / 32) : 1) { block in
            let scratch = Scratch(geometry, tiling)
            for i in block {
                let tiles = byImage[starts[i / parts]] ?? []
                let first = i % parts * channels
                let own = first..<max(first, min(first + channels, g.groupInputs))
                for group in 0..<g.groups {
                    for channels in channelBlocks(own) {
                        input(of: tiles, group: group, channels: channels, y, weight, x, scratch)
                    }
                }
            }
        }
    }

    private func input(
        of tiles: [ConvolutionTiling.Tile], group: Int, channels: Range<Int>, _ y: UnsafePointer<Float>,
        _ weight: UnsafePointer<Float>, _ x: UnsafeMutablePointer<Float>, _ scratch: Scratch
    ) {
        let g = geometry
        let rows = channels.count * g.taps
        let weights = weight + group * groupWeights + channels.lowerBound * g.taps
        func image(_ image: Int) -> UnsafeMutablePointer<Float> {
            x + image * inputImage + (group * g.groupInputs + channels.lowerBound) * g.inputPlane
        }
        if !g.isPointwise {
            for i in tiles.first?.images ?? 0..<0 {
                image(i).update(repeating: 0, count: channels.count * g.inputPlane)
            }
        }
        for tile in tiles {
            let side = side(y, group: group, tile: tile, scratch)
            let isDirect = g.isPointwise && tile.images.count == 1
            let to =
                isDirect
                ? image(tile.images.lowerBound) + tile.positions.lowerBound : scratch.columns.pointer
            let rowStride = isDirect ? g.inputPlane : tile.columns
            GEMM.multiply(
                weights, side.pointer, into: to, m: rows, n: tile.columns, k: g.groupOutputs,
                transposeA: true, lda: g.filter, ldb: side.stride, ldc: rowStride)
            if isDirect { continue }
            for (i, number) in tile.images.enumerated() {
                let from = to + i * tile.positions.count
                if g.isPointwise {
                    for c in 0..<channels.count {
                        (image(number) + c * g.inputPlane).update(
                            from: from + c * tile.columns, count: g.inputPlane)
                    }
                } else {
                    unfolding.fold(
                        from, rowStride: tile.columns, channels: channels.count, positions: tile.positions,
                        into: image(number))
                }
            }
        }
    }

    /// `weight = y * x'`: the gradient of the weight.
    func weight(
        _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, into weight: UnsafeMutablePointer<Float>
    ) {
        let g = geometry
        let size = g.groups * groupWeights
        // Each part sums tiles of its own; the parts are added in order. Few where the weight is large.
        let parts = max(1, min(tiling.tiles.count, 16, max(2, (4 << 20) / max(1, size))))
        let share = (tiling.tiles.count + parts - 1) / parts
        let sums = AlignedStorage<Float>(uninitialized: (parts - 1) * size)
        nonisolated(unsafe) let (x, y, weight) = (x, y, weight)  // every block writes a sum of its own
        tensorFor(parts, grain: 1) { block in
            let scratch = Scratch(geometry, tiling)
            for part in block {
                let to = part == 0 ? weight : sums.pointer + (part - 1) * size
                let tiles = tiling.tiles.dropFirst(part * share).prefix(share)
                if tiles.isEmpty { to.update(repeating: 0, count: size) }
                for (i, tile) in tiles.enumerated() {
                    for group in 0..<g.groups {
                        let side = side(y, group: group, tile: tile, scratch)
                        for channels in channelBlocks(0..<g.groupInputs) {
                            let columns = columns(x, group: group, channels: channels, tile: tile, scratch)
                            GEMM.multiply(
                                side.pointer, columns.pointer,
                                into: to + group * groupWeights + channels.lowerBound * g.taps,
                                m: g.groupOutputs, n: channels.count * g.taps, k: tile.columns,
                                transposeB: true, lda: side.stride, ldb: columns.stride, ldc: g.filter,
                                beta: i == 0 ? 0 : 1)
                        }
                    }
                }
            }
        }
        for part in 1..<max(parts, 1) {
            let from = sums.pointer + (part - 1) * size
            for i in 0..<size { weight[i] += from[i] }
        }
    }

    // MARK: - Operands of a tile

    private struct Operand {
        let pointer: UnsafePointer<Float>
        let stride: Int
    }

    /// Room for one tile's unfolded input and its output side.
    private struct Scratch {
        let columns, side: AlignedStorage<Float>

        init(_ geometry: ConvolutionGeometry, _ tiling: ConvolutionTiling) {
            columns = AlignedStorage(uninitialized: tiling.channels * geometry.taps * tiling.widest)
            let isJoined = tiling.widest > geometry.outputPlane
            side = AlignedStorage(uninitialized: isJoined ? geometry.groupOutputs * tiling.widest : 0)
        }
    }

    private var tilesAtOnce: Int { max(1, tiling.tiles.count / 32) }

    private func channelBlocks(_ channels: Range<Int>) -> [Range<Int>] {
        stride(from: channels.lowerBound, to: channels.upperBound, by: tiling.channels).map {
            $0..<min($0 + tiling.channels, channels.upperBound)
        }
    }

    /// The windows of a tile, `[channels * taps, columns]`: the image itself where the convolution has one tap.
    private func columns(
        _ x: UnsafePointer<Float>, group: Int, channels: Range<Int>, tile: ConvolutionTiling.Tile,
        _ scratch: Scratch
    ) -> Operand {
        let g = geometry
        func image(_ image: Int) -> UnsafePointer<Float> {
            x + image * inputImage + (group * g.groupInputs + channels.lowerBound) * g.inputPlane
        }
        if g.isPointwise && tile.images.count == 1 {
            return Operand(
                pointer: image(tile.images.lowerBound) + tile.positions.lowerBound, stride: g.inputPlane)
        }
        for (i, number) in tile.images.enumerated() {
            unfolding.unfold(
                image(number), channels: channels.count, positions: tile.positions,
                into: scratch.columns.pointer + i * tile.positions.count, rowStride: tile.columns)
        }
        return Operand(pointer: UnsafePointer(scratch.columns.pointer), stride: tile.columns)
    }

    /// The output side of a tile, `[groupOutputs, columns]`: in place where the tile lies in one image.
    private func side(
        _ y: UnsafePointer<Float>, group: Int, tile: ConvolutionTiling.Tile, _ scratch: Scratch
    ) -> Operand {
        let g = geometry
        if tile.images.count == 1 {
            return Operand(
                pointer: y + tile.images.lowerBound * outputImage
                    + group * g.groupOutputs * g.outputPlane + tile.positions.lowerBound,
                stride: g.outputPlane)
        }
        let to = scratch.side.pointer
        forEachJoinedRow(tile, group: group) { (to + $1).update(from: y + $0, count: $2) }
        return Operand(pointer: UnsafePointer(to), stride: tile.columns)
    }

    /// Where each channel of each image of a joined tile lies in the output and in the tile.
    private func forEachJoinedRow(
        _ tile: ConvolutionTiling.Tile, group: Int, _ body: (_ output: Int, _ tile: Int, _ count: Int) -> Void
    ) {
        let g = geometry
        for (i, number) in tile.images.enumerated() {
            for c in 0..<g.groupOutputs {
                body(
                    number * outputImage + (group * g.groupOutputs + c) * g.outputPlane,
                    c * tile.columns + i * tile.positions.count, g.outputPlane)
            }
        }
    }
}
