import KuklaNumerics

/// `RBEmxk` with one vector a block: the bytes of its code, then the 16-bit number of its length. What
/// `RecurrentBinaryCodec` stores, laid out for picking single codes.
struct RecurrentBinaryRowCodec: VectorCodec {
    let recurrent: RecurrentBinaryCodec

    var configuration: CodecConfiguration { recurrent.configuration }
    var metric: Metric { recurrent.metric }
    var dimensions: Int { recurrent.dimensions }
    var parameters: [String: Matrix] { recurrent.parameters }
    private var codeBytes: Int { recurrent.grid.codes.codeBytes }
    var layout: CodeLayout { CodeLayout(bytesPerBlock: codeBytes + 2) }

    func encode(_ vectors: Matrix, into codes: UnsafeMutableRawBufferPointer, threads: Int) {
        checkEncode(vectors, into: codes)
        nonisolated(unsafe) let codes = codes  // every row is written once
        parallelFor(vectors.rows, grain: 512, threads: threads) { rows in
            let whole = recurrent.wholeCodes(of: vectors[rows: rows])
            for row in rows {
                let code = codes.baseAddress! + row * layout.bytesPerBlock
                code.initializeMemory(as: UInt8.self, repeating: 0, count: codeBytes)
                whole.withUnsafeRow(row - rows.lowerBound) {
                    recurrent.pack($0.baseAddress!, into: code.assumingMemoryBound(to: UInt8.self))
                    code.storeBytes(
                        of: UInt16(recurrent.lengths.factor(squaredNorm($0))), toByteOffset: codeBytes,
                        as: UInt16.self)
                }
            }
        }
    }

    func decode(_ codes: UnsafeRawBufferPointer, count: Int) -> Matrix {
        checkDecode(codes, count: count)
        let whole = Matrix(rows: count, columns: recurrent.codeDimensions) { out in
            for row in 0..<count {
                let code = codes.baseAddress! + row * layout.bytesPerBlock
                recurrent.unpack(
                    code.assumingMemoryBound(to: UInt8.self),
                    into: out.baseAddress! + row * recurrent.codeDimensions)
            }
        }
        return recurrent.vectors(of: whole)
    }

    func scorer(for queries: Matrix) -> any CodeScorer {
        checkQueries(queries)
        return RecurrentBinaryRowScorer(codec: self, queries: recurrent.activations(of: queries))
    }

    func randomAccessScorer(for query: Matrix) -> any RandomAccessScorer {
        checkRandomAccess(query)
        return RecurrentBinaryRowScorer(codec: self, queries: recurrent.activations(of: query))
    }

    /// The squared length of the code at `code`.
    fileprivate func squaredLength(of code: UnsafeRawPointer) -> Float {
        let number = code.loadUnaligned(fromByteOffset: codeBytes, as: UInt16.self)
        return recurrent.lengths.base + recurrent.lengths.step * Float(number)
    }
}

/// Queries in code space against codes in rows: cosines.
private struct RecurrentBinaryRowScorer: RowScorer {
    let codec: RecurrentBinaryRowCodec
    let queries: Matrix
    /// 2 over the length of each query: the grid's points are halves of the odd numbers.
    private let scales: [Float]

    var queryCount: Int { queries.rows }

    init(codec: RecurrentBinaryRowCodec, queries: Matrix) {
        self.codec = codec
        self.queries = queries
        scales = RecurrentBinaryCodec.scales(of: queries)
    }

    func score(
        _ query: Int, rows: UnsafePointer<UInt32>, count: Int, of codes: UnsafeRawPointer,
        into scores: UnsafeMutablePointer<Float>
    ) {
        let stride = codec.layout.bytesPerBlock
        queries.withUnsafeRow(query) {
            codec.recurrent.grid.scoreRows(
                $0.baseAddress!, of: codes.assumingMemoryBound(to: UInt8.self), stride: stride, rows: rows,
                count: count, into: scores)
        }
        for i in 0..<count {
            let square = codec.squaredLength(of: codes + Int(rows[i]) * stride)
            scores[i] *= scales[query] / square.squareRoot()
        }
    }
}
