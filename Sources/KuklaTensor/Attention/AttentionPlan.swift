import CKernels
import KuklaNumerics

/// One attention: its operands, and how the work is cut into units that write to memory of their own.
struct AttentionPlan: Sendable {
    let query, key, value: TensorColumns
    let shape: AttentionShape
    let queries, keys: SequenceLengths
    let options: AttentionOptions
    let scale: Float

    init(
        query: TensorColumns, key: TensorColumns, value: TensorColumns, shape: AttentionShape,
        queries: SequenceLengths, keys: SequenceLengths, options: AttentionOptions
    ) {
        func check(_ columns: TensorColumns, _ name: StaticString, _ lengths: SequenceLengths, _ width: Int) {
            contract(
                columns.range.count == width && columns.tensor.shape[0] == lengths.total,
                "attention: \(name) of shape \([columns.tensor.shape[0], columns.range.count]), expected \([lengths.total, width]): \(lengths.total) tokens in \(lengths.count) sequences, \(shape.heads) heads, \(shape.keyValueHeads) key heads of \(shape.headDimensions)"
            )
        }
        check(query, "query", queries, shape.queryWidth)
        check(key, "key", keys, shape.keyWidth)
        check(value, "value", keys, shape.keyWidth)
        contract(
            queries.count == keys.count,
            "attention: \(queries.count) sequences of queries and \(keys.count) of keys")
        contract(
            options.temperature == nil || options.temperature?.count == queries.total,
            "attention: \(options.temperature?.count ?? 0) temperatures for \(queries.total) queries")
        self.query = query
        self.key = key
        self.value = value
        self.shape = shape
        self.queries = queries
        self.keys = keys
        self.options = options
        scale = options.scale ?? 1 / Float(shape.headDimensions).squareRoot()
        if case .byPosition(let slopes, let queryPositions, let keyPositions, _) = options.bias {
            contract(
                slopes.count == shape.heads && queryPositions.count == queries.total
                    && keyPositions.count == keys.total,
                "attention: \(slopes.count) slopes for \(shape.heads) heads, \(queryPositions.count) and \(keyPositions.count) positions for \(queries.total) queries and \(keys.total) keys"
            )
        }
        if case .bySequence(let numbers) = options.bias {
            let pairs = (0..<queries.count).reduce(0) { $0 + queries[$1].count * keys[$1].count }
            contract(
                numbers.count == pairs,
                "attention: \(numbers.count) biases for \(pairs) pairs of queries and keys")
        }
        for i in 0..<queries.count { checkBias(queries: queries[i].count, keys: keys[i].count) }
    }

    private func checkBias(queries: Int, keys: Int) {
        guard queries > 0, keys > 0 else { return }
        switch options.bias {
        case .none, .byPosition, .bySequence: break
        case .byDistance(let table, zero: let zero):
            let (least, most) = (1 - keys, queries - 1)
            contract(
                table.rank == 2 && table.shape[0] == shape.heads && zero + least >= 0
                    && zero + most < table.shape[1],
                "attention: biases of shape \(table.shape) with distance 0 at \(zero); \(queries) queries and \(keys) keys of \(shape.heads) heads need distances \(least)...\(most)"
            )
        case .dense(let table):
            contract(
                table.rank == 3 && table.shape[0] == shape.heads && table.shape[1] >= queries
                    && table.shape[2] >= keys,
                "attention: biases of shape \(table.shape) for \(shape.heads) heads, \(queries) queries and \(keys) keys"
            )
        }
    }

    /// Head dimensions with the zeros that fill the last vector.
    var paddedDimensions: Int { (shape.headDimensions + 15) / 16 * 16 }

    /// A key head with all queries of its group, in some sequences.
    struct Unit: Sendable {
        let head: Int
        let sequences: Range<Int>
    }

    /// Units by falling cost, so that the last ones are short. Where the heads' gradients of a bias are summed over
    /// sequences, a unit is all sequences, in order: the sum then does not depend on the threads.
    func units(summingBias: Bool) -> [Unit] {
        let heads = 0..<shape.keyValueHeads
        if summingBias { return heads.map { Unit(head: $0, sequences: 0..<queries.count) } }
        let costs = (0..<queries.count).map { queries[$0].count * keys[$0].count }
        let order = costs.indices.sorted { (costs[$1], $0) < (costs[$0], $1) }
        return order.flatMap { sequence in
            heads.map { Unit(head: $0, sequences: sequence..<sequence + 1) }
        }
    }

    /// Queries that are taken at once: the scores of a block stay in the second-level cache, and a causal pattern computes few
    /// that nobody sees.
    func blockRows(keys: Int) -> Int {
        let most = options.pattern == .full ? 112 : 28
        return max(14, min(most, (1 << 15) / max(keys, 1) / 14 * 14))
    }

    /// Runs `body` on every unit, on several threads, with scratch memory that several units share.
    func forEachUnit(
        _ units: [Unit], isBackward: Bool, _ body: @Sendable (Unit, AttentionScratch) -> Void
    ) {
        tensorFor(units.count, grain: max(1, units.count / 64)) { block in
            let longestQueries = units[block].reduce(0) { max($0, longest(queries, $1)) }
            let longestKeys = units[block].reduce(0) { max($0, longest(keys, $1)) }
            let scratch = AttentionScratch(
                plan: self, queries: longestQueries, keys: longestKeys, isBackward: isBackward)
            for unit in units[block] { body(unit, scratch) }
        }
    }

    private func longest(_ lengths: SequenceLengths, _ unit: Unit) -> Int {
        unit.sequences.reduce(0) { max($0, lengths[$1].count) }
    }
}
