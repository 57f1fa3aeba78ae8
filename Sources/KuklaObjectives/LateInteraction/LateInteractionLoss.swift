import KuklaNumerics
public import KuklaTensor

/// Each query must find its document among all documents of the batch by late interaction: the cross-entropy of
/// `MaxSim / temperature` over them.
///
/// A score is the sum over a query's vectors, so the loss of long queries is sharper, as in ColBERT.
///
/// *Shapes:* `queries [query vectors, d]` and `documents [document vectors, d]`, packed as the lengths say, usually of unit
/// vectors. Document i belongs to query i; documents beyond the number of queries belong to none (hard negatives).
/// *Batches:* the larger the better; no text should stand twice in one (`DistinctTextSampler`).
/// *Source:* Khattab and Zaharia 2020, "ColBERT", doi:10.1145/3397271.3401075, with in-batch negatives as in Santhanam et al.
/// 2022, "ColBERTv2", doi:10.18653/v1/2022.naacl-main.272.
public struct LateInteractionLoss: Sendable {
    public var temperature: Float

    public init(temperature: Float = 1) {
        contract(temperature > 0, "LateInteractionLoss: temperature \(temperature), expected above 0")
        self.temperature = temperature
    }

    public func callAsFunction(
        queries: Tensor, _ queryLengths: SequenceLengths, documents: Tensor,
        _ documentLengths: SequenceLengths
    ) -> Tensor {
        contract(
            documentLengths.count >= queryLengths.count,
            "LateInteractionLoss: \(documentLengths.count) documents for \(queryLengths.count) queries")
        let scores = Tensor.maximumSimilarity(queries, queryLengths, documents, documentLengths)
        return (scores * (1 / temperature)).crossEntropy(targets: (0..<Int32(queryLengths.count)).map { $0 })
    }
}
