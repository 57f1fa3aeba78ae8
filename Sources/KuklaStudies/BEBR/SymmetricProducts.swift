import KuklaCodecs
import KuklaNumerics

/// Products of two-bit codes: whether they are exact, and how fast beside four Hamming passes over the same bits.
struct SymmetricProducts {
    let bench: StudyBench

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        try addExactness(to: &findings)
        try addSpeed(to: &findings)
    }

    /// Random codes of odd whole numbers of two bits.
    private func codes(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix {
        var random = RandomSource(seed: seed)
        return Matrix(rows: rows, columns: columns) { out in
            for i in out.indices { out[i] = Float(2 * Int.random(in: 0...3, using: &random) - 3) }
        }
    }

    private func stored(_ codec: RecurrentBinaryCodec, _ codes: Matrix) -> AlignedStorage<UInt8> {
        let storage = AlignedStorage<UInt8>(uninitialized: codec.layout.byteCount(of: codes.rows))
        codec.pack(codes.rows, into: UnsafeMutableRawBufferPointer(storage.buffer), threads: 1) {
            codes[rows: $0]
        }
        return storage
    }

    private func addExactness(to findings: inout StudyFindings) throws(KuklaError) {
        let nibbles = Matrix(rows: 16, columns: 2) { out in
            for i in out.indices { out[i] = Float(2 * ((i / 2) >> (i % 2 * 2) & 3) - 3) }
        }
        var wrong = 0
        var swapped = 0
        for level in CPULevel.available {
            for (queries, documents) in [
                (nibbles, nibbles), (codes(25, 384, seed: 1), codes(400, 384, seed: 2)),
            ] {
                let found = try compare(queries, documents, level)
                wrong += found.wrong
                swapped += found.swapped
            }
        }
        findings.bars.append(
            StudyBar(
                "5. products of all 16 x 16 nibbles and of 10,000 pairs of codes that are not exact, at all CPU levels",
                Double(wrong), .atMost, 0))
        findings.bars.append(
            StudyBar(
                "5. neighbours in the ranking whose cosines are the other way round", Double(swapped),
                .atMost,
                0))
    }

    private func compare(
        _ queries: Matrix, _ documents: Matrix, _ level: CPULevel
    ) throws(KuklaError) -> (wrong: Int, swapped: Int) {
        let codec = try RecurrentBinaryCodec(dimensions: 4, codeDimensions: queries.columns, bits: 2)
        let storage = stored(codec, documents)
        let stride = codec.layout.blockCount(of: documents.rows) * codec.layout.vectorsPerBlock
        var scores = [Float](repeating: 0, count: queries.rows * stride)
        codec.symmetricScorer(forCodes: queries, level: level).score(
            UnsafeRawPointer(storage.buffer.baseAddress!), count: documents.rows, into: &scores,
            stride: stride)
        var wrong = 0
        var swapped = 0
        func length(_ code: [Float]) -> Double {
            code.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        }
        for query in 0..<queries.rows {
            let asked = queries.row(query)
            var cosines: [Double] = []
            for row in 0..<documents.rows {
                let code = documents.row(row)
                let product = zip(asked, code).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
                let lengths = length(asked) * length(code)
                cosines.append(product / lengths)
                // Products are odd or even numbers all alike, 2 apart.
                if (Double(scores[query * stride + row]) * lengths / 2).rounded() * 2 != product {
                    wrong += 1
                }
            }
            let own = scores[query * stride..<query * stride + documents.rows]
            let order = own.indices.sorted { own[$0] > own[$1] }.map { $0 - query * stride }
            swapped += zip(order, order.dropFirst()).count { cosines[$0] < cosines[$1] - 1e-6 }
        }
        return (wrong, swapped)
    }

    /// Scores of a tile of rows at a time, as an index scans, so that the four passes read the codes from cache.
    private static let tile = 2048

    private func addSpeed(to findings: inout StudyFindings) throws(KuklaError) {
        let count = bench.choose(quick: 4096, full: 63_488)
        let documents = codes(count, 384, seed: 3)
        let queries = codes(64, 384, seed: 4)
        let codec = try RecurrentBinaryCodec(dimensions: 4, codeDimensions: 384, bits: 2)
        let bits = try SignBitCodec.train(
            on: documents[rows: 0..<64], metric: .cosine, configuration: CodecConfiguration(quantizer: .sign))
        let whole = stored(codec, documents)
        let planes = [true, false].map { isHigh in
            let signs = plane(documents, isHigh: isHigh)
            let storage = AlignedStorage<UInt8>(uninitialized: bits.layout.byteCount(of: count))
            bits.encode(signs, into: UnsafeMutableRawBufferPointer(storage.buffer), threads: bench.threads)
            return storage
        }
        let scores = AlignedStorage<Float>(uninitialized: 64 * Self.tile)
        func scan(
            _ scorer: any CodeScorer, _ storage: AlignedStorage<UInt8>, _ layout: CodeLayout, _ start: Int
        ) {
            scorer.score(
                UnsafeRawPointer(storage.buffer.baseAddress!)
                    + start / layout.vectorsPerBlock * layout.bytesPerBlock,
                count: min(Self.tile, count - start), into: scores.buffer.baseAddress!, stride: Self.tile)
        }
        var table = StudyTable(
            "Microseconds a query over \(count) codes of 384 x 2 bits, one thread, tiles of \(Self.tile) rows, best of \(bench.choose(quick: 3, full: 40)) alternating",
            columns: ["CPU level", "queries", "products over lengths", "four Hamming passes", "ratio"])
        for level in CPULevel.available {
            for batch in [1, 64] {
                let asked = queries[rows: 0..<batch]
                let ours = codec.symmetricScorer(forCodes: asked, level: level)
                let passes = [true, false].map {
                    bits.hammingScorer(for: plane(asked, isHigh: $0), level: level)
                }
                var (best, peer) = (Duration.seconds(1000), Duration.seconds(1000))
                for _ in 0..<bench.choose(quick: 3, full: level == .portable ? 3 : 40) {
                    best = min(
                        best,
                        ContinuousClock().measure {
                            for start in stride(from: 0, to: count, by: Self.tile) {
                                scan(ours, whole, codec.layout, start)
                            }
                        })
                    peer = min(
                        peer,
                        ContinuousClock().measure {
                            for start in stride(from: 0, to: count, by: Self.tile) {
                                for pass in passes {
                                    for plane in planes { scan(pass, plane, bits.layout, start) }
                                }
                            }
                        })
                }
                func micro(_ duration: Duration) -> Double { duration / .microseconds(batch) }
                table.rows.append([
                    .text("\(level)"), .count(batch), .number(micro(best), decimals: 1),
                    .number(micro(peer), decimals: 1), .number(peer / best, decimals: 2),
                ])
                guard level != .portable else { continue }
                findings.bars.append(
                    StudyBar(
                        "5. throughput beside four Hamming passes, \(level), \(batch == 1 ? "one query" : "\(batch) queries"), times",
                        peer / best, .atLeast, 2))
            }
        }
        findings.tables.append(table)
        findings.notes.append(
            "The Hamming passes are our own kernels (VPOPCNTD with AVX-512), leave out weights and lengths, and find the codes in cache after the first pass. Three bit counts a product in place of four, at four operations a cycle, allow 1.33 times their throughput with AVX-512, and one query waits for memory in both."
        )
    }

    /// The high or the low bits of codes as +1 and -1.
    private func plane(_ codes: Matrix, isHigh: Bool) -> Matrix {
        Matrix(rows: codes.rows, columns: codes.columns) { out in
            codes.withUnsafeBufferPointer { codes in
                for i in out.indices {
                    let level = Int(codes[i] + 3) / 2
                    out[i] = (isHigh ? level >> 1 : level & 1) == 1 ? 1 : -1
                }
            }
        }
    }
}
