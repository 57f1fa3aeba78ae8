import KuklaNumerics

extension ExampleEncoder {
    /// Gives the oldest rows to training and the newest to the test; rows of one moment stay together.
    func splitByTime() {
        let count = labels.count
        guard count > 0 else { return }
        let sorted = (0..<count).map { times.pointer[$0] }.sorted()
        func moment(_ share: Double) -> Double {
            let place = Int((Double(count) * share).rounded())
            return place < count ? sorted[place] : .infinity
        }
        let validation = moment(1 - schema.split.validation - schema.split.test)
        let test = moment(1 - schema.split.test)
        for row in 0..<count {
            let time = times.pointer[row]
            let part: ExamplePart = time < validation ? .training : time < test ? .validation : .test
            parts.pointer[row] = part.rawValue
        }
    }

    /// What was read so far, as a store: provisional numbers become ids by how often training saw them, numbers are scaled.
    func finish() -> (store: ExampleStore, vocabularies: [IDVocabulary], scales: [NumericScale]) {
        let rowCount = labels.count
        let width = schema.categorical.count
        let columns = takeLists(rowCount)
        let (ids, parts) = (self.ids.take(), self.parts.take())
        let isTraining = { (row: Int) in parts.pointer[row] == ExamplePart.training.rawValue }
        var counts = numberings.map { [UInt32](repeating: 0, count: $0.count) }
        for row in 0..<rowCount where isTraining(row) {
            for field in 0..<width { counts[field][Int(ids.pointer[row * width + field])] += 1 }
        }
        for column in columns { count(column, rowCount, isTraining, &counts) }
        let finals = zip(zip(schema.fieldNames, numberings), counts).map {
            FinalIDs(name: $0.0, $0.1, counts: $1, minimum: schema.minimumCount)
        }
        for (field, final) in finals.enumerated() where field < width {
            guard let map = final.ids else { continue }
            for row in 0..<rowCount {
                let place = row * width + field
                ids.pointer[place] = map[Int(ids.pointer[place])]
            }
        }
        for column in columns { column.renumber(finals.map(\.ids)) }
        let numbers = self.numbers.take()
        let scales = scale(numbers, rowCount, isTraining)
        let store = ExampleStore(
            categoryCount: width, numberCount: schema.numeric.count, count: rowCount, ids: ids,
            numbers: numbers, labels: labels.take(), parts: parts,
            users: schema.user == nil ? nil : users.take(), lists: columns)
        return (store, finals.map(\.vocabulary), scales)
    }

    /// What was read with a model's vocabularies, as a store; the encoder goes on.
    func takeStore() -> ExampleStore {
        let rowCount = labels.count
        let columns = takeLists(rowCount)
        return ExampleStore(
            categoryCount: schema.categorical.count, numberCount: schema.numeric.count, count: rowCount,
            ids: ids.take(), numbers: numbers.take(), labels: labels.take(), parts: parts.take(),
            users: schema.user == nil ? nil : users.take(), lists: columns)
    }

    private func takeLists(_ rowCount: Int) -> [ExampleStore.ListColumn] {
        var columns: [ExampleStore.ListColumn] = []
        for i in lists.indices {
            columns.append(
                ExampleStore.ListColumn(
                    fields: [listFields[i]], items: lists[i].items.take(), starts: lists[i].starts.take(),
                    lengths: lists[i].lengths.take()))
        }
        if let history = schema.history {
            columns.append(events.lists(fields: historyFields, last: history.last, rowCount: rowCount))
        }
        return columns
    }

    private func count(
        _ column: ExampleStore.ListColumn, _ rowCount: Int, _ isTraining: (Int) -> Bool,
        _ counts: inout [[UInt32]]
    ) {
        let width = column.fields.count
        for row in 0..<rowCount where isTraining(row) {
            let start = Int(column.starts.pointer[row])
            for event in start..<start + Int(column.lengths.pointer[row]) {
                for (k, field) in column.fields.enumerated() {
                    counts[field][Int(column.items.pointer[event * width + k])] += 1
                }
            }
        }
    }

    // Scales every column by its training rows; what is missing becomes the mean.
    private func scale(
        _ numbers: AlignedStorage<Float>, _ rowCount: Int, _ isTraining: (Int) -> Bool
    ) -> [NumericScale] {
        let width = schema.numeric.count
        return schema.numeric.enumerated().map { (i, column) in
            var (sum, squares, count) = (0.0, 0.0, 0)
            for row in 0..<rowCount where isTraining(row) {
                let x = Double(numbers.pointer[row * width + i])
                if x.isNaN { continue }
                sum += x
                squares += x * x
                count += 1
            }
            let scale = NumericScale(column.transform, sum: sum, squares: squares, count: count)
            for row in 0..<rowCount {
                let x = numbers.pointer[row * width + i]
                numbers.pointer[row * width + i] = x.isNaN ? 0 : (x - scale.mean) / scale.deviation
            }
            return scale
        }
    }
}

extension ExampleStore.ListColumn {
    /// Gives every item its final id; fields without a map keep theirs.
    fileprivate func renumber(_ maps: [[Int32]?]) {
        let width = fields.count
        for (k, field) in fields.enumerated() {
            guard let map = maps[field] else { continue }
            for place in stride(from: k, to: items.buffer.count, by: max(1, width)) {
                items.pointer[place] = map[Int(items.pointer[place])]
            }
        }
    }
}
