public import KuklaNN
import KuklaNumerics
public import KuklaTensor

/// A user is what he did before, weighed by what that has to do with the candidate; then a perceptron.
///
/// Its base is the same without the weights: histories summed up. Lists without a candidate column are summed up in both.
/// *Source:* Zhou et al. 2018, "Deep interest network for click-through rate prediction", arXiv:1706.06978.
public struct DeepInterestNetwork: CTRModel {
    private let shape: CTRShape
    /// For each list its activation unit; nil where it is summed up.
    private let units: [LocalActivationUnit?]
    private let deep: AdaptiveMLP
    /// Where the vector of each categorical column begins.
    private let starts: [Int]

    /// - Throws: `KuklaError(.usage)` where there is no history with a candidate to compare.
    init(_ shape: CTRShape, _ options: CTRConfiguration, using random: inout RandomSource) throws(KuklaError)
    {
        guard shape.lists.contains(where: { $0.candidates != nil }) else {
            throw KuklaError(
                .usage,
                "Cannot build din: it compares a candidate with a history, and the schema has none; give it 'history', or a 'sequence' with 'of'."
            )
        }
        let units = shape.lists.map { list in
            list.candidates == nil
                ? nil
                : LocalActivationUnit(list.widths.reduce(0, +), options.attention, using: &random)
        }
        self.init(shape, options, units, using: &random)
    }

    /// The base, without activation units.
    init(pooling shape: CTRShape, _ options: CTRConfiguration, using random: inout RandomSource) {
        self.init(shape, options, shape.lists.map { _ in nil }, using: &random)
    }

    private init(
        _ shape: CTRShape, _ options: CTRConfiguration, _ units: [LocalActivationUnit?],
        using random: inout RandomSource
    ) {
        self.shape = shape
        self.units = units
        var start = 0
        starts = shape.widths.map { width in
            defer { start += width }
            return start
        }
        deep = AdaptiveMLP(
            [shape.inputWidth] + options.hidden + [1], usesDice: options.attention.usesDice, using: &random)
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        for (i, unit) in units.enumerated() { visitor.visit("attention.\(i)", unit) }
        visitor.visit("deep", deep)
    }

    public func callAsFunction(_ input: CTRInput, mode: ForwardMode) -> Tensor {
        var parts = [input.vectors]
        for (i, list) in input.lists.enumerated() {
            if let weights = weights(of: i, input, mode: mode) {
                parts.append(list.vectors.listSums(offsets: list.offsets, weights: weights))
            } else {
                parts.append(list.vectors.listSums(offsets: list.offsets))
            }
        }
        if let numbers = input.numbers { parts.append(numbers) }
        return deep(Tensor.concatenated(parts, axis: 1), mode: mode).reshaped([input.count])
    }

    /// The weight of each event of a list; nil where the list is summed up.
    public func weights(of list: Int, _ input: CTRInput, mode: ForwardMode = .inference) -> Tensor? {
        guard let unit = units[list], let columns = shape.lists[list].candidates else { return nil }
        let candidate = Tensor.concatenated(
            columns.map { input.vectors.slice(axis: 1, starts[$0]..<starts[$0] + shape.widths[$0]) }, axis: 1)
        return unit(
            candidates: candidate, events: input.lists[list].vectors, offsets: input.lists[list].offsets,
            mode: mode)
    }
}
