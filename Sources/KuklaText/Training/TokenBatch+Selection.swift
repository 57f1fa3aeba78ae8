public import KuklaTensor

extension TokenBatch {
    /// How the texts lie behind one another.
    public var lengths: SequenceLengths {
        SequenceLengths(zip(offsets.dropFirst(), offsets).lazy.map { $0 - $1 })
    }

    /// The texts of these numbers, in this order.
    public func selecting(_ texts: some Collection<Int>) -> TokenBatch {
        var result = TokenBatch()
        result.ids.reserveCapacity(texts.reduce(0) { $0 + self[$1].count })
        result.offsets.reserveCapacity(texts.count + 1)
        for text in texts {
            result.ids.append(contentsOf: self[text])
            result.offsets.append(result.ids.count)
        }
        if !promptLengths.isEmpty { result.promptLengths = texts.map(promptLength) }
        return result
    }

    /// The rows of packed tokens that are no prompt's, and how they lie behind one another; nil where that is all of them.
    var textRows: (rows: [Int32], lengths: SequenceLengths)? {
        guard promptLengths.contains(where: { $0 > 0 }) else { return nil }
        let ranges = (0..<count).map { offsets[$0] + promptLengths[$0]..<offsets[$0 + 1] }
        return (ranges.flatMap { $0.map { Int32($0) } }, SequenceLengths(ranges.map(\.count)))
    }

    /// The texts of `batches`, those of the first before those of the second.
    public static func joined(_ batches: [TokenBatch]) -> TokenBatch {
        batches.dropFirst().reduce(into: batches.first ?? TokenBatch()) { $0.append($1) }
    }

    /// Text i of this batch with text i of another behind it, without that one's first `count` tokens.
    package func followed(by other: TokenBatch, droppingFirst count: Int) -> TokenBatch {
        var result = TokenBatch()
        result.ids.reserveCapacity(ids.count + other.ids.count)
        for text in 0..<self.count {
            result.ids.append(contentsOf: self[text])
            result.ids.append(contentsOf: other[text].dropFirst(count))
            result.offsets.append(result.ids.count)
        }
        return result
    }
}
