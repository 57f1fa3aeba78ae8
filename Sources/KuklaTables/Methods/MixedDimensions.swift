import Foundation
import KuklaNN
import KuklaNumerics
import KuklaTensor

/// Mixed dimensions: the more ids a field has, the narrower its vectors, which a matrix of the field brings to d.
///
/// `d_f = d (n_f / n_min)^(-alpha)`, at least 1 and rounded to a power of two; where it is less than d, `e = P_f' v` with `P_f [d_f, d]`. *Floats:*
/// `n_f d_f`, and `d_f d` for the matrix. alpha, from 0 to 1, is the smallest that keeps to the budget. An id that was never seen is zeros.
///
/// *Source:* Ginart, Naumov, Mudigere, Yang and Zou 2019, "Mixed dimension embeddings with application to memory-efficient recommendation
/// systems", arXiv:1909.11810.
enum MixedDimensions: TableMethod {
    static let word = "mde"
    static let summary = "narrower vectors for fields of many ids, projected to the common width"
    static let options = [
        TableOption(
            "alpha", "auto", .text,
            "how fast widths fall with the number of ids, 0 to 1; auto: what the budget asks for")
    ]

    static func floor(_ configuration: TableConfiguration, _ schema: TableSchema) throws(KuklaError) -> Int {
        ProjectedFields.byteCount(schema, try widths(configuration, schema, budget: 0))
    }

    static func make(
        _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?, seed: UInt64
    ) throws(KuklaError) -> any EmbeddingTable {
        var random = RandomSource(seed: seed)
        return ProjectedTable(
            configuration, schema, try widths(configuration, schema, budget: budget), using: &random)
    }

    static func load(
        _ configuration: TableConfiguration, _ schema: TableSchema, from reader: TableReader
    ) throws(KuklaError) -> any ServedTable {
        try ServedProjections(configuration, schema, hasBias: false, from: reader)
    }

    /// The width of each field; of a budget that is too small, at the largest alpha.
    private static func widths(
        _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?
    ) throws(KuklaError) -> [Int] {
        let text = configuration.text("alpha")
        if text != "auto" {
            guard let alpha = Double(text), (0...1).contains(alpha) else {
                throw KuklaError(
                    .usage,
                    "The option 'alpha' of '\(configuration)' is '\(text)', expected 'auto' or a number from 0 to 1."
                )
            }
            return widths(schema, alpha: alpha)
        }
        let limit = budget ?? Int.max
        // A larger share is a smaller alpha.
        let share = largestShare { ProjectedFields.byteCount(schema, widths(schema, alpha: 1 - $0)) <= limit }
        return widths(schema, alpha: 1 - share)
    }

    static func widths(_ schema: TableSchema, alpha: Double) -> [Int] {
        let smallest = Double(schema.fields.map(\.count).min() ?? 1)
        return schema.fields.map { field in
            let exact = Double(schema.width) * pow(Double(field.count) / smallest, -alpha)
            if exact >= Double(schema.width) { return schema.width }
            return min(schema.width, 1 << max(0, Int(log2(exact).rounded())))
        }
    }
}

/// Sizes of fields that each have a width of their own, and a matrix to the common width.
enum ProjectedFields {
    static func byteCount(_ schema: TableSchema, _ widths: [Int]) -> Int {
        zip(schema.fields, widths).reduce(0) { sum, field in
            let (count, width) = (field.0.count, field.1)
            return sum + 4 * (count * width + (width == schema.width ? 0 : width * schema.width))
        }
    }
}
