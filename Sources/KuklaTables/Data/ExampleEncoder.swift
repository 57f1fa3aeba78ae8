import KuklaNumerics

/// Makes numbers of rows: ids by each field's numbering, numbers, lists, labels. What is in it becomes a store.
final class ExampleEncoder {
    let schema: DataSchema
    let numberings: [FieldNumbering]
    /// The field of each list, and of the items of a history.
    let listFields: [Int]
    let historyFields: [Int]
    private let isForUse: Bool
    /// Of numeric columns, where they are known already.
    private let scales: [NumericScale]?

    // Columns of the rows that are kept.
    var ids: GrowingColumn<Int32>
    var numbers: GrowingColumn<Float>
    var labels: GrowingColumn<Float>
    var parts: GrowingColumn<UInt8>
    var users: GrowingColumn<Int32>
    var times: GrowingColumn<Double>
    var lists: [(items: GrowingColumn<Int32>, starts: GrowingColumn<Int64>, lengths: GrowingColumn<Int32>)]
    /// Everything that a history may remember, rows without a label included.
    var events = HistoryEvents()
    private let userNumbers = FieldNumbering.growing(GrowingValues())

    /// Rows seen, and of these the ones whose label says nothing.
    private(set) var seen = 0
    private(set) var leftOut = 0
    var hasLabels = true

    // One row, before it is known to be good.
    private var rowIDs: [Int32] = []
    private var rowNumbers: [Float] = []
    private var rowLists: [[Int32]]
    // Of the first values of each categorical column, how many there were and how many had a fraction.
    private var probed: [(seen: Int, fractional: Int, example: String)]
    private static let probe = 1000

    /// - Parameters:
    ///   - known: vocabularies and scales of a model; nil while one is made.
    ///   - spillAfter: bytes of a column from which on it lies in a file.
    init(
        _ schema: DataSchema, known: (vocabularies: [IDVocabulary], scales: [NumericScale])? = nil,
        spillAfter: Int = .max
    ) {
        ids = GrowingColumn(spillAfter: spillAfter)
        numbers = GrowingColumn(spillAfter: spillAfter)
        labels = GrowingColumn(spillAfter: spillAfter)
        parts = GrowingColumn(spillAfter: spillAfter)
        users = GrowingColumn(spillAfter: spillAfter)
        times = GrowingColumn(spillAfter: spillAfter)
        self.schema = schema
        isForUse = known != nil
        scales = known?.scales
        if let known {
            numberings = known.vocabularies.map { .known($0) }
        } else {
            numberings = schema.fieldNames.indices.map { field in
                field < schema.categorical.count
                    ? schema.categorical[field].buckets.map { .hashed($0) } ?? .growing(GrowingValues())
                    : .growing(GrowingValues())
            }
        }
        (listFields, historyFields) = (schema.listFields, schema.historyFields)
        lists = schema.sequences.map { _ in
            (
                GrowingColumn(spillAfter: spillAfter), GrowingColumn(spillAfter: spillAfter),
                GrowingColumn(spillAfter: spillAfter)
            )
        }
        rowLists = schema.sequences.map { _ in [] }
        probed = schema.categorical.map { _ in (0, 0, "") }
    }

    /// Takes a row in.
    ///
    /// - Parameter part: whose row it is; nil: by the schema's split.
    /// - Returns: what is wrong with it, to follow "line 7: "; nil where nothing is. A bad row leaves nothing behind.
    func append(_ row: JoinedRow, part: ExamplePart?) -> String? {
        seen += 1
        var verdict = LabelRule.Verdict.negative
        if let place = row.plan.label {
            verdict = schema.label.verdict(row.bytes(place))
            if case .bad(let reason) = verdict { return reason }
        }
        readCategories(row)
        if let reason = readNumbers(row) { return reason }
        readLists(row)
        var time = Double(seen)
        if let place = row.plan.time {
            guard let number = DecimalText.number(row.bytes(place)) else {
                return "the time \"\(schema.time ?? "")\" is \"\(text(row.bytes(place)))\", expected a number"
            }
            time = number
        }
        let user = row.plan.user.map { userNumbers.number(row.bytes($0)) }
        if schema.history != nil {
            let isKept = schema.history?.keepsPositivesOnly == false || verdict == .positive
            events.append(
                user: user ?? 0, time: time, items: isKept ? historyFields.map { rowIDs[$0] } : nil,
                row: verdict == .leftOut && !isForUse ? nil : labels.count)
        }
        guard verdict != .leftOut || isForUse else {
            leftOut += 1
            return nil
        }
        // What is only to be scored needs no label.
        keep(
            label: verdict == .positive ? 1 : verdict == .leftOut ? .nan : 0,
            part: part ?? self.part(of: row), user: user, time: time)
        return nil
    }

    private func keep(label: Float, part: ExamplePart, user: Int32?, time: Double) {
        for id in rowIDs { ids.append(id) }
        for number in rowNumbers { numbers.append(number) }
        for (i, list) in rowLists.enumerated() {
            lists[i].starts.append(Int64(lists[i].items.count))
            lists[i].lengths.append(Int32(list.count))
            for id in list { lists[i].items.append(id) }
        }
        labels.append(label)
        parts.append(part.rawValue)
        if schema.user != nil { users.append(user ?? 0) }
        if schema.time != nil { times.append(time) }
    }

    private func readCategories(_ row: JoinedRow) {
        rowIDs.removeAll(keepingCapacity: true)
        for (field, place) in row.plan.categorical.enumerated() {
            let bytes = row.bytes(place)
            if !isForUse, probed[field].seen < Self.probe { probe(bytes, field) }
            rowIDs.append(numberings[field].number(bytes))
        }
    }

    private func readNumbers(_ row: JoinedRow) -> String? {
        rowNumbers.removeAll(keepingCapacity: true)
        for (i, place) in row.plan.numeric.enumerated() {
            let bytes = row.numberBytes(place)
            if isMissing(bytes) {
                rowNumbers.append(.nan)  // until the mean is known
                continue
            }
            guard let number = DecimalText.number(bytes) else {
                return
                    "the numeric column \"\(schema.numeric[i].column)\" is \"\(text(bytes))\", expected a number"
            }
            let value = schema.numeric[i].transform.applied(to: number)
            if let scales {
                rowNumbers.append((Float(value) - scales[i].mean) / scales[i].deviation)
            } else {
                rowNumbers.append(Float(value))
            }
        }
        if isForUse { for i in rowNumbers.indices where rowNumbers[i].isNaN { rowNumbers[i] = 0 } }
        return nil
    }

    private func readLists(_ row: JoinedRow) {
        for (i, place) in row.plan.sequences.enumerated() {
            rowLists[i].removeAll(keepingCapacity: true)
            let bytes = row.bytes(place)
            guard !isMissing(bytes), !bytes.isEmpty else { continue }
            let parts = ListText.parts(of: bytes, separator: schema.sequences[i].separator)
            for range in parts.suffix(schema.sequences[i].last) {
                rowLists[i].append(
                    numberings[listFields[i]].number(UnsafeRawBufferPointer(rebasing: bytes[range])))
            }
        }
    }

    // A categorical column whose first values all have fractions is a numeric one, most likely.
    private func probe(_ bytes: UnsafeRawBufferPointer, _ field: Int) {
        guard !schema.categorical[field].isText, !isMissing(bytes) else { return }
        probed[field].seen += 1
        if DecimalText.looksFractional(bytes) {
            if probed[field].fractional == 0 { probed[field].example = text(bytes) }
            probed[field].fractional += 1
        }
    }

    /// What is wrong with a categorical column as a whole; nil where nothing is.
    func fractionalCategory() -> String? {
        for (field, probe) in probed.enumerated() where probe.seen > 0 && probe.fractional == probe.seen {
            let column = schema.categorical[field].column
            return
                "the categorical column \"\(column)\" holds numbers with fractions, such as \(probe.example): "
                + "list it under 'numeric', or say {column: \(column), as: text} if each of them is a category"
        }
        return nil
    }

    /// Whether enough values were seen to say so.
    var isProbed: Bool { seen == Self.probe }

    private func part(of row: JoinedRow) -> ExamplePart {
        let split = schema.split
        let share: Double
        switch split.rule {
        case .random: share = ValueHash.share(seen, seed: split.seed)
        case .user:
            share =
                row.plan.user.map { ValueHash.share(ValueHash.hash(row.bytes($0), seed: split.seed)) } ?? 0
        case .time: return .training  // decided when all times are known
        }
        if share < split.test { return .test }
        return share < split.test + split.validation ? .validation : .training
    }

    private func isMissing(_ bytes: UnsafeRawBufferPointer) -> Bool {
        schema.missing.contains { bytes.elementsEqual($0.utf8) }
    }

    private func text(_ bytes: UnsafeRawBufferPointer) -> String {
        String(decoding: bytes.prefix(60), as: UTF8.self)
    }
}

/// The values of a list in one column.
enum ListText {
    /// The stretches between separators.
    static func parts(of bytes: UnsafeRawBufferPointer, separator: String) -> [Range<Int>] {
        let separator = Array(separator.utf8)
        var result: [Range<Int>] = []
        var (start, i) = (0, 0)
        while i + separator.count <= bytes.count {
            if bytes[i] == separator[0], bytes[i..<i + separator.count].elementsEqual(separator) {
                if i > start { result.append(start..<i) }
                i += separator.count
                start = i
            } else {
                i += 1
            }
        }
        if start < bytes.count { result.append(start..<bytes.count) }
        return result
    }
}
