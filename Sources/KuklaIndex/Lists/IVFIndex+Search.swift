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
        // By the number of queries alone, so that results do not depend on threads.
        let together = max(32, min(128, queries.rows / 16))
        return parallelMap((queries.rows + together - 1) / together, grain: 1, threads: threads) { block in
            let rows = block * together..<min((block + 1) * together, queries.rows)
            let scan = ListScan(self, queries: queries[rows: rows], width: width, allowed: allowed)
            defer { scan.deallocate() }
            scan.run()
            return scan.matches(k)
        }.flatMap(\.self)
    }

    public func exactSearch(
        _ queries: Matrix, count k: Int, threads: Int = defaultThreadCount
    ) throws(KuklaError) -> [[Match]] {
        if let refinement {
            return try FlatIndex(
                codec: refinement.codec, refinement: nil, count: count, codes: refineCodes,
                refineCodes: CodeBuffer()
            ).search(queries, count: k, threads: threads)
        }
        var thorough = self
        thorough.effort = listCount
        return try thorough.search(queries, count: k, threads: threads)
    }
}
