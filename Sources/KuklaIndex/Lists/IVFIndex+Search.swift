import KuklaCodecs
public import KuklaNumerics

extension IVFIndex {
    public func search(
        _ queries: Matrix, count k: Int, allowing allowed: RowSet? = nil, threads: Int = defaultThreadCount
    ) throws(KuklaError) -> [[Match]] {
        try checkSearch(queries, count: k, allowing: allowed)
        let queries = try queries.prepared(for: metric, role: "query", threads: threads)
        let (wanted, overflows) = k.multipliedReportingOverflow(by: refinement?.factor ?? 1)
        let width = min(overflows ? count : wanted, allowed?.count ?? count)
        guard width > 0 else { return [[Match]](repeating: [], count: queries.rows) }
        // Not by the number of threads, so that results do not depend on it; as many as 64 MiB of candidates are of.
        let together = min(max(32, min(128, queries.rows / 16)), max(1, (64 << 20) / (24 * width)))
        return try parallelMap((queries.rows + together - 1) / together, grain: 1, threads: threads) {
            block throws(KuklaError) in
            let rows = block * together..<min((block + 1) * together, queries.rows)
            let scan = ListScan(self, queries: queries[rows: rows], width: width, allowed: allowed)
            defer { scan.deallocate() }
            scan.run()
            return try scan.matches(k)
        }.flatMap(\.self)
    }

    public func exactSearch(
        _ queries: Matrix, count k: Int, threads: Int = defaultThreadCount
    ) throws(KuklaError) -> [[Match]] {
        if let refinement {
            let found = try FlatIndex(
                codec: refinement.codec, refinement: nil, count: count, codes: refineCodes.all,
                refineCodes: FineCodes()
            ).search(queries, count: k, threads: threads)
            return found.map { $0.map { named($0) } }
        }
        var thorough = self
        thorough.effort = listCount
        return try thorough.search(queries, count: k, threads: threads)
    }

    /// A match by its id in place of its slot. Slots are in the order of ids, so that the order of matches is right.
    func named(_ match: Match) -> Match {
        ids == nil ? match : Match(id: id(at: match.id), score: match.score, distance: match.distance)
    }
}
