public import KuklaNumerics
public import KuklaTensor

/// Gated recurrent units over packed sequences, in one or several layers, forwards or both ways, under PyTorch's names.
///
/// *Shapes:* packed tokens `[tokens, inputs]`, result `[tokens, directions * width]`; gates stand in the order r, z, n:
/// `weight_ih_l0 [3 width, inputs]`, `weight_hh_l0 [3 width, width]`, `bias_ih_l0` and `bias_hh_l0 [3 width]`; the other
/// direction's names end in `_reverse`. See `Tensor.gatedRecurrence` for the formulas.
/// *Source:* Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder", arXiv:1406.1078.
public struct GRU: Module {
    /// One layer in one direction.
    private struct Direction {
        let name: String
        let isReversed: Bool
        let inputWeight, stateWeight: Parameter
        let inputBias, stateBias: Parameter?
    }

    public let width: Int
    public let layers: Int
    public let isBidirectional: Bool
    /// Dropout between layers.
    public let dropout: Float
    private let directions: [Direction]

    /// Weights from the uniform distribution within `1 / sqrt(width)`, as PyTorch does.
    public init(
        _ inputs: Int, _ width: Int, layers: Int = 1, isBidirectional: Bool = false, bias: Bool = true,
        dropout: Float = 0, using random: inout RandomSource
    ) {
        contract(width > 0 && layers > 0, "GRU: \(layers) layers of width \(width)")
        (self.width, self.layers, self.isBidirectional, self.dropout) = (
            width, layers, isBidirectional, dropout
        )
        func draw(_ shape: [Int]) -> Parameter {
            Parameter(.uniform(shape, fanIn: width, using: &random))
        }
        var directions: [Direction] = []
        for layer in 0..<layers {
            for isReversed in isBidirectional ? [false, true] : [false] {
                let inputs = layer == 0 ? inputs : (isBidirectional ? 2 : 1) * width
                directions.append(
                    Direction(
                        name: "l\(layer)\(isReversed ? "_reverse" : "")", isReversed: isReversed,
                        inputWeight: draw([3 * width, inputs]), stateWeight: draw([3 * width, width]),
                        inputBias: bias ? draw([3 * width]) : nil, stateBias: bias ? draw([3 * width]) : nil))
            }
        }
        self.directions = directions
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        for direction in directions {
            visitor.visit("weight_ih_\(direction.name)", direction.inputWeight)
            visitor.visit("weight_hh_\(direction.name)", direction.stateWeight)
            visitor.visit("bias_ih_\(direction.name)", direction.inputBias)
            visitor.visit("bias_hh_\(direction.name)", direction.stateBias)
        }
    }

    /// The last layer's state after each token, and every layer's after the last token of each sequence.
    ///
    /// - Parameter initial: states before the first tokens, `[layers * directions, sequences, width]`, as `last` gives them; zeros
    ///   without.
    /// - Returns: `states [tokens, directions * width]`, `last [layers * directions, sequences, width]`; the backward direction's
    ///   last state is the one at the first token. A sequence without tokens keeps its initial state.
    public func callAsFunction(
        _ x: Tensor, lengths: SequenceLengths, initial: Tensor? = nil, mode: ForwardMode = .inference
    ) -> (states: Tensor, last: Tensor) {
        contract(
            x.rank == 2 && x.shape[0] == lengths.total && x.shape[1] == directions[0].inputWeight.shape[1],
            "GRU: input of shape \(x.shape) for \(lengths.total) tokens and weight of shape \(directions[0].inputWeight.shape)"
        )
        let initial = initial ?? .zeros([directions.count, lengths.count, width])
        contract(
            initial.shape == [directions.count, lengths.count, width],
            "GRU: initial states of shape \(initial.shape), expected \([directions.count, lengths.count, width])"
        )
        var (states, last) = (x, [Tensor]())
        let ways = isBidirectional ? 2 : 1
        for layer in 0..<layers {
            if layer > 0 { states = Dropout(dropout)(states, mode: mode) }
            let results = (layer * ways..<(layer + 1) * ways).map { i in
                run(directions[i], states, lengths, initial[rows: i..<i + 1].squeezed(axis: 0))
            }
            states = results.count == 1 ? results[0].0 : .concatenated(results.map(\.0), axis: 1)
            last += results.map(\.1)
        }
        return (states, .stacked(last))
    }

    private func run(
        _ direction: Direction, _ x: Tensor, _ lengths: SequenceLengths, _ initial: Tensor
    ) -> (Tensor, Tensor) {
        let order = StepOrder(lengths, isReversed: direction.isReversed)
        let gates = x.gathered(rows: order.tokens)
            .linear(direction.inputWeight.tensor, direction.inputBias?.tensor)
        let first = initial.gathered(rows: order.sequences)
        let states = gates.gatedRecurrence(
            direction.stateWeight.tensor, direction.stateBias?.tensor, initial: first, counts: order.counts)
        // Sequences without tokens find their state behind those of all tokens.
        let all = order.isEverySequenceRead ? states : .concatenated([states, initial])
        return (states.gathered(rows: order.places), all.gathered(rows: order.last))
    }
}

/// Packed tokens by steps: all first tokens, all second ones ..., longest sequences first.
private struct StepOrder {
    /// The sequences that have tokens, longest first.
    let sequences: [Int32]
    /// How many of them take part in each step.
    let counts: [Int]
    /// The packed token of each row.
    let tokens: [Int32]
    /// The row of each packed token.
    let places: [Int32]
    /// The row of each sequence's last step; for one without tokens, the row of its initial state, which follow.
    let last: [Int32]
    var isEverySequenceRead: Bool { sequences.count == last.count }

    init(_ lengths: SequenceLengths, isReversed: Bool) {
        let order = (0..<lengths.count).filter { !lengths[$0].isEmpty }
            .sorted { (lengths[$1].count, $0) < (lengths[$0].count, $1) }
        var (counts, tokens) = ([Int](), [Int32]())
        var places = [Int32](repeating: 0, count: lengths.total)
        var last = (0..<lengths.count).map { Int32(lengths.total + $0) }
        tokens.reserveCapacity(lengths.total)
        for step in 0..<lengths.longest {
            let active = order.prefix { lengths[$0].count > step }
            counts.append(active.count)
            for sequence in active {
                let range = lengths[sequence]
                let token = isReversed ? range.upperBound - 1 - step : range.lowerBound + step
                last[sequence] = Int32(tokens.count)
                places[token] = Int32(tokens.count)
                tokens.append(Int32(token))
            }
        }
        sequences = order.map { Int32($0) }
        (self.counts, self.tokens, self.places, self.last) = (counts, tokens, places, last)
    }
}
