import Foundation
import KuklaIndex
import KuklaNumerics
import Testing

@Suite struct FixedDimensionalEncodingTests {
    @Test(arguments: [
        "FDE20x5x16", "FDE1x0", "FDE20x5", "FDE20x5x16_2560", "FDE3x4(seed=7)",
        "FDE20x5x16_9(seed=2,fill=no)",
        "FDE2x3(fill=no)",
    ])
    func `a word is read and printed`(word: String) throws {
        #expect("\(try FixedDimensionalEncoding(parsing: word))" == word)
    }

    @Test(arguments: [
        ("PQ8", "begin with 'FDE'"), ("FDE20", "two or three"), ("FDE20x5x16x2", "two or three"),
        ("FDE20xx5", "'' is no number"), ("FDE20x-5", "'-5'"), ("FDE2x3_4_5", "two or three"),
        ("FDE2x3(seed=7", "not closed"), ("FDE2x3(seed=7)x", "not closed"), ("FDE2x3(seed=-1)", "seed=-1"),
        ("FDE2x3(fill=yes)", "fill=yes"), ("FDE2x3()", "''"), ("FDE99999999999999999999x3", "no number"),
    ])
    func `a word that is none is refused`(word: String, answer: String) {
        expectError(.usage, answer) { try FixedDimensionalEncoding(parsing: word) }
    }

    @Test func `dimensions are repetitions times partitions times the width`() throws {
        #expect(try FixedDimensionalEncoding(parsing: "FDE20x5x16").dimensions(of: 384) == 10_240)
        #expect(try FixedDimensionalEncoding(parsing: "FDE3x2").dimensions(of: 7) == 84)
        #expect(try FixedDimensionalEncoding(parsing: "FDE3x2_10").dimensions(of: 7) == 10)
        for (word, answer) in [
            ("FDE0x5", "repetitions"), ("FDE1025x0", "repetitions"), ("FDE1x17", "bits"),
            ("FDE1x2x8", "fewer or leave"), ("FDE1x2x0", "fewer or leave"),
            ("FDE1x2_32", "fewer than its 32"),
            ("FDE1x2_0", "fewer than"), ("FDE1024x16", "2^20"),
        ] {
            expectError(.usage, answer) { try FixedDimensionalEncoding(parsing: word).dimensions(of: 8) }
        }
    }

    // MARK: - Exact identities

    private let queries = randomSets([1, 5, 9], dimensions: 12, seed: 1)
    private let documents = randomSets([1, 2, 7, 30], dimensions: 12, seed: 2)

    @Test func `one partition without projection compares the sum with the mean`() throws {
        let scores = try scores("FDE1x0", queries, documents)
        for query in 0..<queries.count {
            for document in 0..<documents.count {
                let (q, x) = (queries[query], documents[document])
                let expected = (0..<12).reduce(0.0) { sum, i in
                    sum + (0..<q.rows).reduce(0.0) { $0 + Double(q[$1, i]) }
                        * (0..<x.rows).reduce(0.0) { $0 + Double(x[$1, i]) } / Double(x.rows)
                }
                #expect(abs(Double(scores[query, document]) - expected) < 1e-4 * max(1, abs(expected)))
            }
        }
    }

    @Test(arguments: 0...6) func `of one vector everything is exact, if empty partitions are filled`(
        bits: Int
    ) throws {
        let single = documents[sets: 0..<1]
        let exact = MaxSim.scores(queries, single)
        let filled = try scores("FDE4x\(bits)", queries, single)
        let bare = try scores("FDE4x\(bits)(fill=no)", queries, single)
        for query in 0..<queries.count {
            #expect(abs(filled[query, 0] - 4 * exact[query, 0]) < 1e-3)
        }
        if bits > 2 { #expect(abs(bare[2, 0] - 4 * exact[2, 0]) > 1e-2) }
    }

    @Test(arguments: ["FDE5x3x4", "FDE5x3", "FDE5x3x4_50"])
    func `order says nothing, copies of document vectors nothing, copies of query vectors double`(
        word: String
    ) throws {
        let encoder = try encoder(word)
        let order = (0..<documents.count).map { Array(documents.rows(of: $0).reversed()) }
        let reversed = VectorSets(
            vectors: documents.vectors.gathering(rows: order.flatMap { $0 }), offsets: documents.offsets)
        let twice = VectorSets(
            vectors: documents.vectors.gathering(rows: order.flatMap { $0 + $0 }),
            offsets: documents.offsets.map { 2 * $0 })
        let encoded = encoder.encode(documents: documents)
        #expect(difference(encoder.encode(documents: reversed), encoded) < 1e-4)
        #expect(difference(encoder.encode(documents: twice), encoded) < 1e-4)
        let (once, double) = (encoder.encode(queries: documents), encoder.encode(queries: twice))
        #expect(
            difference(double, Matrix(rows: 4, columns: once.columns, elements: once.elements.map { 2 * $0 }))
                < 1e-4)
    }

    /// Where a vector lies is seen in its own encoding: the only partition that is not empty.
    @Test(arguments: [true, false])
    func `partitions hold what the definition says`(fills: Bool) throws {
        let encoder = try encoder("FDE3x4" + (fills ? "" : "(fill=no)"))
        let found = encoder.encode(documents: documents)
        let alone = VectorSets(
            vectors: documents.vectors, offsets: Array(0...documents.vectors.rows))
        let places = encoder.encode(queries: alone)
        for document in 0..<documents.count {
            for repetition in 0..<3 {
                let members = documents.rows(of: document).map { vector in
                    let partition = (0..<16).first { partition in
                        (0..<12).contains { places[vector, (repetition * 16 + partition) * 12 + $0] != 0 }
                    }!
                    return (partition: partition, vector: documents.vectors.row(vector))
                }
                for partition in 0..<16 {
                    let nearest = members.map(\.partition).min {
                        (($0 ^ partition).nonzeroBitCount, $0) < (($1 ^ partition).nonzeroBitCount, $1)
                    }!
                    let own = members.filter { $0.partition == nearest }.map(\.vector)
                    let isZero = nearest != partition && !fills
                    for i in 0..<12 {
                        let expected = isZero ? 0 : own.reduce(0) { $0 + $1[i] } / Float(own.count)
                        #expect(
                            abs(found[document, (repetition * 16 + partition) * 12 + i] - expected) < 1e-5)
                    }
                }
            }
        }
    }

    @Test func `encodings depend on the seed alone`() throws {
        let encoder = try encoder("FDE5x3x4_60")
        let all = encoder.encode(documents: documents, threads: 1)
        #expect(encoder.encode(documents: documents, threads: 3) == all)
        #expect(try self.encoder("FDE5x3x4_60").encode(documents: documents) == all)
        #expect(encoder.encode(documents: documents[sets: 2..<3]).row(0) == all.row(2))
        #expect(try self.encoder("FDE5x3x4_60(seed=2)").encode(documents: documents) != all)
        let empty = VectorSets([documents[1], Matrix(rows: 0, columns: 12)], dimensions: 12)
        #expect(encoder.encode(documents: empty).row(1).allSatisfy { $0 == 0 })
        #expect(encoder.encode(documents: empty[sets: 1..<2]).row(0).allSatisfy { $0 == 0 })
    }

    // MARK: - In expectation

    @Test func `projections keep scores on average, with a variance of one over their dimensions`() throws {
        let (query, document) = (queries[sets: 2..<3], documents[sets: 3..<4])
        let exact = Double(try scores("FDE2x2", query, document)[0, 0])
        var points: [(x: Double, y: Double)] = []
        for width in [1, 2, 4, 8] {
            let (mean, variance) = try moments("FDE2x2x\(width)", query, document)
            #expect(
                abs(mean - exact) < 3 * (variance / 500).squareRoot(), "width \(width): \(mean), \(exact)")
            points.append((log(Double(width)), log(variance)))
        }
        let middle = points.reduce(0) { $0 + $1.x } / 4
        let spread = points.reduce(0) { $0 + ($1.x - middle) * ($1.x - middle) }
        let slope = points.reduce(0) { $0 + ($1.x - middle) * $1.y } / spread
        #expect((-1.2 ... -0.8).contains(slope), "slope \(slope)")
    }

    @Test func `the last projection keeps scores on average`() throws {
        let (query, document) = (queries[sets: 1..<2], documents[sets: 2..<3])
        let exact = Double(try scores("FDE2x2", query, document)[0, 0])
        let (mean, variance) = try moments("FDE2x2_24", query, document)
        #expect(variance > 0 && abs(mean - exact) < 3 * (variance / 500).squareRoot(), "\(mean), \(exact)")
    }

    /// Mean and variance of the score over 500 draws of the projections.
    private func moments(
        _ word: String, _ query: VectorSets, _ document: VectorSets
    ) throws -> (mean: Double, variance: Double) {
        let configuration = try FixedDimensionalEncoding(parsing: word)
        let samples = try (0..<500).map { seed in
            let encoder = try FixedDimensionalEncoder(
                configuration, inputDimensions: 12, projectionSeed: UInt64(seed))
            return Double(score(encoder, query, document)[0, 0])
        }
        let mean = samples.reduce(0, +) / 500
        return (mean, samples.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 499)
    }

    @Test func `finer partitions come near to late interaction`() throws {
        // Queries whose vectors lie near some of a document's.
        let documents = unitSets([8, 8, 8, 8, 8, 8], dimensions: 16, seed: 5, around: nil)
        let queries = unitSets([8, 8, 8, 8, 8, 8], dimensions: 16, seed: 6, around: documents.vectors)
        let exact = MaxSim.scores(queries, documents)
        let errors = try [1, 4, 8].map { bits in
            let scores = try scores("FDE50x\(bits)", queries, documents)
            return (0..<6).map { abs(scores[$0, $0] / 50 - exact[$0, $0]) / 8 }.max()!
        }
        #expect(errors[0] > 2 * errors[1] && errors[1] > 1.5 * errors[2] && errors[2] < 0.2, "\(errors)")
    }

    private func encoder(_ word: String) throws -> FixedDimensionalEncoder {
        try FixedDimensionalEncoder(FixedDimensionalEncoding(parsing: word), inputDimensions: 12)
    }

    private func scores(_ word: String, _ queries: VectorSets, _ documents: VectorSets) throws -> Matrix {
        score(
            try FixedDimensionalEncoder(
                FixedDimensionalEncoding(parsing: word), inputDimensions: documents.dimensions), queries,
            documents)
    }

    private func score(
        _ encoder: FixedDimensionalEncoder, _ queries: VectorSets, _ documents: VectorSets
    ) -> Matrix {
        encoder.encode(queries: queries, threads: 1)
            .multiplied(by: encoder.encode(documents: documents, threads: 1), transposed: true, threads: 1)
    }

    private func difference(_ a: Matrix, _ b: Matrix) -> Float {
        zip(a.elements, b.elements).reduce(0) { max($0, abs($1.0 - $1.1)) }
    }
}

/// Sets of unit vectors, near those of `centers` where they are given.
func unitSets(_ sizes: [Int], dimensions: Int, seed: UInt64, around centers: Matrix?) -> VectorSets {
    let sets = randomSets(sizes, dimensions: dimensions, seed: seed)
    let vectors = Matrix(rows: sets.vectors.rows, columns: dimensions) { all in
        for row in 0..<sets.vectors.rows {
            var vector = sets.vectors.row(row)
            if let centers { vector = zip(vector, centers.row(row % centers.rows)).map { 0.05 * $0 + $1 } }
            let norm = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
            for i in 0..<dimensions { all[row * dimensions + i] = vector[i] / norm }
        }
    }
    return VectorSets(vectors: vectors, offsets: sets.offsets)
}
