import KuklaNumerics
import KuklaTensor

/// Rounding to the nearest code. The step, where none is given, is what lets the largest component have the largest code.
extension LowPrecision: FixedTableMethod {
    static func compress(
        _ vectors: Tensor, _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?,
        seed: UInt64
    ) throws(KuklaError) -> any ServedTable {
        var configuration = configuration
        if configuration.values["step"] == nil {
            // The file says the step as text: what is read from it is what codes are made by.
            configuration = configuration.setting("step", to: "\(Code.step(for: vectors.elements))")
        }
        let step = Float(configuration.number("step"))
        return ServedIntegers<Code>(
            rounding: vectors, configuration, schema, steps: AlignedStorage([step]), hasStepPerRow: false)
    }
}

/// Rounding to the nearest code, each row by the step that its largest component needs.
extension ALPT: FixedTableMethod {
    static func compress(
        _ vectors: Tensor, _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?,
        seed: UInt64
    ) throws(KuklaError) -> any ServedTable {
        func rounded<Code: IntegerCode>(_ type: Code.Type) -> any ServedTable {
            let (rows, width) = (vectors.shape[0], vectors.shape[1])
            let steps = vectors.withUnsafeBufferPointer { all in
                (0..<rows).map { Code.step(for: all[$0 * width..<($0 + 1) * width]) }
            }
            return ServedIntegers<Code>(
                rounding: vectors, configuration, schema, steps: AlignedStorage(steps), hasStepPerRow: true)
        }
        return configuration.integer("bits") == 16 ? rounded(Int16.self) : rounded(Int8.self)
    }
}

extension IntegerCode {
    /// The step at which the number of largest magnitude has the largest code.
    fileprivate static func step(for numbers: some Sequence<Float>) -> Float {
        Swift.max(1e-9, numbers.reduce(0) { Swift.max($0, $1.magnitude) } / Float(Self.max))
    }
}

extension ServedIntegers {
    /// The nearest codes of `vectors [N, d]`.
    fileprivate init(
        rounding vectors: Tensor, _ configuration: TableConfiguration, _ schema: TableSchema,
        steps: AlignedStorage<Float>, hasStepPerRow: Bool
    ) {
        let codes = AlignedStorage<Code>(uninitialized: vectors.count)
        let width = schema.width
        vectors.withUnsafeBufferPointer { all in
            for i in all.indices {
                codes.pointer[i] = Code.nearest(all[i], step: steps.pointer[hasStepPerRow ? i / width : 0])
            }
        }
        self.init(
            configuration: configuration, schema: schema.bare,
            addressing: RowPerId(schema.fields.map(\.count)), codes: codes, steps: steps,
            hasStepPerRow: hasStepPerRow)
    }
}
