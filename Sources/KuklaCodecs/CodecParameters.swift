import KuklaNumerics

/// Checks of codec parameters that come from a file.
enum CodecParameters {
    /// The parameter of that name, with that shape (`nil` allows any) and finite components.
    static func matrix(
        _ name: String, rows: Int? = nil, columns: Int? = nil, in parameters: [String: Matrix], codec: String
    ) throws(KuklaError) -> Matrix {
        guard let matrix = parameters[name] else {
            let found = parameters.keys.sorted().joined(separator: ", ")
            throw KuklaError(
                .badData,
                "Cannot make a \(codec) codec: expected the parameter \"\(name)\", found \(found.isEmpty ? "none" : found). Save the codec again, or train it again."
            )
        }
        guard rows ?? matrix.rows == matrix.rows, columns ?? matrix.columns == matrix.columns else {
            let expected = "[\(rows.map(String.init) ?? "any"), \(columns.map(String.init) ?? "any")]"
            throw KuklaError(
                .badData,
                "Cannot make a \(codec) codec: expected \"\(name)\" of shape \(expected), found [\(matrix.rows), \(matrix.columns)]. Use parameters that were saved with this configuration."
            )
        }
        guard matrix.withUnsafeBufferPointer({ $0.allSatisfy(\.isFinite) }) else {
            throw KuklaError(
                .badData,
                "Cannot make a \(codec) codec: \"\(name)\" has components that are not finite. The file is damaged, or training saw such vectors: train again on finite vectors."
            )
        }
        return matrix
    }
}
