public import KuklaNumerics

extension ClickModelFolder {
    /// The vectors of all known ids of a field, and the values that they stand for, the most frequent first.
    ///
    /// - Throws: `KuklaError(.usage)` for a field that is not there, with the nearest; for hashed ids, which stand for no value.
    public func vectors(of field: String) throws(KuklaError) -> (vectors: Matrix, values: [String]) {
        guard let number = schema.field(field) else {
            let near =
                EditDistance.likely(field, among: schema.fieldNames).map { "; did you mean \"\($0)\"?" }
                ?? "."
            throw KuklaError(
                .usage,
                "Cannot export \"\(field)\": the model has vectors for \(schema.fieldNames.joined(separator: ", "))\(near)"
            )
        }
        let vocabulary = vocabularies[number]
        guard !vocabulary.isHashed else {
            throw KuklaError(
                .usage,
                "Cannot export \"\(field)\": its ids are hashes, which stand for no value; train it without 'buckets'."
            )
        }
        return (
            scorer.table.dense(field: number), (0..<vocabulary.count).map { vocabulary.value(of: $0) ?? "" }
        )
    }
}
