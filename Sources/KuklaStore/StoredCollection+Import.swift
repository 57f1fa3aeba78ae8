public import KuklaNumerics

extension StoredCollection {
    /// Writes all that `reader` gives, a batch a transaction, and then folds it into the index.
    ///
    /// A batch is on disk when `acknowledge` is called with what was written so far: after an error, or the end of the process, an import may be
    /// run again from there, or from the start.
    /// - Parameter batch: items of a transaction.
    /// - Throws: `KuklaError`; batches that were acknowledged stay.
    @discardableResult
    public func importItems(
        _ reader: ItemBatchReader, batch: Int = 4096, progress: any ProgressReporter = SilentProgress(),
        acknowledge: (WriteReport) throws(KuklaError) -> Void = { _ throws(KuklaError) in }
    ) throws(KuklaError) -> WriteReport {
        contract(batch >= 1, "importItems: batches of \(batch)")
        var total = WriteReport()
        progress.begin("Importing", total: nil, unit: "items")
        defer { progress.end() }
        while let items = try reader.next(batch) {
            let report = try write(items)
            total.inserted += report.inserted
            total.replaced += report.replaced
            progress.advance(by: items.count)
            try acknowledge(total)
        }
        endImport()
        return total
    }

    /// Has the index made where items are in the database only: after the last `write`.
    package func endImport() {
        if state.withLock(\.wantsCompaction) { compactLater() }
    }
}
