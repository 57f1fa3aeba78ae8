public import KuklaFormats

/// The measured plans as a table, the same columns in the terminal and on the page.
struct PlanTable {
    struct Column {
        var title: String
        var isNumber: Bool
        var text: (PlanRow) -> String
        /// What the page sorts by.
        var key: (PlanRow) -> Double?
    }

    static let noteTitle = "note"

    let columns: [Column]

    /// Columns that no row has anything for (structure, nDCG, speed, notes) are left out.
    init(rows: [PlanRow], recallName: String, uncompressedBytesPerVector: Double?) {
        var columns: [Column] = [
            .init(title: "plan", isNumber: false, text: \.plan, key: { _ in nil }),
            .init(
                title: "bytes/vector", isNumber: true, text: { Quantity.bytesPerVector($0.bytesPerVector) },
                key: \.bytesPerVector),
        ]
        if rows.contains(where: { $0.modelSize != nil }) {
            columns.insert(
                .init(title: "model", isNumber: false, text: { $0.modelSize ?? "" }, key: { _ in nil }), at: 0
            )
        }
        if rows.contains(where: { $0.effort != nil }) {
            columns.append(
                .init(title: "structure", isNumber: false, text: \.structure, key: { _ in nil }))
            columns.append(
                .init(
                    title: "effort", isNumber: true, text: { $0.effort.map(Quantity.count) ?? "" },
                    key: { $0.effort.map(Double.init) }))
        }
        columns += [
            .init(title: recallName, isNumber: true, text: { Quantity.fraction($0.recall) }, key: \.recall),
            .init(
                title: "95% interval", isNumber: true,
                text: {
                    let interval = $0.recallInterval
                    return
                        "\(Quantity.fraction(interval.lowerBound))–\(Quantity.fraction(interval.upperBound))"
                }, key: { $0.recallInterval.lowerBound }),
        ]
        if let whole = uncompressedBytesPerVector {
            columns.append(
                .init(
                    title: "smaller", isNumber: true,
                    text: { Quantity.significant(whole / $0.bytesPerVector) + "x" },
                    key: { whole / $0.bytesPerVector }))
        }
        columns.append(
            .init(
                title: "size", isNumber: true, text: { Quantity.bytes($0.totalBytes) },
                key: { Double($0.totalBytes) }))
        if rows.contains(where: { $0.ndcg != nil }) {
            columns.append(
                .init(
                    title: "nDCG@10", isNumber: true, text: { $0.ndcg.map { Quantity.fraction($0) } ?? "" },
                    key: \.ndcg))
        }
        if rows.contains(where: { $0.queriesPerSecond > 0 }) {
            columns.append(
                .init(
                    title: "queries/s", isNumber: true,
                    text: { $0.queriesPerSecond > 0 ? Quantity.rate($0.queriesPerSecond) : "" },
                    key: \.queriesPerSecond))
        }
        if rows.contains(where: { $0.latency != nil }) {
            for (title, value) in [
                ("p50 ms", \SearchLatency.p50Milliseconds), ("p99 ms", \.p99Milliseconds),
            ] {
                columns.append(
                    .init(
                        title: title, isNumber: true,
                        text: { row in row.latency.map { Quantity.rate($0[keyPath: value]) } ?? "" },
                        key: { row in row.latency.map { $0[keyPath: value] } }))
            }
        }
        if rows.contains(where: { $0.note != nil }) {
            columns.append(
                .init(title: Self.noteTitle, isNumber: false, text: { $0.note ?? "" }, key: { _ in nil }))
        }
        self.columns = columns
    }
}

extension TextTable {
    /// The measured plans, the chosen one marked with `*`.
    public init(
        plans: [PlanRow], recallName: String = "Recall@10", uncompressedBytesPerVector: Double? = nil
    ) {
        let table = PlanTable(
            rows: plans, recallName: recallName, uncompressedBytesPerVector: uncompressedBytesPerVector)
        self.init(
            columns: [Column("")] + table.columns.map { Column($0.title, $0.isNumber ? .right : .left) },
            rows: plans.map { row in [row.isChosen ? "*" : ""] + table.columns.map { $0.text(row) } })
    }
}
