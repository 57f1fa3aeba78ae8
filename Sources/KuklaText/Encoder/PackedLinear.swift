import CKernels
import KuklaNumerics

/// A linear layer `y = x W^T + b` whose weights are packed for the kernels, in float32 or 8 bits.
struct PackedLinear: Sendable {
    private enum Weights: Sendable {
        case float(AlignedStorage<Float>)
        case integer(AlignedStorage<Int8>, scale: AlignedStorage<Float>, sum: AlignedStorage<Float>)
    }

    let inputs: Int
    let outputs: Int
    let bias: AlignedStorage<Float>
    private let weights: Weights

    /// Packs `weights` `[outputs, inputs]`, row-major.
    ///
    /// 8 bits: symmetric, one scale for each output, so that one large row does not coarsen the others.
    init(_ weights: [Float], bias: [Float], inputs: Int, outputs: Int, precision: TextEncoder.Precision) {
        self.inputs = inputs
        self.outputs = outputs
        self.bias = AlignedStorage(bias)
        let padded = (outputs + 31) / 32 * 32
        switch precision {
        case .float32:
            let memory = AlignedStorage<Float>(zeros: padded * inputs)
            weights.withUnsafeBufferPointer {
                kk_pack_transposed_f32($0.baseAddress!, inputs, outputs, inputs, memory.pointer)
            }
            self.weights = .float(memory)
        case .int8:
            let memory = AlignedStorage<Int8>(zeros: padded * PackedLinear.padded(inputs))
            let scale = AlignedStorage<Float>(zeros: outputs), sum = AlignedStorage<Float>(zeros: outputs)
            weights.withUnsafeBufferPointer {
                kk_pack_s8($0.baseAddress!, outputs, inputs, memory.pointer, scale.pointer, sum.pointer)
            }
            self.weights = .integer(memory, scale: scale, sum: sum)
        }
    }

    /// Columns of a quantised row: the 8-bit kernels take four at a time.
    static func padded(_ columns: Int) -> Int { (columns + 3) / 4 * 4 }

    /// Writes `y` `[rows, outputs]` for `x` `[rows, inputs]`.
    ///
    /// - Returns: the bias where the caller still has to add it (it does so in its next pass), `nil` where
    ///   the product has it already.
    func multiply(
        _ x: UnsafePointer<Float>, rows: Int, into y: UnsafeMutablePointer<Float>, scratch: EncoderScratch,
        kernels: UnsafePointer<kk_transformer_kernels>
    ) -> UnsafePointer<Float>? {
        switch weights {
        case .float(let memory):
            let panels = kk_panels_f32(data: memory.pointer, panel_stride: inputs * 32, row_stride: 32)
            kernels.pointee.multiply_f32(x, inputs, panels, y, outputs, rows, outputs, inputs)
            return UnsafePointer(bias.pointer)
        case .integer(let memory, let scale, let sum):
            let quantized = kk_rows_u8(
                data: scratch.bytes.pointer, scale: scratch.rowScale.pointer, zero: scratch.rowZero.pointer,
                stride: PackedLinear.padded(inputs))
            kernels.pointee.quantize_rows(x, rows, inputs, quantized)
            let panels = kk_panels_s8(
                data: memory.pointer, scale: scale.pointer, sum: sum.pointer, bias: bias.pointer)
            kernels.pointee.multiply_u8s8(
                quantized, panels, y, outputs, rows, outputs, PackedLinear.padded(inputs))
            return nil
        }
    }
}
