import Foundation
import KuklaNN
import KuklaNumerics
import KuklaTensor

/// DeepLight's pruning: a growing share of the smallest weights of the whole table is set to zero while it is trained.
///
/// After the warm-up, every 10 steps all but the largest `1 - R (1 - 0.99^(t / pace))` of the weights become zero, R being the share that the
/// budget cannot hold; pruned weights may grow again. What is served has exactly what the budget holds. *Memory:* `2 nnz + N + 1` words by rows,
/// or `3 nnz` by coordinates, whichever is less: "90% pruned" is not 10% of the memory. An id that was never seen is zeros.
///
/// *Source:* Deng, Pan, Zhou et al. 2021, "DeepLight: deep lightweight feature interactions for accelerating CTR predictions in ad serving",
/// WSDM, arXiv:2002.06987.
enum DeepLight: PruningMethod {
    static let word = "deeplight"
    static let summary = "the smallest weights pruned step by step (DeepLight)"
    static let options = [
        TableOption("warmup", "0", .integer(0...1_000_000_000), "steps before the first pruning"),
        TableOption(
            "pace", "100", .number(0.01...1e9), "steps in which 1% of what is still to prune is pruned"),
    ]

    static func table(
        _ configuration: TableConfiguration, _ schema: TableSchema, kept: Int, seed: UInt64
    ) throws(KuklaError) -> any EmbeddingTable {
        PrunedTable(configuration, schema, kept: kept, seed: seed)
    }
}

/// A trained table whose smallest weights become zero by a schedule.
final class PrunedTable: EmbeddingTable {
    let configuration: TableConfiguration
    let schema: TableSchema
    let addressing: RowPerId
    let weight: Parameter
    /// Weights that are kept in the end.
    private let kept: Int
    private let steps = Guarded(0)
    private let pruned = PrunedCopy()

    init(_ configuration: TableConfiguration, _ schema: TableSchema, kept: Int, seed: UInt64) {
        var random = RandomSource(seed: seed)
        let bound = schema.initialBound
        self.configuration = configuration
        self.schema = schema
        self.kept = kept
        addressing = RowPerId(schema.fields.map(\.count))
        weight = Parameter(.uniform([addressing.rowCount, schema.width], in: -bound...bound, using: &random))
    }

    func visit(_ visitor: inout ModuleVisitor) { visitor.visit("weight", weight) }

    func embed(_ batch: IdBatch, mode: ForwardMode) -> Tensor {
        if mode.isTraining { pruned.forget() }
        let table = mode.isTraining ? weight.tensor : pruned.largest(kept, of: weight.value)
        return table.gathered(orZero: addressing.rows(of: batch)).reshaped([batch.rows, -1])
    }

    /// How much of what is to be pruned is pruned after so many steps.
    func progress(_ step: Int) -> Double {
        1
            - pow(
                0.99,
                Double(max(0, step - (configuration.integer("warmup") ?? 0))) / configuration.number("pace"))
    }

    var isSettled: Bool { kept == weight.shape.reduce(1, *) || progress(steps.withLock { $0 }) >= 0.99 }

    func didUpdate(_ training: TableTraining) throws(KuklaError) {
        steps.withLock { $0 = training.step }
        let all = weight.shape.reduce(1, *)
        let count = all - Int(Double(all - kept) * progress(training.step))
        guard training.step.isMultiple(of: 10), count < all else { return }
        weight.update { value in
            value.withUnsafeMutableBufferPointer { all in
                let weights = UnsafeBufferPointer(all)
                MagnitudeCut(keeping: count, of: weights).forEach(weights) { i, isKept in
                    if !isKept { all[i] = 0 }
                }
            }
        }
    }

    func served() throws(KuklaError) -> any ServedTable {
        ServedSparse(configuration, schema, weight.value, isKept: weight.value.largest(kept))
    }
}

/// A table without its smallest weights, made once for all batches that are judged between two updates.
final class PrunedCopy: Sendable {
    private struct Copy: Sendable {
        let source: Tensor
        let table: Tensor
    }
    private let copy = Guarded<Copy?>(nil)

    /// Forgets the copy: the table is about to change in place.
    func forget() { copy.withLock { $0 = nil } }

    /// What `table` makes of `source`, with all but the `count` weights of largest magnitude at zero.
    func largest(_ count: Int, of source: Tensor, table: (Tensor) -> Tensor = { $0 }) -> Tensor {
        copy.withLock { copy in
            // The copy keeps its source alive: another tensor cannot have its memory.
            if let copy, copy.source.storage === source.storage { return copy.table }
            var pruned = table(source)
            let isKept = pruned.largest(count)
            pruned.withUnsafeMutableBufferPointer { all in
                for i in all.indices where !isKept[i] { all[i] = 0 }
            }
            copy = Copy(source: source, table: pruned)
            return pruned
        }
    }
}

extension Tensor {
    /// Which elements are among the `count` of largest magnitude; of equal ones the first.
    func largest(_ count: Int) -> [Bool] {
        withUnsafeBufferPointer { all in
            var isKept = [Bool](repeating: false, count: all.count)
            MagnitudeCut(keeping: count, of: all).forEach(all) { isKept[$0] = $1 }
            return isKept
        }
    }
}
