public import KuklaNumerics

/// What vectors are rounded to where they are given away in fewer bits than float32 has.
public enum VectorForm: String, Sendable, CaseIterable {
    /// Whole numbers from -127 to 127: each vector divided by its largest magnitude. The direction stays, the length does not.
    case int8
    /// Signs: 1 where a component is above 0, else -1.
    case binary

    /// The vectors as their rounded forms are worth them: whole numbers, or 1 and -1.
    public func rounded(_ vectors: Matrix) -> Matrix {
        Matrix(rows: vectors.rows, columns: vectors.columns) { out in
            vectors.withUnsafeBufferPointer { all in
                for row in 0..<vectors.rows {
                    let range = row * vectors.columns..<(row + 1) * vectors.columns
                    let vector = UnsafeBufferPointer(rebasing: all[range])
                    for (place, value) in zip(range, rounded(vector)) { out[place] = value }
                }
            }
        }
    }

    /// One vector rounded.
    public func rounded(_ vector: UnsafeBufferPointer<Float>) -> [Float] {
        switch self {
        case .int8:
            let largest = vector.reduce(0) { max($0, $1.magnitude) }
            let scale = largest > 0 ? 127 / largest : 0
            return vector.map { ($0 * scale).rounded() }
        case .binary: return vector.map { $0 > 0 ? 1 : -1 }
        }
    }
}
