public import KuklaNumerics

extension VectorIndex {
    /// All matches of every query within a distance, best first.
    ///
    /// Asks for more and more matches until the last one lies outside: what an index misses in a search for that many it
    /// misses here. A flat index misses nothing.
    /// - Parameters:
    ///   - distance: the largest, as the metric defines distances (`Metric`); matches at exactly this distance are found.
    ///   - allowed: as in `search(_:count:allowing:threads:)`.
    /// - Throws: as that, but not for an empty index, where nothing is found.
    /// - Complexity: up to twice that of a search for as many matches as there are.
    public func search(
        _ queries: Matrix, within distance: Float, allowing allowed: RowSet? = nil,
        threads: Int = defaultThreadCount
    ) throws(KuklaError) -> [[Match]] {
        var lists = [[Match]](repeating: [], count: queries.rows)
        var open = Array(0..<queries.rows)
        var k = min(64, count)
        while !open.isEmpty, k > 0 {
            let found = try search(
                queries.gathering(rows: open), count: k, allowing: allowed, threads: threads)
            var unfinished: [Int] = []
            for (row, list) in zip(open, found) {
                let inside = list.prefix { $0.distance <= distance }
                lists[row] = Array(inside)
                if inside.count == k, k < count { unfinished.append(row) }
            }
            open = unfinished
            k = min(4 * k, count)
        }
        return lists
    }
}
