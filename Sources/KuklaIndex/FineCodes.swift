import Foundation
import KuklaCodecs
import KuklaNumerics

/// The finer codes of an index, one a vector: in memory, or in a file from which a search reads those of its candidates
/// by offset.
///
/// In a file they are no part of the resident memory, whatever their size: only what looks at all of them (building a graph,
/// exact search, writing) goes through a memory map.
struct FineCodes: Sendable {
    /// All of them in place, in memory or mapped.
    private(set) var all = CodeBuffer()
    /// Where they are read; nil while they are in memory or there are none.
    private var source: Source?
    /// Counts reads; nil where codes belong in memory.
    let reads: ReadCounter?
    /// Where the file lies that takes added codes.
    var folder = FileManager.default.temporaryDirectory

    private struct Source {
        let file: OpenFile
        var offset = 0
        /// Takes further codes; nil for a collection file.
        var spool: CodeSpool?
    }

    /// Rows that are encoded, copied or read at a time take about as many bytes.
    private static let pieceBytes = 4 << 20

    /// No codes.
    init(inFile: Bool = false) { reads = inFile ? ReadCounter() : nil }

    /// Codes that are there already, in memory.
    init(_ all: CodeBuffer) {
        self.all = all
        reads = nil
    }

    /// Codes that lie in `file` from `offset` on.
    init(_ all: CodeBuffer, in file: OpenFile, offset: Int) {
        self.all = all
        source = Source(file: file, offset: offset)
        reads = ReadCounter()
    }

    /// `candidates` in the order of their rows, with scores by these codes.
    ///
    /// - Throws: `KuklaError` where the file cannot be read.
    func rank(
        _ candidates: [ScoredRow], for query: Matrix, by refinement: FlatIndex.Refinement
    ) throws(KuklaError) -> [ScoredRow] {
        guard !candidates.isEmpty else { return [] }
        // Neighbours share pages of memory, and reads of a file.
        var ranked = candidates.sorted { $0.id < $1.id }
        var scores = [Float](repeating: 0, count: ranked.count)
        if let source {
            try score(ranked.map(\.id), for: query, by: refinement.codec, of: source, into: &scores)
        } else {
            let scorer = refinement.codec.randomAccessScorer(for: query)
            let rows = ranked.map { UInt32($0.id) }
            all.withUnsafeBytes {
                scorer.score(rows: rows, count: rows.count, of: $0.baseAddress!, into: &scores)
            }
        }
        let weight = refinement.coarseWeight
        for i in ranked.indices {
            let score = weight == 0 ? scores[i] : (scores[i] + weight * ranked[i].score) / (1 + weight)
            ranked[i] = ScoredRow(score: score, id: ranked[i].id)
        }
        return ranked
    }

    private func score(
        _ rows: [Int], for query: Matrix, by codec: any VectorCodec, of source: Source,
        into scores: inout [Float]
    ) throws(KuklaError) {
        let scorer = codec.scorer(for: query)
        let bytes = codec.layout.bytesPerBlock
        let room = min(rows.count, max(1, Self.pieceBytes / max(bytes, 1)))
        let picked = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, room * bytes), alignment: 64)
        defer { picked.deallocate() }
        for start in stride(from: 0, to: rows.count, by: room) {
            let piece = start..<min(start + room, rows.count)
            var first = piece.lowerBound
            while first < piece.upperBound {
                var end = first + 1
                while end < piece.upperBound, rows[end] == rows[end - 1] + 1 { end += 1 }
                let target = UnsafeMutableRawBufferPointer(
                    rebasing: picked[(first - start) * bytes..<(end - start) * bytes])
                try source.file.read(target, at: source.offset + rows[first] * bytes)
                reads?.add(bytes: target.count)
                first = end
            }
            scores.withUnsafeMutableBufferPointer {
                scorer.score(
                    picked.baseAddress!, count: piece.count, into: $0.baseAddress! + start,
                    stride: piece.count)
            }
        }
    }

    /// Adds the codes of `vectors`.
    ///
    /// - Throws: `KuklaError` where a file cannot be written; there are then no more codes than before.
    mutating func append(_ vectors: Matrix, by codec: any VectorCodec, threads: Int) throws(KuklaError) {
        guard reads != nil, source != nil || all.byteCount == 0 else {
            return all.append(vectors, by: codec, threads: threads)
        }
        let bytes = codec.layout.bytesPerBlock
        let step = max(1, Self.pieceBytes / max(bytes, 1))
        try grow { (add: (UnsafeRawBufferPointer) throws(KuklaError) -> Void) throws(KuklaError) in
            for start in stride(from: 0, to: vectors.rows, by: step) {
                let part = vectors[rows: start..<min(start + step, vectors.rows)]
                var codes = CodeBuffer()
                codes.append(part, by: codec, threads: threads)
                try codes.withUnsafeBytes(add)
            }
        }
    }

    /// Lets `body` add bytes behind those that are there: to the same file, or where it is not ours or has other
    /// bytes there, to a copy.
    private mutating func grow(
        _ body: ((UnsafeRawBufferPointer) throws(KuklaError) -> Void) throws(KuklaError) -> Void
    ) throws(KuklaError) {
        var spool = source?.spool
        var end = all.byteCount
        func add(_ bytes: UnsafeRawBufferPointer) throws(KuklaError) {
            if let spool, try spool.append(bytes, after: end) {
                end += bytes.count
                return
            }
            let copy = try CodeSpool(in: folder)
            let old = all
            try old.withUnsafeBytes { bytes throws(KuklaError) in _ = try copy.append(bytes, after: 0) }
            _ = try copy.append(bytes, after: end)
            spool = copy
            end += bytes.count
        }
        try body(add)
        guard let spool, end > all.byteCount else { return }
        let map = try MappedFile(spool.file)
        all = CodeBuffer(borrowing: UnsafeRawBufferPointer(rebasing: map.bytes[..<end]), from: map)
        source = Source(file: spool.file, spool: spool)
    }

    /// Moves rows to their new numbers and forgets those that have none: in another file, or in memory where there is no
    /// room for one.
    mutating func compact(_ rows: Renumbering, bytesPerRow: Int) {
        guard source != nil, rows.kept > 0, let moved = try? compacted(rows, bytesPerRow: bytesPerRow) else {
            source = nil
            return all.compact(rows, bytesPerRow: bytesPerRow)
        }
        self = moved
    }

    private func compacted(_ rows: Renumbering, bytesPerRow: Int) throws(KuklaError) -> FineCodes {
        var moved = self
        moved.clear()
        var origins = Array(0..<rows.kept)
        for (from, to) in rows.moves { origins[to] = from }
        let old = all
        try moved.grow { (add: (UnsafeRawBufferPointer) throws(KuklaError) -> Void) throws(KuklaError) in
            var piece: [UInt8] = []
            for (row, origin) in origins.enumerated() {
                old.withUnsafeBytes {
                    piece.append(contentsOf: $0[origin * bytesPerRow..<(origin + 1) * bytesPerRow])
                }
                guard piece.count >= Self.pieceBytes || row + 1 == origins.count else { continue }
                try piece.withUnsafeBufferPointer { bytes throws(KuklaError) in
                    try add(UnsafeRawBufferPointer(bytes))
                }
                piece.removeAll(keepingCapacity: true)
            }
        }
        return moved
    }

    /// Forgets all codes.
    mutating func clear() { (all, source) = (CodeBuffer(), nil) }
}
