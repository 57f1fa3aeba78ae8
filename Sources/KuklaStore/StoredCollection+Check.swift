public import KuklaNumerics

extension StoredCollection {
    /// Checks that what lies on the disk is what was written: the database, and the index, which is taken out of use where it is damaged,
    /// reported, and made again like one that was found damaged on opening.
    ///
    /// - Throws: `KuklaError.badData` where the database is damaged.
    /// - Complexity: reads all of both.
    public func check() throws(KuklaError) {
        try database.check()
        try checkIndex()
    }

    /// Checks the index that was opened, in the background.
    func checkLater() {
        checker.request { [weak self] in
            guard let self else { return }
            options.willCheck()
            do throws(KuklaError) { try checkIndex() } catch {
                if error.code != .cancelled {
                    options.report("The index of the collection '\(name)' could not be checked: \(error)")
                }
            }
        }
    }

    /// Checks the index, unless that is done. One that is damaged is reported, and is no part of the next search.
    func checkIndex() throws(KuklaError) {
        try checking.withLock { _ throws(KuklaError) in
            guard let segment = state.withLock({ $0.segment }), !segment.isChecked else { return }
            do throws(KuklaError) {
                try segment.check { checker.isStopped }
            } catch {
                if error.code == .cancelled { throw error }
                options.report(Self.damageReport(name, error))
                try writing.withLock { _ throws(KuklaError) in
                    let next = try Self.load(nil, from: database, settings, blobs, options)
                    state.withLock { $0 = next }
                }
                return compactLater()
            }
            // Only who may write changes the state.
            writing.withLock { _ in state.withLock { $0.segment?.isChecked = true } }
        }
    }

    static func damageReport(_ name: CollectionName, _ error: KuklaError) -> String {
        "The index of the collection '\(name)' cannot be used and is made again from its database: \(error)"
    }

    /// Waits until the index that was opened is checked. For those who measure, and tests.
    package func waitForCheck() { checker.wait() }
}
