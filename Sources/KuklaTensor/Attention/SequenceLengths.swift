import KuklaNumerics

/// Where sequences lie in a packed tensor `[tokens, width]`: one after the other, without padding.
///
/// Sequence i holds the rows `offsets[i] ..< offsets[i + 1]`. Lengths of 0 are allowed.
public struct SequenceLengths: Sendable, Hashable {
    /// Where each sequence begins, and the number of tokens at the end.
    public let offsets: [Int]

    /// Sequences of these lengths, in this order.
    public init(_ lengths: some Sequence<Int>) {
        var offsets = [0]
        for length in lengths {
            contract(length >= 0, "SequenceLengths: a length of \(length)")
            offsets.append(offsets[offsets.count - 1] + length)
        }
        self.offsets = offsets
    }

    /// `count` sequences of one length.
    public static func uniform(count: Int, length: Int) -> SequenceLengths {
        SequenceLengths(repeatElement(length, count: count))
    }

    /// Sequences that begin wherever the segment number of a token differs from that of the token before it: attention
    /// over these is block-diagonal.
    public init(segments: [Int32]) {
        var lengths: [Int] = []
        for (i, segment) in segments.enumerated() {
            if i > 0, segments[i - 1] == segment {
                lengths[lengths.count - 1] += 1
            } else {
                lengths.append(1)
            }
        }
        self.init(lengths)
    }

    /// The number of sequences.
    public var count: Int { offsets.count - 1 }
    /// The number of tokens of all sequences.
    public var total: Int { offsets[offsets.count - 1] }
    /// The rows of one sequence.
    public subscript(sequence: Int) -> Range<Int> { offsets[sequence]..<offsets[sequence + 1] }
    /// The lengths of all sequences.
    public var lengths: [Int] { (0..<count).map { self[$0].count } }
    /// The length of the longest sequence; 0 where there is none.
    public var longest: Int { (0..<count).reduce(0) { Swift.max($0, self[$1].count) } }

    /// The position of every token in its sequence, counted from `starts[i]` (from 0 without).
    public func positions(from starts: [Int]? = nil) -> [Int32] {
        contract(
            starts == nil || starts?.count == count,
            "SequenceLengths: \(starts?.count ?? 0) starts for \(count) sequences")
        var result: [Int32] = []
        result.reserveCapacity(total)
        for i in 0..<count {
            let start = starts?[i] ?? 0
            for position in 0..<self[i].count { result.append(Int32(start + position)) }
        }
        return result
    }

    /// Each sequence followed by the one of the same number in `other`.
    public func appending(_ other: SequenceLengths) -> SequenceLengths {
        contract(
            count == other.count, "SequenceLengths: \(other.count) sequences appended to \(count)")
        return SequenceLengths((0..<count).map { self[$0].count + other[$0].count })
    }
}
