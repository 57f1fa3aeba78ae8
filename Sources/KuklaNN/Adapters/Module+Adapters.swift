public import KuklaNumerics

extension Module {
    /// The linear layers whose path matches `pattern`, those inside adapters left out.
    private func linears(matching pattern: String) -> [(path: String, linear: Linear)] {
        let all = modules(of: Linear.self)
        let inner = all.flatMap { $0.module.adapter?.modules(of: Linear.self) ?? [] }
        let hidden = Set(inner.map { ObjectIdentifier($0.module.slot) })
        let pattern = PathPattern(pattern)
        var seen = Set<ObjectIdentifier>()
        return all.compactMap { path, linear in
            let slot = ObjectIdentifier(linear.slot)
            guard pattern.matches(path), !hidden.contains(slot), seen.insert(slot).inserted else {
                return nil
            }
            return (path, linear)
        }
    }

    /// The layers that have an adapter, with their paths.
    public var adaptedLayers: [(path: String, linear: Linear)] {
        linears(matching: "*").filter { $0.linear.adapter != nil }
    }

    /// Puts an adapter around every linear layer whose path matches `pattern`, and freezes all other parameters of the model.
    ///
    /// What else is to be trained (a new head) is thawed afterwards, by `setTrainable`. The model itself does not change: its
    /// layers ask for their adapter at each use.
    /// - Returns: the paths of the layers.
    /// - Throws: `KuklaError(.usage)` where no layer matches, or one has an adapter already; nothing has then changed.
    @discardableResult
    public func addAdapters(
        matching pattern: String, _ make: (Linear) -> any LinearAdapter
    ) throws(KuklaError) -> [String] {
        let found = linears(matching: pattern)
        guard !found.isEmpty else {
            let paths = linears(matching: "*").map(\.path)
            throw KuklaError(
                .usage,
                "Cannot adapt \"\(pattern)\": no linear layer of the model has such a path; it has "
                    + "\(paths.prefix(6).joined(separator: ", "))\(paths.count > 6 ? " and \(paths.count - 6) more" : "")."
            )
        }
        if let taken = found.first(where: { $0.linear.adapter != nil }) {
            throw KuklaError(
                .usage, "Cannot adapt \"\(taken.path)\": it has an adapter already; remove that first.")
        }
        let others = adaptedLayers.compactMap(\.linear.adapter)
        setTrainable(false)
        for adapter in others { adapter.setTrainable(true) }
        for (_, linear) in found { linear.slot.adapter = make(linear) }
        return found.map(\.path)
    }

    /// Puts a `LoRA` around every linear layer whose path matches `pattern` (`*.attention.*.query`), and freezes all other
    /// parameters; see `addAdapters`.
    ///
    /// - Parameter alpha: the change is scaled by `alpha / rank`; nil for `rank`, a scale of 1.
    /// - Throws: `KuklaError(.usage)` where no layer matches, or one has an adapter already.
    @discardableResult
    public func addLoRA(
        matching pattern: String, rank: Int, alpha: Float? = nil, dropout: Float = 0,
        using random: inout RandomSource
    ) throws(KuklaError) -> [String] {
        try addAdapters(matching: pattern) {
            LoRA(around: $0, rank: rank, alpha: alpha ?? Float(rank), dropout: dropout, using: &random)
        }
    }

    /// Puts a `BottleneckAdapter` behind every linear layer whose path matches `pattern`, and freezes all other parameters; see
    /// `addAdapters`.
    ///
    /// - Throws: `KuklaError(.usage)` where no layer matches, or one has an adapter already.
    @discardableResult
    public func addBottleneckAdapters(
        matching pattern: String, size: Int, using random: inout RandomSource
    ) throws(KuklaError) -> [String] {
        try addAdapters(matching: pattern) { BottleneckAdapter(behind: $0, size: size, using: &random) }
    }

    /// Adds the change of every `LoRA` to its layer's weight: the model then costs what it cost without.
    public func mergeLoRA() {
        for (_, linear) in adaptedLayers { (linear.adapter as? LoRA)?.merge(into: linear) }
    }

    /// Takes the changes out of the weights again, up to rounding, so that they can be trained on.
    public func unmergeLoRA() {
        for (_, linear) in adaptedLayers { (linear.adapter as? LoRA)?.unmerge(from: linear) }
    }

    /// Takes all adapters off. What was merged into weights stays there.
    public func removeAdapters() {
        for (_, linear) in adaptedLayers { linear.slot.adapter = nil }
    }
}
