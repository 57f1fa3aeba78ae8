import Foundation
import KuklaCodecs
import KuklaNumerics
import Testing

/// One codec to hold against the protocol. To add one, append a line to `table`.
struct CodecCase: CustomTestStringConvertible, Sendable {
    let factory: String
    let metric: Metric
    let dimensions: Int
    /// Largest mean squared error of decoding, as a part of the vectors' variance.
    let loss: Double

    /// Largest difference of a score from the metric on decoded vectors, as a part of the scores' root mean square:
    /// scans of nibbles round tables to 8 bits (16 for wide grids), with one step for all pieces.
    var scoreError: Double {
        if ["4fs", "B1", "RQ1", "RQ2", "RQ4"].contains(where: factory.hasSuffix) { return 0.06 }
        if factory.contains("RBE"), !factory.hasSuffix("x8") { return 0.06 }
        return factory.hasSuffix("RQ8") || factory.hasSuffix("x8") ? 1e-3 : 1e-4
    }

    /// Whether queries go through a matrix product, which rounds differently in other shapes.
    var rotates: Bool { factory.contains(",") || roundsProducts }
    /// Whether codes are what a matrix product rounds to.
    var roundsProducts: Bool { factory.contains("RQ") || factory.contains("RBE") }

    var testDescription: String { "\(factory) \(metric) \(dimensions)" }

    /// Factory string, largest loss, dimensions that it is tried at.
    private static let table: [(factory: String, loss: Double, dimensions: [Int])] = [
        ("F32", 0, [1, 7, 97, 384]),
        ("F16", 1e-6, [1, 7, 97, 384]),
        ("BF16", 1e-4, [1, 7, 97, 384]),
        ("SQ8", 2e-4, [1, 7, 97, 384]),
        ("SQ6", 2e-3, [1, 7, 97, 384]),
        ("SQ4", 2e-2, [1, 7, 97, 384]),
        ("MRL5,SQ8", 0.9, [7, 97]),
        ("MRL64,F32", 0.9, [97, 384]),
        ("PCA48,F32", 0.5, [97, 384]),
        ("PCA7,SQ8", 0.9, [7, 97]),
        ("PCAR48,SQ8", 0.5, [97]),
        ("PCAW20,SQ8", 0.9, [97]),
        ("RR,SQ4", 0.02, [97]),
        ("RR40,F16", 0.9, [97]),
        ("MRL64,PCA32,RR,SQ8", 0.9, [97]),
        ("PQ1x4", 0.9, [1, 7]),
        ("PQ7", 0.6, [7, 21, 385]),
        ("PQ7x5", 0.8, [7, 21, 385]),
        ("PQ7x4fs", 0.8, [7, 21, 385]),
        ("PQ8x4fs", 0.8, [8, 384]),
        ("OPQ7,PQ7", 0.6, [21]),
        ("OPQ7_21,PQ7", 0.8, [35]),
        ("OPQ7,PQ7x4fs", 0.8, [21]),
        ("PCA21,PQ7", 0.8, [97]),
        ("B1", 1.5, [1, 7, 97, 384]),
        ("PCA48,B1", 1.5, [97, 384]),
        ("RQ1", 0.8, [1, 7, 97, 384]),
        ("RQ2", 0.25, [1, 7, 97, 384]),
        ("RQ4", 0.02, [1, 7, 97, 384]),
        ("RQ8", 2e-4, [1, 7, 97, 384]),
        ("PCA48,RQ2", 0.7, [97]),
        ("HEAD40,SQ8", 1, [97]),
        ("HEAD21,PQ7", 1, [21]),
        ("HEAD97,F32", 1, [97]),
        ("RBE5x2", 1, [1]),
        ("RBE7", 1.8, [7, 97]),
        ("RBE97x3", 0.9, [7, 97]),
        ("RBE384", 0.5, [384]),
        ("RBE384x2", 0.2, [97, 384]),
        ("RBE384x4", 0.03, [384]),
        ("RBE384x8", 0.01, [384]),
        ("RR,RBE97x2", 0.2, [97]),
        ("MRL64,RBE64x2", 0.9, [97]),
    ]

    /// The metrics that a codec is for.
    static func metrics(_ factory: String) -> [Metric] {
        factory.contains("RBE") ? [.cosine] : Metric.allCases
    }

    static let all = table.flatMap { entry in
        entry.dimensions.flatMap { dimensions in
            metrics(entry.factory).map {
                CodecCase(factory: entry.factory, metric: $0, dimensions: dimensions, loss: entry.loss)
            }
        }
    }

    /// Vectors in clusters, with a falling spectrum and a mean that is not zero; of length 1 under cosine, and of
    /// lengths that vary 10 times under the inner product.
    static func vectors(_ count: Int, dimensions: Int, metric: Metric, seed: UInt64) -> Matrix {
        var random = RandomSource(seed: 99)
        let centres = (0..<16 * dimensions).map { _ in random.normal() }
        var own = RandomSource(seed: seed)
        var vectors = Matrix(rows: count, columns: dimensions) { out in
            for row in 0..<count {
                let cluster = Int.random(in: 0..<16, using: &own)
                for i in 0..<dimensions {
                    let spread = 1 / (1 + Float(i) * 8 / Float(dimensions))
                    out[row * dimensions + i] =
                        spread * (0.3 + 0.7 * centres[cluster * dimensions + i] + 0.7 * own.normal())
                }
            }
        }
        if metric != .squaredEuclidean { vectors.normalizeRows() }
        if metric == .innerProduct {
            vectors.withUnsafeMutableBufferPointer { all in
                for row in 0..<count {
                    let length = exp(own.uniform() * log(10))
                    for i in 0..<dimensions { all[row * dimensions + i] *= length }
                }
            }
        }
        return vectors
    }
}

extension VectorCodec {
    func encoded(_ vectors: Matrix, threads: Int = 1) -> [UInt8] {
        // Dirty memory: what the codec does not write shows.
        var codes = [UInt8](repeating: 0xA5, count: layout.byteCount(of: vectors.rows))
        codes.withUnsafeMutableBytes { encode(vectors, into: $0, threads: threads) }
        return codes
    }

    func decoded(_ codes: [UInt8], count: Int) -> Matrix {
        codes.withUnsafeBytes { decode($0, count: count) }
    }

    /// Scores `[queries][count]`.
    func scores(_ queries: Matrix, _ codes: [UInt8], count: Int, from first: Int = 0) -> [[Float]] {
        let stride = layout.blockCount(of: count) * layout.vectorsPerBlock + 3
        var out = [Float](repeating: .nan, count: queries.rows * stride)
        codes.withUnsafeBytes { bytes in
            out.withUnsafeMutableBufferPointer {
                scorer(for: queries).score(
                    bytes.baseAddress! + first / layout.vectorsPerBlock * layout.bytesPerBlock, count: count,
                    into: $0.baseAddress!, stride: stride)
            }
        }
        return (0..<queries.rows).map { Array(out[$0 * stride..<$0 * stride + count]) }
    }
}

/// The score by its definition, in double; cosine on vectors that are taken as they are.
func exactScore(_ q: [Float], _ x: [Float], _ metric: Metric) -> Double {
    zip(q, x).reduce(0.0) { sum, pair in
        let (a, b) = (Double(pair.0), Double(pair.1))
        return sum + (metric == .squaredEuclidean ? -(a - b) * (a - b) : a * b)
    }
}

@Suite struct CodecConformance {
    private static let count = 517  // no multiple of a block

    private struct Trained {
        let codec: any VectorCodec
        let vectors: Matrix
        let codes: [UInt8]
    }

    private func train(_ c: CodecCase) throws -> Trained {
        let vectors = CodecCase.vectors(Self.count, dimensions: c.dimensions, metric: c.metric, seed: 1)
        let codec = try CodecConfiguration(parsing: c.factory)
            .train(on: vectors, metric: c.metric, seed: 5, threads: 2)
        return Trained(codec: codec, vectors: vectors, codes: codec.encoded(vectors))
    }

    @Test("training takes as few vectors as it says, and no fewer", arguments: CodecCase.all)
    func least(codec: CodecCase) throws {
        let configuration = try CodecConfiguration(parsing: codec.factory)
        let least = configuration.leastTrainingCount
        let vectors = CodecCase.vectors(
            least, dimensions: codec.dimensions, metric: codec.metric, seed: 1)
        _ = try configuration.train(on: vectors, metric: codec.metric)
        guard least > 1 else { return }
        #expect(throws: KuklaError.self) {
            try configuration.train(on: vectors[rows: 0..<least - 1], metric: codec.metric)
        }
    }

    @Test(arguments: CodecCase.all)
    func `a codec keeps the promises of the protocol`(c: CodecCase) throws {
        let trained = try train(c)
        let (codec, vectors, codes) = (trained.codec, trained.vectors, trained.codes)
        let n = Self.count
        #expect(codec.configuration.description == c.factory)
        #expect(codec.metric == c.metric && codec.dimensions == c.dimensions)

        // Sizes: by arithmetic and by the layout.
        let predicted = try codec.configuration.bytesPerVector(dimensions: c.dimensions, metric: c.metric)
        #expect(codec.layout.bytesPerVector == predicted)

        // Encoding does not depend on threads, and a row's code not on its neighbours, but that a matrix product may
        // round across the border of two grid levels.
        #expect(codec.encoded(vectors, threads: 2) == codes)
        let order = Array((0..<n).reversed())
        let reversed = codec.decoded(codec.encoded(vectors.gathering(rows: order)), count: n)
        let decoded = codec.decoded(codes, count: n)
        expectClose(
            reversed.gathering(rows: order).elements, decoded.elements,
            scale: c.roundsProducts ? 0.05 : 1e-4, "permuted")
        #expect(codec.encoded(vectors[rows: 0..<0]).isEmpty)
        #expect(codec.decoded([], count: 0).rows == 0)

        // What decoding loses.
        if c.factory == "F32" { #expect(decoded == vectors) }
        let whitened = c.factory.hasPrefix("PCAW") || c.factory.contains("HEAD")
        if !(c.factory.contains("MRL") || whitened) {
            let loss = relativeLoss(vectors, decoded)
            #expect(loss <= c.loss, "loss \(loss)")
        }
    }

    @Test(arguments: CodecCase.all)
    func `scores are the metric between the query and what a code stands for`(c: CodecCase) throws {
        let trained = try train(c)
        let (codec, codes) = (trained.codec, trained.codes)
        let n = Self.count
        let decoded = codec.decoded(codes, count: n)
        // So many that every codec takes its way for batches, a few, and one. A scan of scalar codes rounds the query
        // to 15 bits, and a transform rounds differently in products of different shapes.
        let queries = CodecCase.vectors(70, dimensions: c.dimensions, metric: c.metric, seed: 2)
        let tolerance = c.factory.contains("SQ") ? 1e-3 : c.rotates ? c.scoreError : 1e-4
        let batch = codec.scores(queries, codes, count: n)

        // Truncation under cosine, whitening, heads and recurrent binary codes compare in their own space.
        let ownSpace =
            c.factory.contains("MRL") && c.metric == .cosine || c.factory.contains("PCAW")
            || c.factory.contains("HEAD")
        let (left, right, offsets): (Matrix, Matrix, [Float])
        if let space = try codeSpace(codec, codes, queries) {
            (left, right, offsets) = (space.queries, space.codes, [Float](repeating: 0, count: 70))
        } else if ownSpace, let chained = codec as? TransformedCodec {
            (left, offsets) = chained.transformedQueries(queries)
            right = codes.withUnsafeBytes { chained.quantizer.decode($0, count: n) }
        } else {
            (left, right, offsets) = (queries, decoded, [Float](repeating: 0, count: 70))
        }
        // Grid codes keep each vector's length from the mean, and with it the square of what decoding loses.
        var known = [Double](repeating: 0, count: n)
        if c.factory.contains("RQ"), c.metric == .squaredEuclidean {
            let chained = codec as? TransformedCodec
            let vectors = chained?.transformed(trained.vectors) ?? trained.vectors
            let points =
                chained.map { chained in
                    codes.withUnsafeBytes { chained.quantizer.decode($0, count: n) }
                } ?? decoded
            known = (0..<n).map { -exactScore(points.row($0), vectors.row($0), .squaredEuclidean) }
        }
        for q in [0, 3, 31, 68, 69] {
            let exact = (0..<n).map {
                Float(exactScore(left.row(q), right.row($0), c.metric) + known[$0]) + offsets[q]
            }
            expectClose(batch[q], exact, scale: c.scoreError, "query \(q) of a batch")
        }
        let some = codec.scores(queries[rows: 0..<9], codes, count: n)
        for q in 0..<9 { expectClose(some[q], batch[q], scale: tolerance, "query \(q) of nine") }
        let single = codec.scores(queries[rows: 3..<4], codes, count: n)
        expectClose(single[0], batch[3], scale: tolerance, "single query")
        let pair = codec.scores(queries[rows: 2..<4], codes, count: n)
        expectClose(
            pair[1], single[0], scale: c.rotates ? tolerance : 1e-6, "second of two")
        for count in [0, 1, 2, 3, 5, 31, 32, 33, 64, 65] {
            let few = codec.scores(queries[rows: 3..<4], codes, count: count)[0]
            expectClose(few, Array(single[0][..<count]), scale: 1e-5, "\(count) vectors", like: single[0])
            let fewOfBatch = codec.scores(queries, codes, count: count)
            expectClose(
                fewOfBatch[3], Array(batch[3][..<count]), scale: 1e-5, "\(count) vectors, batch",
                like: batch[3])
        }
        // From a later block on.
        let block = codec.layout.vectorsPerBlock
        let first = (n / 2 / block) * block
        let rest = codec.scores(queries[rows: 3..<4], codes, count: n - first, from: first)[0]
        expectClose(rest, Array(single[0][first...]), scale: 1e-5, "later block")
    }

    /// Queries and vectors as recurrent binary codes compare them, each of length 1.
    private func codeSpace(
        _ codec: any VectorCodec, _ codes: [UInt8], _ queries: Matrix
    ) throws -> (queries: Matrix, codes: Matrix)? {
        let chained = codec as? TransformedCodec
        guard let recurrent = (chained?.quantizer ?? codec) as? RecurrentBinaryCodec else { return nil }
        var activations = recurrent.activations(
            of: chained?.transformedQueries(queries).queries ?? queries)
        var stored = codes.withUnsafeBytes { recurrent.wholeCodes($0, count: Self.count) }
        activations.normalizeRows()
        stored.normalizeRows()
        return (activations, stored)
    }

    @Test(arguments: CodecCase.all)
    func `codes that are picked out score as in a scan`(c: CodecCase) throws {
        let trained = try train(c)
        guard let codec = trained.codec.rowwise else {
            #expect(trained.codec.layout.vectorsPerBlock > 1)
            return
        }
        #expect(codec.layout == CodeLayout(bytesPerBlock: Int(trained.codec.layout.bytesPerVector)))
        let n = Self.count
        let codes = codec.encoded(trained.vectors, threads: 2)
        #expect(codec.decoded(codes, count: n) == trained.codec.decoded(trained.codes, count: n))
        let queries = CodecCase.vectors(4, dimensions: c.dimensions, metric: c.metric, seed: 2)
        var random = RandomSource(seed: 4)
        for q in 0..<4 {
            let query = queries[rows: q..<q + 1]
            let scan = codec.scores(query, codes, count: n)[0]
            expectClose(
                scan, trained.codec.scores(query, trained.codes, count: n)[0], scale: c.scoreError, "rowwise")
            let scorer = codec.randomAccessScorer(for: query)
            for count in [0, 1, 2, 3, 4, 5, 32, 33] {
                let rows = (0..<count).map { _ in UInt32.random(in: 0..<UInt32(n), using: &random) }
                var scores = [Float](repeating: .nan, count: count + 1)
                codes.withUnsafeBytes {
                    scorer.score(rows: rows, count: count, of: $0.baseAddress!, into: &scores)
                }
                #expect(scores[count].isNaN, "wrote past the last row")
                expectClose(
                    Array(scores[..<count]), rows.map { scan[Int($0)] }, scale: 1e-4, "\(count) rows",
                    like: scan)
            }
        }
    }

    @Test(arguments: CodecCase.all)
    func `parameters make the same codec again`(c: CodecCase) throws {
        let trained = try train(c)
        let (codec, codes) = (trained.codec, trained.codes)
        let again = try codec.configuration.restore(
            metric: c.metric, dimensions: c.dimensions, parameters: codec.parameters)
        #expect(again.encoded(trained.vectors) == codes)
        #expect(again.layout == codec.layout && again.configuration == codec.configuration)
        let queries = CodecCase.vectors(2, dimensions: c.dimensions, metric: c.metric, seed: 2)
        #expect(again.scores(queries, codes, count: 100) == codec.scores(queries, codes, count: 100))
        let second = try codec.configuration.train(on: trained.vectors, metric: c.metric, seed: 5, threads: 1)
        #expect(second.parameters == codec.parameters, "training depends on the number of threads")

        // Damaged parameters are refused by name.
        func refused(_ parameters: [String: Matrix], naming name: String) {
            let error = #expect(throws: KuklaError.self) {
                try codec.configuration.restore(
                    metric: c.metric, dimensions: c.dimensions, parameters: parameters)
            }
            #expect(error?.code == .badData)
            #expect(
                error?.message.contains("'\(name)'") == true,
                "\(error?.message ?? "") does not name \(name)")
        }
        refused(codec.parameters.merging(["surplus": Matrix(rows: 1, columns: 1)]) { $1 }, naming: "surplus")
        if codec is TransformedCodec {
            for name in ["quantizer.surplus", "transform.0.surplus"] {
                refused(codec.parameters.merging([name: Matrix(rows: 1, columns: 1)]) { $1 }, naming: name)
            }
        }
        for (name, value) in codec.parameters {
            var parameters = codec.parameters
            parameters[name] = nil
            refused(parameters, naming: name)
            parameters[name] = Matrix(rows: value.rows + 1, columns: value.columns)
            refused(parameters, naming: name)
            var damaged = value
            damaged[0, value.columns - 1] = .nan
            parameters[name] = damaged
            refused(parameters, naming: name)
        }
    }

    @Test(
        arguments: [
            "F32", "SQ8", "SQ4", "F16", "PCA4,SQ8", "RR,SQ6", "MRL4,SQ4", "PQ3x4", "PQ3x4fs", "B1", "PCA4,B1",
            "RQ1", "RQ2", "RQ8",
        ], Metric.allCases)
    func `vectors outside the training range, constant or zero get finite scores`(
        factory: String, metric: Metric
    ) throws {
        let vectors = CodecCase.vectors(64, dimensions: 9, metric: metric, seed: 3)
        let codec = try CodecConfiguration(parsing: factory).train(on: vectors, metric: metric)
        var odd = Matrix(rows: 4, columns: 9)
        for i in 0..<9 {
            odd[1, i] = 1000
            odd[2, i] = -1000
            odd[3, i] = Float.leastNonzeroMagnitude
        }
        let scores = codec.scores(vectors[rows: 0..<1], codec.encoded(odd), count: 4)[0]
        #expect(scores.allSatisfy { $0.isFinite }, "\(scores)")

        var constant = Matrix(rows: 20, columns: 9)
        for row in 0..<20 { for i in 0..<9 { constant[row, i] = 0.25 } }
        if factory.hasPrefix("PCA") || factory.hasPrefix("RR") { return }
        let flat = try CodecConfiguration(parsing: factory).train(on: constant, metric: metric)
        let decoded = flat.decoded(flat.encoded(constant), count: 20)
        if !factory.hasPrefix("MRL") {
            expectClose(decoded.elements, constant.elements, scale: 1e-3, "constant vectors")
        }
    }

    @Test func `training refuses too few vectors and bad numbers`() throws {
        func refused(_ factory: String, _ vectors: Matrix, _ code: KuklaError.Code) throws {
            let configuration = try CodecConfiguration(parsing: factory)
            let error = #expect(throws: KuklaError.self) {
                try configuration.train(on: vectors, metric: .cosine)
            }
            #expect(error?.code == code, "\(error?.message ?? "")")
        }
        try refused("SQ8", Matrix(rows: 1, columns: 8), .badData)
        try refused("SQ8", Matrix(rows: 0, columns: 8), .badData)
        for factory in ["PQ4", "PQ4x4", "PQ4x4fs", "B1"] {
            try refused(factory, Matrix(rows: 0, columns: 8), .badData)
        }
        try refused("PQ4", Matrix(rows: 255, columns: 8), .badData)
        try refused("B1", Matrix(rows: 3, columns: 8), .badData)
        try refused("PCA8", Matrix(rows: 7, columns: 8), .badData)
        try refused("PCA9", Matrix(rows: 70, columns: 8), .usage)
        try refused("PCAW8", Matrix(rows: 70, columns: 8), .badData)
        for bad in [Float.nan, .infinity, -.infinity] {
            var vectors = CodecCase.vectors(64, dimensions: 8, metric: .cosine, seed: 1)
            vectors[63, 7] = bad
            for factory in [
                "F32", "F16", "SQ8", "PCA4,SQ8", "MRL4", "PQ4x4", "PQ4x4fs", "OPQ4,PQ4x4", "B1", "RQ2",
                "RBE8x2",
            ] {
                try refused(factory, vectors, .badData)
            }
        }
    }
}

/// Mean squared difference over the variance about the mean.
func relativeLoss(_ vectors: Matrix, _ decoded: Matrix) -> Double {
    var (error, square) = (0.0, 0.0)
    for row in 0..<vectors.rows {
        for (a, b) in zip(vectors.row(row), decoded.row(row)) {
            error += Double(a - b) * Double(a - b)
            square += Double(a) * Double(a)
        }
    }
    return error / square
}

/// Expects two lists to agree within `scale` times the root mean square of the second (or of `sizes`); says where they differ most.
func expectClose(
    _ found: [Float], _ expected: [Float], scale: Double, _ what: String, like sizes: [Float]? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(found.count == expected.count, sourceLocation: sourceLocation)
    guard !expected.isEmpty, found.count == expected.count else { return }
    let sizes = sizes ?? expected
    let square = sizes.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(sizes.count)
    let limit = scale * max(square.squareRoot(), 1e-30)
    var worst = (index: 0, difference: -1.0)
    for i in found.indices {
        let difference = abs(Double(found[i]) - Double(expected[i]))
        if !(difference <= worst.difference) { worst = (i, difference) }
    }
    #expect(
        worst.difference <= limit,
        "\(what): at \(worst.index) \(found[worst.index]), expected \(expected[worst.index]), limit \(limit)",
        sourceLocation: sourceLocation)
}
