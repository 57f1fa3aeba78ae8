/// The area under the ROC curve: how likely something relevant scores above something that is not, ties counting half.
public enum RankingArea {
    /// From 0 to 1; 0.5 where one of the two is empty.
    ///
    /// - Complexity: O(n log n).
    /// *Source:* Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747.
    public static func underROC(relevant: [Double], others: [Double]) -> Double {
        guard !relevant.isEmpty, !others.isEmpty else { return 0.5 }
        let all = (relevant.map { ($0, true) } + others.map { ($0, false) }).sorted { $0.0 < $1.0 }
        var (below, sum, start) = (0.0, 0.0, 0)
        while start < all.count {
            var (end, positives) = (start, 0)
            while end < all.count, all[end].0 == all[start].0 {
                positives += all[end].1 ? 1 : 0
                end += 1
            }
            let negatives = Double(end - start - positives)
            sum += Double(positives) * (below + negatives / 2)
            below += negatives
            start = end
        }
        return sum / (Double(relevant.count) * Double(others.count))
    }
}
