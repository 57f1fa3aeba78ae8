import CKernels
import KuklaNumerics
import KuklaTensor

/// Signed integers that table rows are stored as.
protocol IntegerCode: TableElement, FixedWidthInteger, SignedInteger {
    static var limits: CodeLimits { get }
    /// The code of a whole number within the limits.
    static func code(_ number: Float) -> Self
    /// Writes rows of codes times their steps, zeros for a row of -1.
    static func gather(
        _ codes: UnsafePointer<Self>, width: Int, steps: UnsafePointer<Float>, hasStepPerRow: Bool,
        rows: UnsafePointer<Int32>, count: Int, to out: UnsafeMutablePointer<Float>)
}

extension Int8: IntegerCode {
    static let limits = CodeLimits(least: -128, greatest: 127)
    static func code(_ number: Float) -> Int8 { Int8(number) }

    static func gather(
        _ codes: UnsafePointer<Int8>, width: Int, steps: UnsafePointer<Float>, hasStepPerRow: Bool,
        rows: UnsafePointer<Int32>, count: Int, to out: UnsafeMutablePointer<Float>
    ) {
        trainingKernels.gather_int8_rows(codes, width, steps, hasStepPerRow, rows, count, out)
    }
}

extension Int16: IntegerCode {
    static let limits = CodeLimits(least: -32_768, greatest: 32_767)
    static func code(_ number: Float) -> Int16 { Int16(number) }

    static func gather(
        _ codes: UnsafePointer<Int16>, width: Int, steps: UnsafePointer<Float>, hasStepPerRow: Bool,
        rows: UnsafePointer<Int32>, count: Int, to out: UnsafeMutablePointer<Float>
    ) {
        trainingKernels.gather_int16_rows(codes, width, steps, hasStepPerRow, rows, count, out)
    }
}

/// The least and the greatest code of a kind, as floats: rounding stays among floats, which loops over a table's weights are fast with.
struct CodeLimits: Sendable {
    let least: Float, greatest: Float

    /// The code of `value / step`, rounded up with the probability of the part behind the point ("stochastic rounding"), so that its mean
    /// is the value; `uniform` is from [0, 1). Values out of range get the nearest code.
    func stochastic(_ value: Float, step: Float, uniform: Float) -> Float {
        clipped((value / step + uniform).rounded(.down))
    }

    /// The nearest code of `value / step`.
    func nearest(_ value: Float, step: Float) -> Float { clipped((value / step).rounded()) }

    /// Not a number becomes 0.
    private func clipped(_ number: Float) -> Float {
        number == number ? min(greatest, max(least, number)) : 0
    }
}

extension IntegerCode {
    /// The nearest code of `value / step`.
    static func nearest(_ value: Float, step: Float) -> Self { code(limits.nearest(value, step: step)) }
}

/// A served table whose rows are integers times a step, of the table or of each row.
struct ServedIntegers<Code: IntegerCode>: ServedTable {
    let configuration: TableConfiguration
    let schema: TableSchema
    let addressing: RowPerId
    let codes: AlignedStorage<Code>
    /// One number, or one for each row, which then is saved.
    let steps: AlignedStorage<Float>
    let hasStepPerRow: Bool

    var arrays: [TableArray] {
        let rows = addressing.rowCount
        return [TableArray("codes", [rows, schema.width], codes)]
            + (hasStepPerRow ? [TableArray("steps", [rows], steps)] : [])
    }

    func write(field: Int, id: Int32, to out: UnsafeMutablePointer<Float>) {
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: 1) { row in
            row[0] = addressing.row(field: field, id: id, lookup: 0)
            copy(UnsafeBufferPointer(row), to: out)
        }
    }

    func lookup(
        _ ids: UnsafePointer<Int32>, rows: Int, fields: UnsafeBufferPointer<Int>,
        into out: UnsafeMutablePointer<Float>
    ) {
        addressing.forRows(ids, rows: rows, fields: fields) { copy($0, to: out + $1 * schema.width) }
    }

    private func copy(_ rows: UnsafeBufferPointer<Int32>, to out: UnsafeMutablePointer<Float>) {
        guard let numbers = rows.baseAddress else { return }
        Code.gather(
            codes.pointer, width: schema.width, steps: steps.pointer, hasStepPerRow: hasStepPerRow,
            rows: numbers, count: rows.count, to: out)
    }
}

extension ServedIntegers {
    /// Reads `codes`, and `steps` where each row has its own, of a file in place.
    ///
    /// - Parameter step: the step of all rows; nil where the file has one for each.
    init(
        _ configuration: TableConfiguration, _ schema: TableSchema, step: Float?, from reader: TableReader
    ) throws(KuklaError) {
        let addressing = RowPerId(schema.fields.map(\.count))
        let rows = addressing.rowCount
        let steps =
            if let step { AlignedStorage([step]) } else {
                try reader.array("steps", Float.self, shape: [rows]).storage
            }
        self.init(
            configuration: configuration, schema: schema, addressing: addressing,
            codes: try reader.array("codes", shape: [rows, schema.width]).storage,
            steps: steps, hasStepPerRow: step == nil)
    }
}
