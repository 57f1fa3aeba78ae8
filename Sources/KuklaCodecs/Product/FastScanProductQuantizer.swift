public import KuklaNumerics

/// Product quantization with 4-bit codes in the order of SIMD look-ups (`PQmx4fs`).
///
/// `ceil(m / 2)` bytes a vector, piece `2i` in the low half of byte `i`, in interleaved blocks of 32 vectors. Tables are
/// rounded to 8 bits with one step for all pieces of a query, so a score is off by at most `m` half steps from that of
/// `PQmx4`; sums are exact.
///
/// *Sources:* Jégou et al. 2011, doi:10.1109/TPAMI.2010.57; the idea of tables in registers from André, Kermarrec
/// and Le Scouarnec 2015, "Cache locality is not enough", doi:10.14778/2856318.2856324.
public struct FastScanProductQuantizer: VectorCodec {
    public let configuration: CodecConfiguration
    public let metric: Metric
    let codebook: ProductCodebook
    let codes: InterleavedCodes

    public var dimensions: Int { codebook.dimensions }
    public var layout: CodeLayout { codes.layout }
    /// `codebooks`: the centroids of all subspaces, `[m * 16, dimensions / m]`.
    public var parameters: [String: Matrix] { ["codebooks": codebook.centroids] }

    /// How codes of that many pieces lie in memory, known before training.
    public static func layout(subspaces: Int) -> CodeLayout {
        InterleavedCodes(codeBytes: (subspaces + 1) / 2).layout
    }

    /// Finds 16 centroids in each of `subspaces` by k-means, on at most 16,384 of the vectors.
    ///
    /// - Throws: `KuklaError.usage` where `subspaces` does not divide the dimensions; `KuklaError.badData` where there
    ///   are fewer than 16 vectors.
    public static func train(
        on vectors: Matrix, metric: Metric, subspaces: Int, configuration: CodecConfiguration,
        seed: UInt64 = 0, threads: Int = defaultThreadCount,
        progress: some ProgressReporter = SilentProgress()
    ) throws(KuklaError) -> FastScanProductQuantizer {
        let codebook = try ProductCodebook.train(
            on: vectors, subspaces: subspaces, bits: 4, seed: seed, threads: threads, progress: progress)
        return FastScanProductQuantizer(configuration: configuration, metric: metric, codebook: codebook)
    }

    private init(configuration: CodecConfiguration, metric: Metric, codebook: ProductCodebook) {
        self.configuration = configuration
        self.metric = metric
        self.codebook = codebook
        codes = InterleavedCodes(codeBytes: (codebook.subspaces + 1) / 2)
    }

    /// The codec that `parameters` describe.
    ///
    /// - Throws: `KuklaError` where `codebooks` is missing, has another shape or is not finite.
    public init(
        configuration: CodecConfiguration, metric: Metric, dimensions: Int, subspaces: Int,
        parameters: [String: Matrix]
    ) throws(KuklaError) {
        self.init(
            configuration: configuration, metric: metric,
            codebook: try ProductCodebook(
                dimensions: dimensions, subspaces: subspaces, bits: 4, parameters: parameters,
                codec: "fast-scan product"))
    }

    public func encode(_ vectors: Matrix, into buffer: UnsafeMutableRawBufferPointer, threads: Int) {
        contract(vectors.columns == dimensions, "encode: \(vectors.columns) columns, codec of \(dimensions)")
        let (codebook, codes) = (codebook, codes)
        let packing = BitPacking(count: codebook.subspaces, bits: 4)
        codes.write(rows: vectors.rows, into: buffer, threads: threads) { range, bytes, _ in
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: range.count * packing.count) { whole in
                codebook.encode(vectors, rows: range, into: whole.baseAddress!)
                for row in 0..<range.count {
                    packing.pack(
                        whole.baseAddress! + row * packing.count, into: bytes + row * packing.byteCount)
                }
            }
        }
    }

    public func decode(_ buffer: UnsafeRawBufferPointer, count: Int) -> Matrix {
        let packing = BitPacking(count: codebook.subspaces, bits: 4)
        var whole = [UInt8](repeating: 0, count: packing.count)
        return codes.decode(buffer, count: count, dimensions: dimensions) { code, _, out in
            packing.unpack(code, into: &whole)
            codebook.decode(whole, into: out)
        }
    }

    public func scorer(for queries: Matrix) -> any CodeScorer { scorer(for: queries, level: .current) }

    package func scorer(for queries: Matrix, level: CPULevel) -> any CodeScorer {
        FastScanScorer(codebook: codebook, codes: codes, metric: metric, queries: queries, level: level)
    }
}

/// Tables of all queries, rounded to bytes.
private struct FastScanScorer: CodeScorer {
    let tables: NibbleTables

    var queryCount: Int { tables.queryCount }

    init(codebook: ProductCodebook, codes: InterleavedCodes, metric: Metric, queries: Matrix, level: CPULevel)
    {
        contract(
            queries.columns == codebook.dimensions,
            "scorer: \(queries.columns) columns, codec of \(codebook.dimensions)")
        tables = NibbleTables(queries: queries.rows, codes: codes, level: level) { query, table in
            queries.withUnsafeRow(query) {
                codebook.fillTable(query: $0.baseAddress!, metric: metric, level: level, into: table)
            }
        }
    }

    func score(_ codes: UnsafeRawPointer, count: Int, into scores: UnsafeMutablePointer<Float>, stride: Int) {
        tables.score(codes, count: count, into: scores, stride: stride)
    }
}
