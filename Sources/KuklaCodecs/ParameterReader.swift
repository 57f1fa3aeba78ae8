package import KuklaNumerics

/// Takes a codec's parameters out of what a file gave, with errors that name the parameter.
package struct ParameterReader {
    private let parameters: [String: Matrix]
    private let codec: String
    private let prefix: String

    /// - Parameters:
    ///   - codec: the factory word, for messages.
    ///   - prefix: what stands before every name in messages.
    package init(_ parameters: [String: Matrix], codec: String, prefix: String = "") {
        self.parameters = parameters
        self.codec = codec
        self.prefix = prefix
    }

    /// The parameter `name`, of exactly that shape and finite.
    package func matrix(_ name: String, rows: Int, columns: Int) throws(KuklaError) -> Matrix {
        guard let found = parameters[name] else { throw failure(name, "it is missing") }
        guard found.rows == rows, found.columns == columns else {
            throw failure(
                name, "expected shape [\(rows), \(columns)], found [\(found.rows), \(found.columns)]")
        }
        guard found.firstNonFiniteRow == nil else { throw failure(name, "it holds NaN or infinite numbers") }
        return found
    }

    /// The parameter `name`, one row of `count` finite numbers.
    package func vector(_ name: String, count: Int) throws(KuklaError) -> [Float] {
        try matrix(name, rows: 1, columns: count).elements
    }

    /// The rows of the parameter `name`, or `nil` where there is none: for shapes that only the parameters tell.
    func rows(of name: String) -> Int? { parameters[name]?.rows }

    /// Checks that nothing but `expected` is there.
    package func expectOnly(_ expected: [String]) throws(KuklaError) {
        if let other = parameters.keys.filter({ !expected.contains($0) }).min() {
            throw failure(other, "this codec has no such parameter")
        }
    }

    package func failure(_ name: String, _ reason: String) -> KuklaError {
        KuklaError(
            .badData,
            "Cannot restore the codec '\(codec)' from parameter '\(prefix)\(name)': \(reason). The file is damaged, or was made by another version; build it again."
        )
    }
}

extension Matrix {
    /// The first row with a component that is NaN or infinite, or `nil`.
    package var firstNonFiniteRow: Int? {
        guard columns > 0 else { return nil }
        return withUnsafeBufferPointer { all in
            for row in 0..<rows {
                var bad: UInt32 = 0
                for i in row * columns..<(row + 1) * columns {
                    // The largest exponent means NaN or infinity; adding 1 to it carries into the sign's place.
                    bad |= (all[i].bitPattern & 0x7F80_0000) &+ 0x0080_0000
                }
                if bad & 0x8000_0000 != 0 { return row }
            }
            return nil
        }
    }
}

/// At most `limit` rows, chosen at random without repetition and kept in order; all of them, uncopied, where
/// there are no more.
package func trainingSample(of vectors: Matrix, limit: Int, seed: UInt64) -> Matrix {
    guard vectors.rows > limit else { return vectors }
    var random = RandomSource(seed: seed)
    return vectors.gathering(rows: random.sample(limit, below: vectors.rows).sorted())
}
