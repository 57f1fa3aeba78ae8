import KuklaIndex
package import KuklaNumerics

extension ItemBatch {
    /// Items that were read, of which `bare` are those that came without a vector.
    ///
    /// - Parameters:
    ///   - given: the vectors of the others, in their order.
    ///   - made: those of the bare ones, in theirs.
    /// - Precondition: every record has an id; as many vectors as records.
    package init(
        _ records: [ItemLinesReader.Record], given: Matrix, made: Matrix?, bare: [Int]
    ) {
        var vectors = given
        if let made, !bare.isEmpty {
            let isBare = Set(bare)
            var (old, new) = (0, given.rows)
            let order = records.indices.map { row in
                if isBare.contains(row) { new += 1 } else { old += 1 }
                return (isBare.contains(row) ? new : old) - 1
            }
            vectors = given.appending(made).gathering(rows: order)
        }
        self.init(
            ids: records.compactMap(\.id), vectors: vectors, texts: records.map(\.text),
            metadata: records.map(\.metadata))
    }
}
