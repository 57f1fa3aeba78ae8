import CKernels
public import KuklaNumerics

/// Turns sets of vectors into single vectors: the inner product of a query's and a document's, divided by the
/// repetitions, approximates their `MaxSim` score.
///
/// In every repetition random hyperplanes cut space into partitions. A query's vectors of one partition are added up,
/// a document's averaged, so that what lies in the same partition is compared, and what lies near often does. Each
/// partition's vector is projected by random signs, the same for both sides, which keeps inner products on average.
/// Scores must be compared as inner products: encodings are not normalised.
///
/// *Differs from the paper in:* an empty partition of a document takes over the vector of the nearest partition that is
/// not empty (of equally near ones, of the lowest number), not one vector of it, so that the order of a document's vectors
/// says nothing. Partitions are numbered by their bits, which changes nothing but the order of components.
public struct FixedDimensionalEncoder: Sendable {
    /// What becomes of the vectors that share a partition.
    package enum Aggregation: Sendable { case sum, mean }

    public let configuration: FixedDimensionalEncoding
    /// Components of the vectors that go in.
    public let inputDimensions: Int
    /// Components of an encoding.
    public let dimensions: Int

    /// Components of a partition's vector.
    private let width: Int
    /// Columns of the one product over all vectors: hyperplanes of all repetitions, then their projections.
    private let columns: Int
    private let panels: AlignedStorage<Float>
    /// Where the last projection adds each component, and its sign; empty without one.
    private let sketch: [(target: Int32, sign: Float)]

    /// - Throws: `KuklaError.usage` where the encoding does not fit vectors of `inputDimensions`.
    public init(_ configuration: FixedDimensionalEncoding, inputDimensions: Int) throws(KuklaError) {
        try self.init(configuration, inputDimensions: inputDimensions, projectionSeed: configuration.seed)
    }

    /// As `init(_:inputDimensions:)`, with other projections over the same partitions.
    package init(
        _ configuration: FixedDimensionalEncoding, inputDimensions: Int, projectionSeed: UInt64
    ) throws(KuklaError) {
        dimensions = try configuration.dimensions(of: inputDimensions)
        self.configuration = configuration
        self.inputDimensions = inputDimensions
        width = configuration.projection ?? inputDimensions
        let planes = configuration.repetitions * configuration.partitionBits
        let columns = planes + configuration.repetitions * (configuration.projection ?? 0)
        self.columns = columns
        var random = RandomSource(seed: configuration.seed)
        var signs = RandomSource(seed: projectionSeed ^ 0x7072_6F6A_6563_7473)
        let scale = 1 / Float(width).squareRoot()
        let directions = Matrix(rows: inputDimensions, columns: columns) { all in
            for column in 0..<columns {
                for row in 0..<inputDimensions {
                    all[row * columns + column] =
                        column < planes ? random.normal() : signs.next() >> 63 == 0 ? scale : -scale
                }
            }
        }
        let lanes = Int(KK_PANEL_COLUMNS)
        let panels = AlignedStorage<Float>(zeros: (columns + lanes - 1) / lanes * lanes * inputDimensions)
        directions.withUnsafeBufferPointer {
            guard columns > 0 else { return }
            kk_pack_f32($0.baseAddress!, columns, inputDimensions, columns, panels.pointer)
        }
        self.panels = panels
        guard let final = configuration.final else {
            sketch = []
            return
        }
        sketch = (0..<configuration.repetitions << configuration.partitionBits * width).map { _ in
            (Int32.random(in: 0..<Int32(final), using: &signs), signs.next() >> 63 == 0 ? 1 : -1)
        }
    }

    /// The encodings of queries, `[queries.count, dimensions]`. A query without vectors is zero.
    ///
    /// - Precondition: `queries.dimensions == inputDimensions`; all components finite.
    /// - Complexity: O(vectors * inputDimensions * repetitions * (partitionBits + projection)).
    public func encode(queries: VectorSets, threads: Int = defaultThreadCount) -> Matrix {
        encode(queries, .sum, filling: false, threads: threads)
    }

    /// The encodings of documents, `[documents.count, dimensions]`. A document without vectors is zero.
    ///
    /// - Precondition: `documents.dimensions == inputDimensions`; all components finite.
    /// - Complexity: as of queries, and O(2^partitionBits * min(vectors, 2^partitionBits)) a repetition and document.
    public func encode(documents: VectorSets, threads: Int = defaultThreadCount) -> Matrix {
        encode(documents, .mean, filling: configuration.fillsEmptyPartitions, threads: threads)
    }

    /// The encodings of `sets` by these rules. Each is the same bits whatever the other sets and the thread count are.
    package func encode(
        _ sets: VectorSets, _ aggregation: Aggregation, filling: Bool, threads: Int
    ) -> Matrix {
        contract(
            sets.dimensions == inputDimensions,
            "FixedDimensionalEncoder: vectors of \(sets.dimensions) dimensions, made for \(inputDimensions)")
        return Matrix(rows: sets.count, columns: dimensions) { out in
            guard !out.isEmpty else { return }
            nonisolated(unsafe) let base = out.baseAddress!  // every block writes rows of its own
            parallelFor(sets.count, grain: 8, threads: threads) { block in
                let most = block.map { sets.rows(of: $0).count }.max() ?? 0
                let scratch = Scratch(
                    products: most * columns, whole: sketch.count, bits: configuration.partitionBits)
                sets.vectors.withUnsafeBufferPointer { vectors in
                    for set in block {
                        let (rows, row) = (sets.rows(of: set), base + set * dimensions)
                        guard !rows.isEmpty else {
                            row.update(repeating: 0, count: dimensions)
                            continue
                        }
                        encode(
                            vectors.baseAddress! + rows.lowerBound * inputDimensions, count: rows.count,
                            aggregation, filling: filling, scratch, into: row)
                    }
                }
            }
        }
    }

    /// What one worker needs for one set after the other.
    private final class Scratch {
        let products, whole: AlignedStorage<Float>
        let counts: UnsafeMutableBufferPointer<Int32>
        /// The partitions that are not empty.
        var occupied: [Int] = []

        init(products: Int, whole: Int, bits: Int) {
            self.products = AlignedStorage(uninitialized: products)
            self.whole = AlignedStorage(uninitialized: whole)
            counts = .allocate(capacity: 1 << bits)
            counts.initialize(repeating: 0)
        }

        deinit { counts.deallocate() }
    }

    private func encode(
        _ vectors: UnsafePointer<Float>, count: Int, _ aggregation: Aggregation, filling: Bool,
        _ scratch: Scratch, into out: UnsafeMutablePointer<Float>
    ) {
        let (bits, repetitions) = (configuration.partitionBits, configuration.repetitions)
        let products = scratch.products.pointer
        let lanes = Int(KK_PANEL_COLUMNS)
        if columns > 0 {
            kk_transformer_kernels_for(CPULevel.current.kernelLevel).pointee.multiply_f32(
                vectors, inputDimensions,
                kk_panels_f32(data: panels.pointer, panel_stride: lanes * inputDimensions, row_stride: lanes),
                products, columns, count, columns, inputDimensions)
        }
        let whole = sketch.isEmpty ? out : scratch.whole.pointer
        whole.update(repeating: 0, count: (repetitions << bits) * width)
        for repetition in 0..<repetitions {
            let block = whole + (repetition << bits) * width
            func projected(_ vector: Int) -> UnsafePointer<Float> {
                configuration.projection == nil
                    ? vectors + vector * inputDimensions
                    : UnsafePointer(products + vector * columns + repetitions * bits + repetition * width)
            }
            scratch.occupied.removeAll(keepingCapacity: true)
            for vector in 0..<count {
                var partition = 0
                for bit in 0..<bits where products[vector * columns + repetition * bits + bit] > 0 {
                    partition |= 1 << bit
                }
                if scratch.counts[partition] == 0 { scratch.occupied.append(partition) }
                scratch.counts[partition] += 1
                let (from, to) = (projected(vector), block + partition * width)
                for i in 0..<width { to[i] += from[i] }
            }
            if aggregation == .mean {
                for partition in scratch.occupied where scratch.counts[partition] > 1 {
                    let factor = 1 / Float(scratch.counts[partition])
                    let to = block + partition * width
                    for i in 0..<width { to[i] *= factor }
                }
            }
            if filling {
                for partition in 0..<1 << bits where scratch.counts[partition] == 0 {
                    let nearest = scratch.occupied.min {
                        (($0 ^ partition).nonzeroBitCount, $0) < (($1 ^ partition).nonzeroBitCount, $1)
                    }!
                    (block + partition * width).update(from: block + nearest * width, count: width)
                }
            }
            for partition in scratch.occupied { scratch.counts[partition] = 0 }
        }
        guard !sketch.isEmpty else { return }
        out.update(repeating: 0, count: dimensions)
        for (i, place) in sketch.enumerated() { out[Int(place.target)] += place.sign * whole[i] }
    }
}
