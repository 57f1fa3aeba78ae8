public import KuklaNumerics

/// Product quantization with 4-bit codes in the order of SIMD look-ups (`PQmx4fs`).
///
/// `ceil(m / 2)` bytes a vector, piece `2i` in the low half of byte `i`, in interleaved blocks of 32 vectors; under
/// `.innerProduct` of the direction, with the norm as 4 bytes more (see `ProductQuantizer`). Tables are
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
    public static func layout(subspaces: Int, metric: Metric) -> CodeLayout {
        interleaving(subspaces: subspaces, metric: metric).layout
    }

    private static func interleaving(subspaces: Int, metric: Metric) -> InterleavedCodes {
        InterleavedCodes(codeBytes: (subspaces + 1) / 2, factorCount: metric == .innerProduct ? 1 : 0)
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
            on: vectors, metric: metric, subspaces: subspaces, bits: 4, seed: seed, threads: threads,
            progress: progress)
        return FastScanProductQuantizer(configuration: configuration, metric: metric, codebook: codebook)
    }

    private init(configuration: CodecConfiguration, metric: Metric, codebook: ProductCodebook) {
        self.configuration = configuration
        self.metric = metric
        self.codebook = codebook
        codes = Self.interleaving(subspaces: codebook.subspaces, metric: metric)
    }

    /// The codec that `parameters` describe.
    ///
    /// - Throws: `KuklaError` where `codebooks` is missing, has another shape or is not finite, or where there are other
    ///   parameters.
    package init(
        configuration: CodecConfiguration, metric: Metric, dimensions: Int, subspaces: Int,
        from reader: ParameterReader
    ) throws(KuklaError) {
        self.init(
            configuration: configuration, metric: metric,
            codebook: try ProductCodebook(
                dimensions: dimensions, subspaces: subspaces, bits: 4, from: reader))
    }

    public func encode(_ vectors: Matrix, into buffer: UnsafeMutableRawBufferPointer, threads: Int) {
        contract(vectors.columns == dimensions, "encode: \(vectors.columns) columns, codec of \(dimensions)")
        let (codebook, codes) = (codebook, codes)
        let packing = BitPacking(count: codebook.subspaces, bits: 4)
        codes.write(rows: vectors.rows, into: buffer, threads: threads) { range, bytes, factors in
            let (coded, norms) = ProductCodebook.coded(vectors[rows: range], metric: metric)
            for row in norms.indices { factors[row] = norms[row] }
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: range.count * packing.count) { whole in
                codebook.encode(coded, rows: 0..<range.count, into: whole.baseAddress!)
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
        return codes.decode(buffer, count: count, dimensions: dimensions) { code, factors, out in
            packing.unpack(code, into: &whole)
            codebook.decode(whole, into: out)
            guard codes.factorCount > 0 else { return }
            for i in 0..<dimensions { out[i] *= factors[0] }
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
    let codes: InterleavedCodes

    var queryCount: Int { tables.queryCount }

    init(codebook: ProductCodebook, codes: InterleavedCodes, metric: Metric, queries: Matrix, level: CPULevel)
    {
        contract(
            queries.columns == codebook.dimensions,
            "scorer: \(queries.columns) columns, codec of \(codebook.dimensions)")
        self.codes = codes
        tables = NibbleTables(queries: queries.rows, codes: codes, level: level) { query, table in
            queries.withUnsafeRow(query) {
                codebook.fillTable(query: $0.baseAddress!, metric: metric, level: level, into: table)
            }
        }
    }

    func score(_ pointer: UnsafeRawPointer, count: Int, into scores: UnsafeMutablePointer<Float>, stride: Int)
    {
        tables.score(pointer, count: count, into: scores, stride: stride)
        guard codes.factorCount > 0 else { return }
        for query in 0..<queryCount {
            codes.rescale(scores + query * stride, codes: pointer, count: count) { $0 * $1(0) }
        }
    }
}
