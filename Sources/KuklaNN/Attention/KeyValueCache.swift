import KuklaNumerics
public import KuklaTensor

/// The keys and values of earlier tokens, for every layer: what makes one more token cheap.
///
/// Keys are stored as they were before turning, so that positions may be given anew (`positions`) whenever tokens are dropped.
/// A value: a copy is a snapshot. Cached keys are constants: no gradient flows to them.
public struct KeyValueCache: Sendable {
    private struct Layer: Sendable {
        var keys: Tensor
        var values: Tensor
        var lengths: SequenceLengths
    }

    private var layers: [Layer?]
    /// How many tokens of each sequence are cached.
    public private(set) var lengths: SequenceLengths
    private var added: SequenceLengths
    /// The position of every cached token; its keys are turned by it at the next pass.
    public var positions: [Int32] {
        didSet {
            contract(
                positions.count == lengths.total,
                "KeyValueCache: \(positions.count) positions for \(lengths.total) tokens")
        }
    }

    /// An empty cache for a number of sequences.
    public init(layers: Int, sequences: Int = 1) {
        self.layers = Array(repeating: nil, count: layers)
        lengths = .uniform(count: sequences, length: 0)
        added = lengths
        positions = []
    }

    /// The number of layers.
    public var layerCount: Int { layers.count }

    /// Positions for `new` tokens that follow the last cached one of their sequence.
    func nextPositions(_ new: SequenceLengths) -> [Int32] {
        new.positions(from: (0..<lengths.count).map { lengths[$0].last.map { Int(positions[$0]) + 1 } ?? 0 })
    }

    /// Makes room for a pass over `new` tokens at `positions`; every layer then appends its keys.
    public mutating func extend(by new: SequenceLengths, positions: [Int32]) {
        contract(
            positions.count == new.total,
            "KeyValueCache: \(positions.count) positions for \(new.total) new tokens")
        let merged = Self.interleaved(self.positions, lengths, positions, new)
        lengths = lengths.appending(new)
        added = new
        self.positions = merged
    }

    /// Appends the keys and values of the pass's tokens to those of `layer`, and returns all of them.
    public mutating func append(
        keys: Tensor, values: Tensor, layer: Int
    ) -> (keys: Tensor, values: Tensor) {
        contract(
            keys.rank == 2 && keys.shape[0] == added.total && values.shape == keys.shape,
            "KeyValueCache: keys of shape \(keys.shape) and values of shape \(values.shape) for \(added.total) new tokens"
        )
        var all = (keys: keys.detached, values: values.detached)
        if let old = layers[layer] {
            contract(
                old.lengths.appending(added) == lengths && old.keys.shape[1] == keys.shape[1],
                "KeyValueCache: layer \(layer) holds \(old.lengths.total) tokens of width \(old.keys.shape[1]), the pass expects \(lengths.total - added.total) of width \(keys.shape[1])"
            )
            all = (
                Self.interleaved(old.keys, old.lengths, all.keys, added),
                Self.interleaved(old.values, old.lengths, all.values, added)
            )
        }
        layers[layer] = Layer(keys: all.keys, values: all.values, lengths: lengths)
        return all
    }

    /// Keeps at most the first `length` tokens of each sequence.
    public mutating func crop(to length: Int) {
        contract(length >= 0, "KeyValueCache: crop to \(length)")
        let before = lengths
        select((0..<before.count).flatMap { before[$0].prefix(length) })
    }

    /// Drops the tokens in `range` of one sequence; those behind move up. Positions stay as they were until they are set.
    public mutating func remove(_ range: Range<Int>, of sequence: Int = 0) {
        contract(
            sequence >= 0 && sequence < lengths.count && range.lowerBound >= 0
                && range.upperBound <= lengths[sequence].count,
            "KeyValueCache: remove \(range) of sequence \(sequence) of \(lengths.lengths)")
        let first = lengths[sequence].lowerBound
        let dropped = first + range.lowerBound..<first + range.upperBound
        select((0..<lengths.total).filter { !dropped.contains($0) })
    }

    // Keeps tokens by number, ascending.
    private mutating func select(_ tokens: [Int]) {
        let old = lengths
        lengths = SequenceLengths(
            (0..<old.count).map { s in tokens.reduce(0) { $0 + (old[s].contains($1) ? 1 : 0) } })
        added = .uniform(count: old.count, length: 0)
        let before = positions
        positions = tokens.map { before[$0] }
        func rows(_ tensor: Tensor) -> Tensor {
            let width = tensor.shape[1]
            return Tensor(shape: [tokens.count, width]) { out in
                guard let to = out.baseAddress else { return }
                for (i, token) in tokens.enumerated() {
                    (to + i * width).update(from: tensor.pointer + token * width, count: width)
                }
            }
        }
        for i in layers.indices {
            guard let layer = layers[i] else { continue }
            layers[i] = Layer(keys: rows(layer.keys), values: rows(layer.values), lengths: lengths)
        }
    }

    // Each sequence of `a` followed by the same one of `b`.
    private static func interleaved<Element>(
        _ a: [Element], _ lengthsA: SequenceLengths, _ b: [Element], _ lengthsB: SequenceLengths
    ) -> [Element] {
        (0..<lengthsA.count).flatMap { Array(a[lengthsA[$0]]) + Array(b[lengthsB[$0]]) }
    }

    private static func interleaved(
        _ a: Tensor, _ lengthsA: SequenceLengths, _ b: Tensor, _ lengthsB: SequenceLengths
    ) -> Tensor {
        let width = a.shape[1]
        return Tensor(shape: [a.shape[0] + b.shape[0], width]) { out in
            guard var to = out.baseAddress else { return }
            for s in 0..<lengthsA.count {
                for (tensor, lengths) in [(a, lengthsA), (b, lengthsB)] {
                    let count = lengths[s].count * width
                    to.update(from: tensor.pointer + lengths[s].lowerBound * width, count: count)
                    to += count
                }
            }
        }
    }
}
