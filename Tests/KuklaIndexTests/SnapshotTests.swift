import KuklaIndex
import KuklaNumerics
import Testing

/// Readers search snapshots while a writer changes its own and swaps it: run under the thread sanitizer by `make sanitize`.
@Suite struct SnapshotTests {
    @Test(arguments: ["HNSW8,F32", "HNSW8,B1,Refine(SQ8)", "IVF8,F32", "F32"])
    func `readers search while a writer inserts and removes`(factory: String) async throws {
        let vectors = Matrix.clustered(rows: 1200, columns: 16, seed: 41)
        var first = try IndexConfiguration(parsing: factory).makeIndex(on: vectors, metric: .squaredEuclidean)
        try first.insert(vectors[rows: 0..<400], threads: 2)
        let shared = Shared(first)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for reader in 0..<3 {
                group.addTask { try await Self.read(shared, vectors, reader: reader) }
            }
            group.addTask {
                defer { shared.isOver.withLock { $0 = true } }
                for step in 0..<16 {
                    var next = shared.snapshot
                    let rows = 400 + step * 50..<450 + step * 50
                    try next.insert(vectors[rows: rows], threads: 2)
                    if var graph = next as? HNSWIndex {
                        #expect(graph.remove(stride(from: step, to: rows.upperBound, by: 16)) > 0)
                        next = graph
                    }
                    shared.replace(next)
                    await Task.yield()
                }
            }
            try await group.waitForAll()
        }
        let last = shared.snapshot
        #expect(last.idBound == 1200)
        if !(last is HNSWIndex) { #expect(last.count == 1200) }
        #expect(first.count == 400)
    }

    /// Searches snapshots until the writer is done.
    private static func read(_ shared: Shared, _ vectors: Matrix, reader: Int) async throws {
        var random = RandomSource(seed: UInt64(reader))
        repeat {
            let snapshot = shared.snapshot
            let row = Int.random(in: 0..<1200, using: &random)
            let query = vectors[rows: row..<row + 1]
            let k = min(5, snapshot.count)
            let once = try snapshot.search(query, count: k, threads: 1 + reader % 2)
            #expect(once[0].count == k && once[0].allSatisfy { $0.id < snapshot.idBound })
            // The snapshot stays the same, whatever the writer does meanwhile.
            #expect(try snapshot.search(query, count: k, threads: 1) == once)
            // There may be fewer threads than tasks.
            await Task.yield()
        } while !shared.isOver.withLock { $0 }
    }

    /// The index that readers take next.
    private final class Shared: Sendable {
        let isOver = Guarded(false)
        private let index: Guarded<any CodedIndex>

        init(_ index: any CodedIndex) { self.index = Guarded(index) }

        var snapshot: any CodedIndex { index.withLock { $0 } }

        func replace(_ next: any CodedIndex) { index.withLock { $0 = next } }
    }
}
