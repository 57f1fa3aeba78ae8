import KuklaNumerics

extension Tensor {
    /// The cross-entropy of each query against its target row of `table`, with a few sampled rows in place of all others.
    ///
    /// Query i's classes are its target and all of `negatives`; a negative that is the target does not count for it. Subtracting
    /// `logExpectedCounts` (the log of how often a row is expected among the sample: for the targets, then for the negatives)
    /// makes the loss an estimate of the one over the whole table; without it frequent rows are pushed away too far.
    /// *Shapes:* queries `[n, d]`, table `[classes, d]`, `targets` n row numbers, `negatives` m, shared by all queries; result a
    /// scalar, or `[n]` where `reduction` is `.none`. The table's gradient names only the rows that were looked up.
    /// *Source:* Bengio and Senécal 2008, doi:10.1109/TNN.2007.912312; Yi et al. 2019, doi:10.1145/3298689.3346996 (log-Q).
    /// - Complexity: O(n m d), whatever the table's size.
    public func sampledCrossEntropy(
        table: Tensor, targets: [Int32], negatives: [Int32],
        logExpectedCounts: (targets: [Float], negatives: [Float])? = nil, reduction: Reduction = .mean
    ) -> Tensor {
        contract(
            rank == 2 && table.rank == 2 && shape[1] == table.shape[1] && shape[0] == targets.count,
            "sampledCrossEntropy: queries \(shape), table \(table.shape), \(targets.count) targets: expected rows of one length and a target for each query"
        )
        var right = dot(table.gathered(rows: targets)).unsqueezed(axis: -1)
        var wrong = matmul(table.gathered(rows: negatives), transposingOther: true)
        if let counts = logExpectedCounts {
            contract(
                counts.targets.count == targets.count && counts.negatives.count == negatives.count,
                "sampledCrossEntropy: \(counts.targets.count) and \(counts.negatives.count) expected counts for \(targets.count) targets and \(negatives.count) negatives"
            )
            right = right - Tensor(shape: [targets.count, 1], elements: counts.targets)
            wrong = wrong - Tensor(counts.negatives)
        }
        let isTarget = Tensor(shape: wrong.shape) { out in
            for (i, target) in targets.enumerated() {
                for (j, negative) in negatives.enumerated() {
                    out[i * negatives.count + j] = negative == target ? 1 : 0
                }
            }
        }
        return Tensor.concatenated([right, wrong.filled(with: -.infinity, where: isTarget)], axis: 1)
            .crossEntropy(targets: [Int32](repeating: 0, count: targets.count), reduction: reduction)
    }
}
